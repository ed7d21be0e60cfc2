"""TokenServer: many texts at once from a model behind vLLM or SGLang, token ids in and token ids out.

Both serve OpenAI's `/v1/completions` with these fields beside OpenAI's own: `prompt` as token ids, `stop_token_ids`, `top_k` (-1: all), `min_p`,
`repetition_penalty`, `return_token_ids`; and in the answer's choice `token_ids`, `prompt_token_ids` and `logprobs.token_logprobs`. Nothing is tokenised here,
and nothing of an answer is believed that can be looked at: its prompt is the one that was sent, its ids are of this vocabulary, each has a log-probability.
Everything that a server might set by itself (vLLM takes defaults from the model's generation_config.json) is sent.

Source: vLLM, entrypoints/openai/completion/protocol.py; SGLang, srt/entrypoints/openai/protocol.py. Neither was run with this.
"""

import asyncio
import math
import os
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import msgspec

from prm_gym import event_loop
from prm_gym.chat.bounded import bounded
from prm_gym.chat.wire import is_too_long
from prm_gym.errors import OptionError
from prm_gym.lm.sampling import Sampling

ServerKind: TypeAlias = Literal["vllm", "sglang"]
_ROUNDING = 1e-3  # by which the log-probability of a certain token may lie above 0
_SHOWN = 300  # letters of a server's message
_CLOSING_SECONDS = 3.0


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which server, and how it is asked.

    Attributes:
        url: with its version, as http://localhost:8000/v1.
        kind: "vllm" or "sglang".
        model: as the server names it; "" for the first that it lists.
        concurrency: requests that are on their way at once.
        seconds: that one attempt may take.
        attempts: how often a request is sent before it is given up.
        key_variable: the environment variable that holds the key; a server without one needs none.
        rows: tokens of the vocabulary.
    """

    url: str
    kind: ServerKind
    model: str
    concurrency: int
    seconds: float
    attempts: int
    key_variable: str
    rows: int


class TokenRequest(NamedTuple):
    """A text to be continued.

    Attributes:
        ids: that stand before it.
        most: tokens that may be written.
        seed: of the draws, in [0, 2^31); None for any.
    """

    ids: Sequence[int]
    most: int
    seed: int | None


class TokenAnswer(NamedTuple):
    """What was written.

    Attributes:
        token_ids: with the end token, unless the limit came first.
        logprobs: of each token, as the server says it.
        version: of the weights, where the server says it.
    """

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    version: str | None


class NoAnswer(NamedTuple):
    """Why nothing was written: the server has failed, which says nothing of the model."""

    reason: str


class _Logprobs(msgspec.Struct):
    token_logprobs: list[float | None] | None = None


class _Choice(msgspec.Struct):
    token_ids: list[Annotated[int, msgspec.Meta(ge=0)]] | None = None
    prompt_token_ids: list[int] | None = None
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    metadata: dict[str, Any] | None = None


class _Loaded(msgspec.Struct):
    success: bool = True
    message: str = ""


class TokenServer:
    """A connection, which is opened when it is first needed. It may be closed, and opens again.

    Attributes:
        settings: of it.
        adapter: name of the adapter that is asked for in place of the model itself; "" for none.
        failures: requests that got no answer.
    """

    def __init__(self, settings: ServerSettings) -> None:
        """Take the settings; nothing is asked yet."""
        self.settings = settings
        self.adapter = ""
        self.failures = 0
        self._clients: dict[int, Any] = {}  # by process: one of the parent's is of no use in a fork
        self._model = settings.model
        self._reached = False

    def write(self, requests: Sequence[TokenRequest], sampling: Sampling, ends: Sequence[int]) -> list[TokenAnswer | NoAnswer]:
        """Continue texts, all at once.

        Args:
            requests: any number.
            sampling: how tokens are drawn.
            ends: tokens that end a text.

        Returns:
            [len(requests)], in order.

        Raises:
            OptionError: the server was never reached, refuses what it is asked, or does not send what is needed; says what it is to be started with.
        """
        future = event_loop.submit(self._all(requests, sampling, ends))
        try:
            found = future.result()
        except BaseException:  # Ctrl-C
            future.cancel()
            raise
        self.failures += sum(isinstance(each, NoAnswer) for each in found)
        return found

    def load(self, folder: str, version: int, adapters: bool) -> NoAnswer | None:
        """Have the server take the weights of a folder that it sees.

        Args:
            folder: as `checkpoint.save` writes it. vLLM takes whole weights only from the folder that it was started from.
            version: of them.
            adapters: they are LoRA's, beside the model that is served.

        Returns:
            Why it did not answer; None when it has them.

        Raises:
            OptionError: it refuses them; says what it is to be started with.
        """
        future = event_loop.submit(self._load(folder, version, adapters))
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Close connections."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            with suppress(TimeoutError, CancelledError, RuntimeError):
                event_loop.submit(client.close()).result(_CLOSING_SECONDS)

    async def _all(self, requests: Sequence[TokenRequest], sampling: Sampling, ends: Sequence[int]) -> list[TokenAnswer | NoAnswer]:
        if not self._model:
            named = await self._named()
            if isinstance(named, NoAnswer):
                return [named] * len(requests)
            self._model = named
        sending = asyncio.Semaphore(self.settings.concurrency)

        async def one(request: TokenRequest) -> TokenAnswer | NoAnswer:
            async with sending:
                content = await self._sent("completions", self._body(request, sampling, ends))
            return content if isinstance(content, NoAnswer) else self._answer(content, request)

        tasks = [asyncio.create_task(one(request)) for request in requests]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:  # the first error ends the others
                task.cancel()

    async def _named(self) -> str | NoAnswer:
        content = await self._sent("models", None)
        if isinstance(content, NoAnswer):
            return content
        try:
            listed: list[dict[str, Any]] = msgspec.json.decode(content)["data"]
            return str(listed[0]["id"])
        except (msgspec.DecodeError, KeyError, IndexError, TypeError) as error:
            raise OptionError(f"server={self.settings.url!r} lists no model; name it: server_model=...") from error

    def _body(self, request: TokenRequest, sampling: Sampling, ends: Sequence[int]) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self._model, "prompt": list(request.ids), "max_tokens": request.most, "n": 1}
        body |= {"temperature": 0.0 if sampling.greedy else sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k or -1, "min_p": 0.0}
        body |= {"repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
        body |= {"stop_token_ids": list(ends), "logprobs": 1, "return_token_ids": True, "skip_special_tokens": False}
        if request.seed is not None:
            body["seed"] = request.seed
        if self.settings.kind == "sglang":
            body["no_stop_trim"] = True
        if self.adapter:
            body |= {"model": self.adapter} if self.settings.kind == "vllm" else {"lora_path": self.adapter}
        return body

    def _answer(self, content: bytes, request: TokenRequest) -> TokenAnswer | NoAnswer:
        """What an answer holds.

        Raises:
            OptionError: it does not hold what is needed.
        """
        where = f"server={self.settings.url!r}"
        try:
            read = msgspec.json.decode(content, type=_Completion)
        except msgspec.DecodeError as error:
            return NoAnswer(f"{where} sent no answer that can be read: {error}")
        if not read.choices or read.choices[0].finish_reason in ("abort", "error"):
            return NoAnswer(f"{where} broke the answer off")
        choice = read.choices[0]
        ids, values = choice.token_ids, None if choice.logprobs is None else choice.logprobs.token_logprobs
        if ids is None:
            raise OptionError(f"{where} sends no token ids: it does not honour return_token_ids. A later version of vLLM (0.10.2 on) or SGLang is needed")
        if choice.prompt_token_ids is not None and choice.prompt_token_ids != list(request.ids):
            raise OptionError(
                f"{where} read another prompt than it was sent ({len(choice.prompt_token_ids)} tokens for {len(request.ids)}): it must not change it"
            )
        if values is None or len(values) != len(ids):
            raise OptionError(f"{where} sends {0 if values is None else len(values)} log-probabilities for {len(ids)} tokens: it does not honour logprobs=1")
        numbers = [value for value in values if value is not None and math.isfinite(value) and value <= _ROUNDING]
        if len(numbers) != len(ids):
            raise OptionError(f"{where} sends log-probabilities that are none (start vLLM with --logprobs-mode processed_logprobs)")
        if not ids or max(ids) >= self.settings.rows:
            raise OptionError(f"{where} sends tokens that are not of the vocabulary of {self.settings.rows:,}, or none: it serves another model")
        said = (read.metadata or {}).get("weight_version")
        return TokenAnswer(tuple(ids), tuple(min(number, 0.0) for number in numbers), None if said is None else str(said))

    async def _load(self, folder: str, version: int, adapters: bool) -> NoAnswer | None:
        root, name, before = self.settings.url.removesuffix("/").removesuffix("/v1"), f"prm_gym-{version}", self.adapter
        vllm = self.settings.kind == "vllm"
        place = f"{self.settings.url.removesuffix('/')}/" if vllm else f"{root}/"  # of adapters
        calls: list[tuple[str, dict[str, Any]]] = []
        if adapters:
            calls.append((f"{place}load_lora_adapter", {"lora_name": name, "lora_path": folder}))
        elif vllm:
            calls += [(f"{root}/collective_rpc", {"method": "reload_weights"}), (f"{root}/reset_prefix_cache", {})]
        else:
            calls.append((f"{root}/update_weights_from_disk", {"model_path": folder, "weight_version": str(version)}))
        for address, body in calls:
            content = await self._sent(address, body)
            if isinstance(content, NoAnswer):
                return content
            _require_success(content, address)
        if adapters:
            self.adapter = name
            if before:
                with suppress(OptionError):  # it has dropped it by itself
                    await self._sent(f"{place}unload_lora_adapter", {"lora_name": before})
        return None

    async def _sent(self, path: str, body: Mapping[str, Any] | None) -> bytes | NoAnswer:
        """The body of a good response; what fails for a while is sent again by the official client.

        Raises:
            OptionError: the server refuses it, or was never reached.
        """
        import openai

        where = f"server={self.settings.url!r}"
        client = self._opened()
        try:
            content = await (client.get(path, cast_to=bytes) if body is None else client.post(path, cast_to=bytes, body=dict(body)))
        except openai.APIStatusError as error:
            self._reached = True
            if error.status_code >= 500 or error.status_code in (408, 409, 425, 429):
                return NoAnswer(f"{where} failed {self.settings.attempts} times: HTTP status {error.status_code}: {str(error)[:_SHOWN]}")
            name = body.get("lora_path", body["model"]) if body is not None and "prompt" in body else self._model
            if error.status_code == 404 and name != self._model:
                self.adapter = ""
                return NoAnswer(f"{where} no longer has the adapter {name!r}; it was started anew")
            said = f"HTTP status {error.status_code}: {str(error)[:_SHOWN]}{_advice(path, str(error))}"
            raise OptionError(f"{where} refuses {path.rpartition('/')[2]}: {said}") from error
        except openai.OpenAIError as error:  # no connection, no answer in time
            if not self._reached:
                raise OptionError(f"{where} cannot be reached: {error}") from error
            return NoAnswer(f"{where} does not answer: {str(error)[:_SHOWN]}")
        self._reached = True
        return bytes(content)

    def _opened(self) -> Any:
        client = self._clients.get(os.getpid())
        if client is None:
            import openai

            settings = self.settings
            limits = type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=settings.concurrency, max_keepalive_connections=settings.concurrency)
            client = self._clients[os.getpid()] = openai.AsyncOpenAI(
                api_key=os.environ.get(settings.key_variable, "").strip() or "none",
                base_url=settings.url,
                max_retries=settings.attempts - 1,
                timeout=settings.seconds,
                default_headers={"Accept-Encoding": "identity"},  # what is packed can be of any size when it is unpacked
                http_client=openai.DefaultAsyncHttpxClient(limits=limits, follow_redirects=False, event_hooks={"response": [bounded]}),
            )
            event_loop.at_end(partial(_close, weakref.ref(self)))
            weakref.finalize(self, _let_go, client, os.getpid()).atexit = False
        return client


def _close(server: "weakref.ref[TokenServer]") -> None:
    found = server()
    if found is not None:
        found.close()


def _let_go(client: Any, pid: int) -> None:
    """Close what a server that is gone has left open. It may be the loop itself that finds it gone, so nobody waits."""
    if pid == os.getpid() and not client.is_closed():
        event_loop.submit(client.close())


def _require_success(content: bytes, address: str) -> None:
    """SGLang answers a load that failed with a status of success and `success: false`."""
    try:
        said = msgspec.json.decode(content, type=_Loaded)
    except msgspec.DecodeError:  # vLLM answers in words, or not at all
        return
    if not said.success:
        raise OptionError(f"{address} did not take the weights: {said.message[:_SHOWN]}")


def _advice(path: str, message: str) -> str:
    """What a server is to be started with for a request that it refuses."""
    match path.rpartition("/")[2]:
        case "load_lora_adapter" | "unload_lora_adapter":
            return " (vLLM: --enable-lora --max-lora-rank RANK, and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True; SGLang: --enable-lora --max-lora-rank RANK)"
        case "collective_rpc" | "reset_prefix_cache":
            return " (vLLM: VLLM_SERVER_DEV_MODE=1)"
        case "completions" if is_too_long(message):
            return " (start the server with the context of the policy: --max-model-len for vLLM, --context-length for SGLang)"
        case _:
            return ""
