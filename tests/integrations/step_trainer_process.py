"""What every process of `test_trl_processes.py` runs: one update of StepGRPOTrainer, of which each process writes its own advantages."""

import json
import os
import sys
from pathlib import Path

import torch
from datasets import Dataset
from trl import GRPOConfig

from prm_gym.integrations.completions import TextScorer
from prm_gym.integrations.trl.step_trainer import StepGRPOTrainer

out, model, here = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])  # folder, checkpoint, attempts in each process
SAID = ["3 * 4 = 12\n#### 14", "3 * 4 = 13\n#### 15", "#### 14", "3 * 4 = 12\n2 + 12 = 14\n#### 14"]
torch.set_num_threads(1)


class Told(StepGRPOTrainer):
    """Writes what it is told, each process its part."""

    def _generate_single_turn(self, prompt_ids, images, fields, num_generations, **options):
        first = self.accelerator.process_index * len(prompt_ids)
        return [self._tokenizer(SAID[first + at])["input_ids"] for at in range(len(prompt_ids))], None

    def _generate_and_score_completions(self, inputs):
        self.output = super()._generate_and_score_completions(inputs)
        return self.output


args = GRPOConfig(
    output_dir=str(out), per_device_train_batch_size=here, num_generations=4, max_completion_length=64, max_steps=1, learning_rate=1e-2, loss_type="dapo",
    report_to=[], use_cpu=True, save_strategy="no", disable_tqdm=True, shuffle_dataset=False,
)  # fmt: skip
scorer = TextScorer("sequence(arithmetic, equivalence)", reward="dense")
trainer = Told(model, credit="grpo_ps", scorer=scorer, args=args, train_dataset=Dataset.from_list([{"prompt": "What is 2 + 3 * 4?\n", "answer": "14"}]))
trainer.train()
rows = [row[mask.bool()].tolist() for row, mask in zip(trainer.output["advantages"], trainer.output["completion_mask"], strict=True)]
weight = torch.cat([each.detach().flatten() for each in trainer.model.parameters()])
said = {"advantages": rows, "tokens": int(trainer.output["num_items_in_batch"]), "weight": weight.double().norm().item()}
(out / f"said-{os.environ.get('RANK', '0')}.json").write_text(json.dumps(said))
