"""How fast small process reward models train, and what each option of their training is worth where the truth is known.

python benchmarks/prm/training/run.py             # --chains 400 --seeds 1 --epochs 2 for a short run, --json for JSON
"""

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
import tyro

from prm_gym.prm.training.batching import items_of, length_of, plan
from prm_gym.prm.training.config import DataOptions, LossOptions, ModelOptions, RunOptions, TrainingConfig
from prm_gym.prm.training.data import load
from prm_gym.prm.training.models import build_model
from prm_gym.prm.training.run import train_prm
from prm_gym.prm.training.tokens import Encoder

FIRST_SEED = 20260101
NOISE = 0.2

# Name, file of labels, what is changed.
VARIANTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("true labels", "true", {}),
    ("without the loss on text", "true", {"text_weight": 0.0}),
    ("classes weigh the same", "true", {"balance": "class"}),
    ("last-step-balanced", "true", {"sampling": "last-step-balanced"}),
    ("preferences alone", "pairs", {}),
    ("20% of the labels turned round", "noisy", {}),
    ("the same, bootstrap 0.3", "noisy", {"bootstrap": 0.3}),
    ("errors found up to 2 steps late", "late", {}),
    ("the same, tolerance 2", "late", {"tolerance": 2}),
)


@dataclass(frozen=True)
class Options:
    """What is run.

    Attributes:
        chains: to train on.
        seeds: of each variant.
        epochs: of each training.
        width: of the decoders.
        layers: of the decoders.
        speed_only: leave the variants out.
        device: where they train.
        json: print JSON.
    """

    chains: int = 4000
    seeds: int = 3
    epochs: int = 6
    width: int = 64
    layers: int = 2
    speed_only: bool = False
    device: str = "auto"
    json: bool = False


def chains_of(count: int, seed: int, steps: tuple[int, int] = (3, 9)) -> list[dict[str, Any]]:
    """Sheets of sums of two numbers from 1 to 6, of 3 to 8 steps; a step is right with probability 0.75. TRL's layout, with the truth."""
    generator = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for at in range(count):
        texts: list[str] = []
        labels: list[bool] = []
        for _ in range(int(generator.integers(*steps))):
            a, b = (int(value) for value in generator.integers(1, 7, 2))
            right = bool(generator.random() < 0.75)
            texts.append(f"{a} + {b} = {a + b if right else int(generator.choice([value for value in range(2, 13) if value != a + b]))}")
            labels.append(right)
        rows.append({"id": f"{seed}-{at}", "prompt": f"Sheet {at}: add.", "completions": texts, "labels": labels})
    return rows


def noisy(rows: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """The same with a share of the labels turned round."""
    generator = np.random.default_rng(seed)
    return [{**row, "labels": [bool(label != (generator.random() < NOISE)) for label in row["labels"]]} for row in rows]


def late(rows: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """The labels of a first error that is found 0 to 2 steps late, and ends the chain: as roll-outs find it that repair what went wrong."""
    generator = np.random.default_rng(seed)
    found: list[dict[str, Any]] = []
    for row in rows:
        count = len(row["labels"])
        error = row["labels"].index(False) if False in row["labels"] else count
        noticed = min(error + int(generator.integers(0, 3)), count - 1) if error < count else count
        labels = [at < noticed for at in range(min(noticed + 1, count))]
        found.append({**row, "completions": row["completions"][: len(labels)], "labels": labels})
    return found


def pairs(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each chain one right and one wrong way to take its last step."""
    found: list[dict[str, Any]] = []
    for row in rows:
        sum_of, _, said = row["completions"][-1].rpartition(" = ")
        a, b = (int(value) for value in sum_of.split(" + "))
        wrong = int(said) if not row["labels"][-1] else a + b + 1
        found.append({"problem": row["prompt"], "steps": row["completions"][:-1], "chosen": f"{sum_of} = {a + b}", "rejected": f"{sum_of} = {wrong}"})
    return found


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    """Rows as JSON lines; the path."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def speed(folder: Path, options: Options) -> list[dict[str, Any]]:
    """Tokens a processor second and padding of decoders of three sizes; padding of arrival order on the same chains beside."""
    file = write(folder / "speed.jsonl", chains_of(options.chains, FIRST_SEED + 1000))
    found: list[dict[str, Any]] = []
    for width, layers in ((64, 2), (128, 4), (256, 4)):
        config = TrainingConfig(
            data=DataOptions(files=(file,)),
            model=ModelOptions(width=width, layers=layers),
            run=RunOptions(epochs=1, max_updates=24, evaluate_every=24, batch_tokens=4096, device=options.device),
        )
        began = time.perf_counter()
        result = train_prm(config, folder / f"speed-{width}")
        rows = [json.loads(line) for line in (folder / f"speed-{width}" / "metrics.jsonl").read_text().splitlines()]
        seconds = next(row for row in reversed(rows) if row["kind"] == "train")["seconds"]
        found.append(
            {
                "parameters": result.parameters["all"],
                "tokens": result.tokens,
                "tokens a processor second": round(result.tokens / seconds),
                "padding": round(result.padding, 4),
                "wall seconds, all": round(time.perf_counter() - began, 1),
            }
        )
    found.append({"padding in order of arrival": round(arrival_padding(file), 4), "threads": torch.get_num_threads()})
    return found


def arrival_padding(file: str) -> float:
    """The share of padding when batches of 4,096 tokens are filled in the order of the file."""
    data = load((file,), DataOptions(files=(file,)))
    model = build_model(ModelOptions(width=16, layers=1, heads=2), [item.chain.problem for item in data.chains], 0, "cpu", torch.float32)
    tokens = Encoder(model.family, model.tokenizer, model.max_context).chains(data.chains).chains
    lengths = [length_of(item, tokens) for item in items_of(tokens, "all-steps", 0, 0)]
    padded = count = longest = 0
    for length in lengths:
        if count and (count + 1) * max(longest, length) > 4096:
            padded, count, longest = padded + count * longest, 0, 0
        count, longest = count + 1, max(longest, length)
    padded += count * longest
    assert plan(items_of(tokens, "all-steps", 0, 0), lengths, 4096, 0, 0)
    return 1.0 - sum(lengths) / padded


def variants(folder: Path, options: Options) -> list[dict[str, Any]]:
    """Every variant with every seed, on the same test chains with true labels."""
    found: list[dict[str, Any]] = []
    for at in range(options.seeds):
        seed = FIRST_SEED + at
        rows = chains_of(options.chains, seed)
        files = {
            "true": write(folder / f"true-{at}.jsonl", rows),
            "noisy": write(folder / f"noisy-{at}.jsonl", noisy(rows, seed)),
            "late": write(folder / f"late-{at}.jsonl", late(rows, seed)),
            "pairs": write(folder / f"pairs-{at}.jsonl", pairs(rows)),
        }
        held = write(folder / f"held-{at}.jsonl", [{**row, "prompt": f"Held out {row['prompt']}"} for row in chains_of(500, seed + 500)])
        for number, (name, labels, changed) in enumerate(VARIANTS):
            config = TrainingConfig(
                data=DataOptions(files=(files[labels],), validation_files=(held,), test_share=0.0),
                model=ModelOptions(width=options.width, layers=options.layers),
                loss=LossOptions(**changed),
                run=RunOptions(epochs=options.epochs, batch_tokens=1024, learning_rate=2e-3, seed=at, device=options.device),
            )
            result = train_prm(config, folder / f"variant-{number}-{at}")
            found.append({"variant": name, "seed": seed, **msgspec.to_builtins(result.validation), "processor seconds": result.seconds})
    return found


def main(options: Options) -> None:
    """Run both parts and print them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results: dict[str, Any] = {"speed": speed(folder, options), "variants": [] if options.speed_only else variants(folder, options)}
    if options.json:
        print(json.dumps(results))
        return
    for row in results["speed"]:
        print(row)
    print("| variant | AUC of steps | F1 of the first error | cross-entropy | of the best constant |\n|---|---|---|---|---|")
    for name, _, _ in VARIANTS if results["variants"] else ():
        rows = [row for row in results["variants"] if row["variant"] == name]
        cells = [
            f"{np.mean([row[key] for row in rows]):.3f} ± {np.std([row[key] for row in rows]):.3f}" for key in ("auc", "first_error_f1", "nll", "constant_nll")
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(tyro.cli(Options))
