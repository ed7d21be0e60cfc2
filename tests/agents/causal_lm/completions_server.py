"""A small server with the completions interface of vLLM or SGLang: token ids in, token ids out, weights from a folder.

It serves a real (tiny) model of Hugging Face, and draws with torch's own generator from whole forwards: nothing of the library's sampling is used. The fields
are those of the two projects' request and response models; what else they do (batching, paging, caching) is not here.
"""

import json
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import torch
import transformers


class CompletionsServer:
    """Serves on loopback until it is closed.

    `faults`: what it does wrong: "no ids", "no logprobs", "another prompt", "foreign tokens", "raw" (log-probabilities before the temperature, as vLLM's
    default), "deaf" (takes weights and keeps its own), "no developer" (vLLM without its development mode), "no room" (SGLang cannot load), "busy" (for once),
    "short" (a context shorter than the policy's).
    """

    def __init__(self, folder, kind="vllm", faults=(), dies_after=None):
        self.folder, self.kind, self.faults, self.dies_after = str(folder), kind, set(faults), dies_after
        self.requests, self.calls, self.adapters = [], [], {}
        self.version = "default"
        self._lock = threading.Lock()
        self._known = {}
        self._random = torch.Generator().manual_seed(17)
        self._load(self.folder)
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.answer(200, {"object": "list", "data": [{"id": "tiny"}]})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
                status, said = owner.handle(self.path, body)
                if status == 0:  # dead
                    self.close_connection = True
                    self.connection.close()
                else:
                    self.answer(status, said)

            def answer(self, status, said):
                content = json.dumps(said).encode() if not isinstance(said, str) else said.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if not isinstance(said, str) else "text/plain")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._http = _Threads(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()

    def handle(self, path, body):
        with self._lock:
            if path == "/v1/completions":
                if self.dies_after is not None and len(self.requests) >= self.dies_after:
                    return 0, None
                self.requests.append(body)
                if "busy" in self.faults and len(self.requests) == 1:
                    return 503, {"message": "try again"}
                if "short" in self.faults:
                    return 400, {"message": "This model's maximum context length is 16 tokens."}
                return self._completed(body)
            self.calls.append((path, body))
            return self._weights(path, body)

    def _weights(self, path, body):
        folder = None
        adapters = "/v1" if self.kind == "vllm" else ""
        if path == f"{adapters}/load_lora_adapter":
            if "deaf" not in self.faults:
                self.adapters[body["lora_name"]] = _adapted(self.folder, body["lora_path"])
            else:
                self.adapters[body["lora_name"]] = self.model
        elif path == f"{adapters}/unload_lora_adapter":
            del self.adapters[body["lora_name"]]
        elif self.kind == "vllm" and path in ("/collective_rpc", "/reset_prefix_cache") and "no developer" not in self.faults:
            folder = self.folder if body.get("method") == "reload_weights" else None
        elif "no room" in self.faults:
            return 200, {"success": False, "message": "out of memory"}
        elif self.kind == "sglang" and path == "/update_weights_from_disk":
            folder, self.version = body["model_path"], body["weight_version"]
        else:
            return 404, {"detail": "Not Found"}
        if folder is not None and "deaf" not in self.faults:
            self._load(folder)
        self._known.clear()
        return (200, "Success") if self.kind == "vllm" else (200, {"success": True, "message": "Succeeded"})

    def _load(self, folder):
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def _completed(self, body):
        name = body["model"] if self.kind == "vllm" else body.get("lora_path")
        if name not in (None, "tiny", *self.adapters):
            return 404, {"object": "error", "message": f"The model `{name}` does not exist.", "code": 404}
        assert body["logprobs"] == 1
        assert body["n"] == 1
        assert body["return_token_ids"]
        ids, logprobs = [], []
        random = self._random if body.get("seed") is None else torch.Generator().manual_seed(body["seed"])
        while len(ids) < body["max_tokens"]:
            logits = self._logits(name, (*body["prompt"], *ids))
            drawn_from = _distribution(logits, body)
            token = int(logits.argmax()) if body["temperature"] == 0 else int(torch.multinomial(drawn_from.exp(), 1, generator=random))
            told = torch.log_softmax(logits, dim=0) if "raw" in self.faults or body["temperature"] == 0 else drawn_from
            ids.append(token)
            logprobs.append(float(told[token]))
            if token in body["stop_token_ids"]:
                break
        if "foreign tokens" in self.faults:
            ids[0] = 10**6
        choice = {"index": 0, "text": "not looked at", "finish_reason": "stop" if ids[-1] in body["stop_token_ids"] else "length"}
        choice["logprobs"] = None if "no logprobs" in self.faults else {"token_logprobs": logprobs, "tokens": [], "top_logprobs": [], "text_offset": []}
        if "no ids" not in self.faults:
            choice |= {"token_ids": ids, "prompt_token_ids": body["prompt"][1:] if "another prompt" in self.faults else body["prompt"]}
        metadata = {"metadata": {"weight_version": self.version}} if self.kind == "sglang" else {}
        return 200, {"id": "cmpl-1", "object": "text_completion", "created": 0, "model": name, "choices": [choice], "usage": {}, **metadata}

    def _logits(self, name, ids):
        key = (name, ids)
        if key not in self._known:
            with torch.no_grad():
                self._known[key] = self.adapters.get(name, self.model)(input_ids=torch.tensor([ids])).logits[0, -1].double()
        return self._known[key]


class _Threads(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # connections that wait to be taken


def _distribution(logits, body):
    """Log-probabilities at a temperature, of the most probable tokens."""
    found = logits / (body["temperature"] or 1.0)
    if body["top_k"] > 0:
        found[found < found.topk(body["top_k"]).values[-1]] = float("-inf")
    assert body["top_p"] == 1.0
    return torch.log_softmax(found, dim=0)


def _adapted(base, folder):
    import peft

    warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers by names of yesterday
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return peft.PeftModel.from_pretrained(model, folder).eval()
