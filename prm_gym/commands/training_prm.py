"""Process reward models from step labels: `train-prm`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from prm_gym.commands.records import command_line, print_records
from prm_gym.errors import OptionError
from prm_gym.progress import progress

if TYPE_CHECKING:
    from prm_gym.prm.training.run import TrainingResult
    from prm_gym.prm.training.trainer import Notice


def train_prm(
    data: Annotated[tuple[str, ...], tyro.conf.Positional],
    out: str,
    model: str = "",
    head: Literal["token-classification", "language-model"] = "token-classification",
    lora: int = 0,
    lora_alpha: float = 32.0,
    lora_dropout: float = 0.0,
    lora_targets: tuple[str, ...] = (),
    width: int = 128,
    layers: int = 4,
    heads: int = 4,
    vocabulary: int = 2048,
    max_context: int = 0,
    gradient_checkpointing: bool = False,
    trust_remote_code: bool = False,
    validation: tuple[str, ...] = (),
    validation_share: float = 0.1,
    test_share: float = 0.1,
    limit: int = 0,
    layout: str = "auto",
    verifier: tuple[str, ...] = (),
    undecided: Literal["leave-out", "right"] = "leave-out",
    neutral: Literal["right", "wrong"] = "right",
    soft_verdicts: bool = False,
    labels: Literal["as-given", "hard"] = "as-given",
    hard_from: float = 0.5,
    after_error: Literal["keep", "leave-out", "wrong"] = "keep",
    sampling: Literal["all-steps", "last-step-balanced"] = "all-steps",
    balance: Literal["none", "class"] = "none",
    tolerance: int = 0,
    bootstrap: float = 0.0,
    text_weight: float | None = None,
    preference_weight: float = 1.0,
    tree_margin: float = 0.0,
    domain_weight: tuple[str, ...] = (),
    learn_domain_weights: bool = False,
    meta_share: float = 0.1,
    epochs: int = 3,
    max_updates: int = 0,
    batch_tokens: int = 4096,
    accumulate: int = 1,
    learning_rate: float = 0.0,
    weight_decay: float = 0.01,
    warmup: float = 0.05,
    schedule: Literal["cosine", "linear", "constant"] = "cosine",
    clip: float = 1.0,
    evaluate_every: int = 0,
    save_every: int = 0,
    patience: int = 0,
    select: Literal["nll", "f1"] = "nll",
    seed: int = 0,
    device: str = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    json: bool = False,
) -> None:
    """Train a process reward model from step labels: a small decoder from scratch, or any causal model of Hugging Face, whole or by LoRA.

    The checkpoint is a verifier: `prm:OUT`. Interrupted at any moment, the same command goes on and ends with the same weights.

    A row is one of

    trajectory     what `prm-gym rollout --out` and `prm-gym label --out` stored: its verdicts are the labels

    trl            {"prompt": ..., "completions": [STEP, ...], "labels": [true, false, ...]}; labels may be numbers in [0, 1], and null

    math_shepherd  {"input": "... Step 1: ... ки", "label": "... Step 1: ... +"}

    processbench, prm800k   as published

    pairs          {"prompt": ..., "steps": [...], "chosen": STEP, "rejected": STEP}, or Step-DPO's layout

    Args:
        data: files of step labels (JSON lines, a JSON array, Parquet, or hf:NAME[:CONFIG[:SPLIT]]).
        out: folder of the checkpoint.
        model: a causal model of Hugging Face to begin with (a folder, or a name on the hub); without one, a small decoder is trained from scratch.
        head: two classes, or two verdict tokens of the language model.
        lora: rank of adapters; 0 trains all weights.
        lora_alpha: their scale, divided by the rank.
        lora_dropout: their dropout.
        lora_targets: names of the layers that get adapters; all linear ones by default.
        width: of the decoder.
        layers: of the decoder.
        heads: of its attention.
        vocabulary: tokens of the decoder, learnt from the data's own text.
        max_context: tokens of a chain at the most; 0 for what the model can read.
        gradient_checkpointing: compute activations twice instead of keeping them.
        trust_remote_code: run code that comes with the model.
        validation: files of held-out data; by default a share of the problems.
        validation_share: share of the problems that chooses weights, temperature and threshold.
        test_share: share of the problems that only measures.
        limit: of rows that are taken of a file; 0 for all.
        layout: of the rows; told by their fields unless it is given.
        verifier: of trajectories: ids of those whose verdicts are the labels; all by default.
        undecided: of trajectories: steps that no verifier could judge have no label, or count as right.
        neutral: of trajectories: steps that are right and empty.
        soft_verdicts: of trajectories: scores are the labels (roll-outs, probabilities).
        labels: as they are given, or made hard.
        hard_from: a label is right from here on, where they are made hard.
        after_error: labels after the first wrong step: keep them, leave them out, or take all for wrong.
        sampling: every labelled step, or beginnings of chains whose last step alone counts, right and wrong ones equally often (FoVer).
        balance: let right and wrong steps weigh the same.
        tolerance: soften the labels of so many steps before the first wrong one, after SCAN; SCAN's own labels come of `label --rollouts`, and need none.
        bootstrap: share of the model's own probability in the targets, for noisy labels.
        text_weight: of a second loss, that the text of right steps is predicted; by default 1 from scratch, 0 else.
        preference_weight: of the loss on pairs.
        tree_margin: make pairs of steps that go on from the same ones and whose labels are so far apart (Tree-PLV).
        domain_weight: factors of domains, NAME=FACTOR each; a domain is an environment, a subset, a task.
        learn_domain_weights: adapt factors of domains to what helps held-out meta problems (after DreamPRM).
        meta_share: share of the training problems that are meta problems.
        epochs: passes over the data.
        max_updates: end earlier; 0 for no bound.
        batch_tokens: tokens of a batch with its padding.
        accumulate: batches of an update.
        learning_rate: the highest; 0 for 1e-3 from scratch, 2e-4 with LoRA, 1e-5 else.
        weight_decay: of matrices.
        warmup: share of the updates in which the rate rises.
        schedule: how the rate falls.
        clip: norm of the gradient at the most.
        evaluate_every: updates between evaluations; 0 for ten in all.
        save_every: updates between saved states; 0 for as often as evaluations.
        patience: evaluations without a better one after which training ends; 0 for never.
        select: keep the weights with the lowest held-out loss, or with the highest F1 of the first error.
        seed: of weights, order and split.
        device: cpu, cuda, cuda:NUMBER or auto.
        precision: auto is bfloat16 on CUDA, float32 elsewhere.
        json: print the whole result as JSON.
    """
    from prm_gym.labelling.layouts import LabelPolicy
    from prm_gym.lm.libraries import library
    from prm_gym.prm.layouts.reading import Reading
    from prm_gym.prm.training.config import DataOptions, LossOptions, ModelOptions, RunOptions, TrainingConfig

    for name in ("torch", "transformers", "tokenizers", "safetensors"):
        library(name)
    from prm_gym.prm.training.run import train_prm as train

    policy = LabelPolicy(undecided=undecided, neutral_is_right=neutral == "right")
    config = TrainingConfig(
        data=DataOptions(
            files=data,
            validation_files=validation,
            reading=Reading(layout=layout, labels_by=verifier, policy=policy, soft_verdicts=soft_verdicts),
            labels=labels,
            hard_from=hard_from,
            after_error=after_error,
            validation_share=validation_share,
            test_share=test_share,
            limit=limit,
        ),
        model=ModelOptions(
            path=model,
            head=head,
            lora=lora,
            lora_alpha=lora_alpha,
            lora_dropout=lora_dropout,
            lora_targets=lora_targets,
            width=width,
            layers=layers,
            heads=heads,
            vocabulary=vocabulary,
            max_context=max_context,
            gradient_checkpointing=gradient_checkpointing,
            trust_remote_code=trust_remote_code,
        ),
        loss=LossOptions(
            sampling=sampling,
            balance=balance,
            tolerance=tolerance,
            bootstrap=bootstrap,
            text_weight=text_weight,
            preference_weight=preference_weight,
            tree_margin=tree_margin,
            domain_weights=_factors(domain_weight),
            learn_domain_weights=learn_domain_weights,
            meta_share=meta_share,
        ),
        run=RunOptions(
            epochs=epochs,
            max_updates=max_updates,
            batch_tokens=batch_tokens,
            accumulate=accumulate,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            warmup=warmup,
            schedule=schedule,
            clip=clip,
            evaluate_every=evaluate_every,
            save_every=save_every,
            patience=patience,
            select=select,
            seed=seed,
            device=device,
            precision=precision,
        ),
        command=command_line(),
    )
    with progress("updates", quiet=json) as report:
        result = train(config, out, lambda notice: report("training", notice.update, notice.total, _losses(notice)))
    if json:
        import msgspec

        print(msgspec.json.encode(result).decode())
        return
    print_records([_summary(result, Path(out))], False)


def _factors(pairs: tuple[str, ...]) -> dict[str, float]:
    found: dict[str, float] = {}
    for pair in pairs:
        name, separator, value = pair.rpartition("=")
        try:
            found[name] = float(value)
        except ValueError:
            separator = ""
        if not separator:
            raise OptionError(f"a factor of a domain is written NAME=FACTOR, got {pair!r}")
    return found


def _summary(result: "TrainingResult", out: Path) -> dict[str, Any]:
    shown = result.test or result.validation
    return {
        "checkpoint": f"prm:{out}",
        "parameters": result.parameters,
        "updates": result.updates,
        "ended early": result.ended,
        "training data": result.counts["train"],
        "left out": {reason: count for source in result.sources for reason, count in source.left_out.items()},
        "measured on": f"{'test' if result.test else 'validation'} problems",
        "figures": {name: _figure(getattr(shown, name)) for name in shown.__struct_fields__},
        "temperature": result.temperature,
        "threshold": result.threshold,
        "domain weights": result.domain_weights,
        "processor seconds": result.seconds,
        "tokens a processor second": round(result.tokens / result.seconds) if result.seconds else None,
        "card": str(out / "README.md"),
    }


def _figure(value: Any) -> Any:
    return "-" if value is None else f"{value:.4f}" if isinstance(value, float) else value


def _losses(notice: "Notice") -> str:
    loss = "" if notice.loss is None else f", loss {notice.loss:.3f}"
    return loss + ("" if notice.held_out is None else f", held out {notice.held_out:.3f}")
