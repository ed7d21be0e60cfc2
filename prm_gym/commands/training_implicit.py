"""Rewards of steps that are learnt from outcomes, or over a frozen model: `train-implicit`, `train-confidence`."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import tyro

from prm_gym.commands.records import print_records

if TYPE_CHECKING:
    from prm_gym.prm.labelled import LabelledChain


def train_implicit(
    data: Annotated[tuple[str, ...], tyro.conf.Positional],
    model: str,
    out: str,
    objective: Literal["cross-entropy", "dpo"] = "cross-entropy",
    combine: Literal["sum", "mean"] = "sum",
    beta: float = 0.05,
    learning_rate: float = 1e-6,
    epochs: int = 1,
    batch_chains: int = 64,
    batch_tokens: int = 8192,
    validation: float = 0.1,
    lora: int = 0,
    max_tokens: int = 0,
    gradient_checkpointing: bool = False,
    keep_reference: bool = False,
    layout: str = "auto",
    limit: int = 0,
    seed: int = 0,
    device: str = "auto",
    trust_remote_code: bool = False,
    json: bool = False,
) -> None:
    """Train an implicit reward (PRIME, iStar) from outcomes alone: no step needs a label. The checkpoint is a verifier: `implicit:OUT`.

    Interrupted at any moment, the same command goes on and ends with the same weights.

    Args:
        data: files of chains with outcomes: stored trajectories, ProcessBench's layout, or others of `train-prm` that tell whether the answer is right.
        model: the causal model of Hugging Face to begin with (a folder, or a name on the hub), which is the reference too.
        out: folder of the checkpoint.
        objective: cross-entropy on outcomes, or preferences between solutions of one problem.
        combine: how the rewards of steps become that of a solution.
        beta: factor of the log-ratio.
        learning_rate: the highest; 1e-6 for models of billions of parameters, 1e-4 and more for small ones and adapters.
        epochs: passes over the data.
        batch_chains: solutions in an update.
        batch_tokens: tokens that go through the model at once; the result does not depend on it.
        validation: share of the problems that is held out; the best weights on them are kept.
        lora: rank of adapters; 0 trains all weights.
        max_tokens: longer solutions are left out and counted; 0 for what the model can read.
        gradient_checkpointing: compute activations again instead of keeping them.
        keep_reference: write the reference beside the model, so that the checkpoint stands alone.
        layout: of the rows; told by their fields unless it is given.
        limit: of rows that are taken of a file; 0 for all.
        seed: of split and order.
        device: where it is trained: cpu, cuda, cuda:NUMBER or auto.
        trust_remote_code: run code that comes with the model.
        json: print the whole result as JSON.
    """
    _require_packages()
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from prm_gym.prm.implicit.learner import LearningOptions
    from prm_gym.prm.implicit.training import TrainingOptions
    from prm_gym.prm.implicit.training import train_implicit as train

    options = TrainingOptions(
        learning=LearningOptions(objective=objective, combine=combine, beta=beta, learning_rate=learning_rate, batch_tokens=batch_tokens),
        epochs=epochs,
        batch_chains=batch_chains,
        validation=validation,
        lora_rank=lora,
        max_tokens=max_tokens,
        gradient_checkpointing=gradient_checkpointing,
        keep_reference=keep_reference,
        seed=seed,
    )
    chains = _chains(data, layout, limit)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=json, transient=True) as progress:
        shown = progress.add_task("reading the reference", total=None)

        def notice(row: dict[str, Any]) -> None:
            progress.update(shown, description="  ".join(f"{name} {value:.4g}" for name, value in row.items() if isinstance(value, int | float)))

        report = train(chains, model, out, options, device=device, trust_remote_code=trust_remote_code, on_metrics=notice)
    _print(report, f"implicit:{out}", json)


def train_confidence(
    data: Annotated[tuple[str, ...], tyro.conf.Positional],
    model: str,
    out: str,
    target: Literal["step", "outcome"] = "step",
    layers: tuple[int, ...] = (),
    width: int = 128,
    epochs: int = 60,
    learning_rate: float = 1e-3,
    validation: float = 0.2,
    layout: str = "auto",
    verifier: tuple[str, ...] = (),
    limit: int = 0,
    seed: int = 0,
    device: str = "auto",
    trust_remote_code: bool = False,
    json: bool = False,
) -> None:
    """Train an uncertainty head over a frozen model's hidden states: minutes, and under ten million parameters. It is a verifier: `confidence:OUT`.

    Args:
        data: files of step labels (see `train-prm`), or of outcomes.
        model: the frozen causal model of Hugging Face (a folder, or a name on the hub).
        out: file or folder of the head.
        target: what it learns: whether a step is right, or how likely the outcome is after each step (AutoPSV reads a step from the change).
        layers: whose hidden states it reads; the middle one and the last by default.
        width: of its layer.
        epochs: passes at the most; the best ones on held-out problems are kept.
        learning_rate: of the head.
        validation: share of the problems that is held out.
        layout: of the rows; told by their fields unless it is given.
        verifier: of trajectories: ids of those whose verdicts are the labels; all by default.
        limit: of rows that are taken of a file; 0 for all.
        seed: of split, first weights and order.
        device: where the model runs: cpu, cuda, cuda:NUMBER or auto.
        trust_remote_code: run code that comes with the model.
        json: print the whole result as JSON.
    """
    _require_packages()
    from prm_gym.prm.uncertainty_training import HeadOptions, train_head

    options = HeadOptions(target=target, layers=layers, width=width, epochs=epochs, learning_rate=learning_rate, validation=validation, seed=seed)
    report = train_head(_chains(data, layout, limit, verifier), model, out, options, device=device, trust_remote_code=trust_remote_code)
    _print(report, f"confidence:{out}", json)


def _require_packages() -> None:
    from prm_gym.lm.libraries import library

    for name in ("torch", "transformers", "tokenizers", "safetensors"):
        library(name)


def _chains(files: tuple[str, ...], layout: str, limit: int, verifiers: tuple[str, ...] = ()) -> "tuple[LabelledChain, ...]":
    from prm_gym.prm.layouts.reading import Reading
    from prm_gym.prm.training.config import DataOptions
    from prm_gym.prm.training.data import load

    return load(files, DataOptions(files=files, reading=Reading(layout=layout, labels_by=verifiers), limit=limit)).chains


def _print(report: msgspec.Struct, specification: str, json: bool) -> None:
    if json:
        print(msgspec.json.encode(report).decode())
        return
    print_records([{"verifier": specification, **msgspec.to_builtins(report)}], False)
