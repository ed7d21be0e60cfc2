"""Two processes learn what one learns: replicated and sharded."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from prm_gym.errors import OptionError
from prm_gym.lm.parallel import Parallel

PROCESS = Path(__file__).with_name("parallel_learning_process.py")


def _learned(strategy, processes, out, resume=""):
    out.mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = (
        [] if processes == 1 else ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--master-addr", "127.0.0.1", "--master-port", str(port)]
    )
    done = subprocess.run([sys.executable, *start, str(PROCESS), strategy, str(out), resume], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(out / "weights.pt"), json.loads((out / "metrics.json").read_text())


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_and_go_on_from_its_state(tmp_path):
    weights, (metrics, logprobs, _) = _learned("none", 1, tmp_path / "one")
    later, _ = _learned("none", 1, tmp_path / "one-later", str(tmp_path / "one"))
    for strategy in ("ddp", "fsdp"):
        found, (said, columns, size) = _learned(strategy, 2, tmp_path / strategy)
        assert size == "2"
        for one, other in zip(metrics, said, strict=True):
            assert other == pytest.approx(one, rel=1e-3, abs=1e-5)
        assert columns == pytest.approx(logprobs, abs=1e-3)
        assert found.keys() == weights.keys()
        for name, weight in weights.items():
            torch.testing.assert_close(found[name], weight, atol=2e-4, rtol=1e-3)
    # A state of one process is one of two, and the other way round.
    found, _ = _learned("fsdp", 2, tmp_path / "fsdp-later", str(tmp_path / "one"))
    for name, weight in later.items():
        torch.testing.assert_close(found[name], weight, atol=2e-4, rtol=1e-3)


def test_processes_that_nobody_started_are_missed():
    with pytest.raises(OptionError, match="start the training with torchrun"):
        Parallel("fsdp")
