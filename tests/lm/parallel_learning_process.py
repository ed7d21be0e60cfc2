"""What every process of `test_parallel.py` runs: two updates, whose weights the first process writes."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
import transformers

from prm_gym.agents.causal_lm.learning import Learner
from prm_gym.agents.causal_lm.learning_options import LearningOptions
from prm_gym.lm.parallel import whole
from prm_gym.lm.sequences import ActionSpan, TokenSequence
from prm_gym.testing.tiny_models import tiny_config

strategy, out, resume = sys.argv[1], Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""
torch.set_num_threads(1)
torch.manual_seed(0)
model = transformers.AutoModelForCausalLM.from_config(
    tiny_config("qwen2", 24, hidden_size=16, intermediate_size=32, num_attention_heads=2, initializer_range=0.2)
)
if resume:
    model.load_state_dict(torch.load(Path(resume) / "model.pt"))
options = LearningOptions(
    learning_rate=1e-2,
    epochs=2,
    batch_tokens=16,
    kl_weight=0.1,
    value_weight=0.5,
    clip_norm=0.5,
    parallel=strategy,
    normalization="step-mean",
    entropy_weight=0.01,
)
learner = Learner(model, options)
if resume:
    learner.load(Path(resume))
random = np.random.default_rng(0)
# Five sequences of different lengths: no fair share for two processes.
sequences = []
for row in range(5):
    ids = tuple(random.integers(0, 24, 4 + 2 * row).tolist())
    sequences.append(TokenSequence(ids, (ActionSpan(row, 2, len(ids)),), (None,)))
metrics = [learner.update(sequences, random.standard_normal(5), None, random.standard_normal(5)) for _ in range(2)]
columns = learner.columns(sequences, 5)
learner.save(out)
weights = {name: whole(weight.detach()).clone() for name, weight in learner.network.named_parameters()}
if learner.parallel.rank == 0:
    torch.save(weights, out / "weights.pt")
    torch.save({name.removeprefix("model."): weight for name, weight in weights.items() if name.startswith("model.")}, out / "model.pt")
    (out / "metrics.json").write_text(json.dumps([metrics, columns.logprob.tolist(), os.environ.get("WORLD_SIZE", "1")]))
if learner.parallel.size > 1:
    torch.distributed.destroy_process_group()
