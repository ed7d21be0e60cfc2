"""A group whose attempts are spread over two processes gets the credit of one group."""

import json
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

from prm_gym.credit import StepBatch, assign
from prm_gym.testing.tiny_models import tiny_causal_lm

PROCESS = Path(__file__).with_name("step_trainer_process.py")
SHARE = 0.45 / 32  # what "dense" gives for a right step of a text; a wrong one costs a fifth of it


@pytest.mark.slow
def test_credit_is_given_over_the_whole_group(tmp_path):
    model = str(tiny_causal_lm(tmp_path / "model"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-addr", "127.0.0.1", "--master-port", str(port)]
    done = subprocess.run([sys.executable, *torchrun, str(PROCESS), str(tmp_path), model, "2"], capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (json.loads((tmp_path / f"said-{rank}.json").read_text()) for rank in range(2))
    # The four attempts by hand: right; both steps wrong; the answer alone; right in three steps.
    batch = StepBatch(
        rewards=[SHARE, 1 + SHARE, -SHARE / 5, -SHARE / 5, 1 + SHARE, SHARE, SHARE, 1 + SHARE],
        offsets=[0, 2, 4, 5, 8],
        group_ids=["one"] * 4,
        outcomes=[1.0, 0.0, 1.0, 1.0],
        truncated=[False] * 4,
        columns={"score": [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]},
    )
    wanted = assign("grpo_ps", batch).advantages
    found = [*first["advantages"], *second["advantages"]]
    for row, begin, end in zip(found, batch.offsets, batch.offsets[1:], strict=False):
        # Of each token's number only where it changes: the texts of two steps may weigh the same.
        steps = [row[0], *(now for before, now in pairwise(row) if now != before)]
        assert steps == pytest.approx([each for at, each in enumerate(wanted[begin:end]) if at == 0 or each != wanted[begin + at - 1]], abs=1e-6)
    assert first["tokens"] == second["tokens"] == sum(map(len, found))
    assert first["weight"] == second["weight"]
