"""What a training is asked to do."""

from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from prm_gym.errors import OptionError
from prm_gym.prm.layouts.reading import Reading

Labels: TypeAlias = Literal["as-given", "hard"]
AfterError: TypeAlias = Literal["keep", "leave-out", "wrong"]
Sampling: TypeAlias = Literal["all-steps", "last-step-balanced"]
Balance: TypeAlias = Literal["none", "class"]
Schedule: TypeAlias = Literal["cosine", "linear", "constant"]
Selection: TypeAlias = Literal["nll", "f1"]


def _require(name: str, value: Any, fits: bool, what: str) -> None:
    if not fits:
        raise OptionError(f"{name} is {what}, got {value!r}")


class DataOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which data, and which of its labels.

    Attributes:
        files: paths or `hf:NAME`s of labelled chains and pairs, of any layout.
        validation_files: held-out data; a share of the problems of `files` where there are none.
        reading: how rows are read.
        labels: "as-given", or "hard": 1 from `hard_from` on, else 0.
        hard_from: in (0, 1].
        after_error: labels after the first wrong step: keep them, leave them out, or take them for wrong.
        validation_share: share of the problems that is held out for early stopping, calibration and the threshold. In (0, 1).
        test_share: share that is held out for the reported figures alone. In [0, 1).
        limit: of chains of a file; 0 for all.
    """

    files: tuple[str, ...]
    validation_files: tuple[str, ...] = ()
    reading: Reading = Reading()
    labels: Labels = "as-given"
    hard_from: float = 0.5
    after_error: AfterError = "keep"
    validation_share: float = 0.1
    test_share: float = 0.1
    limit: int = 0

    def __post_init__(self) -> None:
        _require("files", self.files, bool(self.files), "at least one file of step labels")
        _require("hard_from", self.hard_from, 0.0 < self.hard_from <= 1.0, "in (0, 1]")
        _require("validation_share", self.validation_share, 0.0 < self.validation_share < 1.0, "in (0, 1)")
        _require("test_share", self.test_share, 0.0 <= self.test_share < 1.0 - self.validation_share, "in [0, 1), and leaves something to train on")
        _require("limit", self.limit, self.limit >= 0, "not negative")


class ModelOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is trained.

    Attributes:
        path: a causal model of Hugging Face (a folder, or a name where the hub can be reached); empty for a small decoder from scratch.
        head: two classes, or two verdict tokens of the language model.
        lora: rank of the adapters; 0 to train all weights.
        lora_alpha: their scale, divided by the rank.
        lora_dropout: in [0, 1).
        lora_targets: names of the modules that get adapters; all linear ones of the backbone when it is empty.
        width: of the decoder; a multiple of twice `heads`.
        layers: of the decoder.
        heads: of its attention.
        vocabulary: tokens of the decoder, trained on the data's own text; digits are tokens of their own.
        max_context: tokens of a chain at the most; 0 for the model's own (2,048 for the decoder). What does not fit is left out and counted.
        gradient_checkpointing: compute activations twice instead of keeping them.
        trust_remote_code: run code that comes with the model.
    """

    path: str = ""
    head: Literal["token-classification", "language-model"] = "token-classification"
    lora: int = 0
    lora_alpha: float = 32.0
    lora_dropout: float = 0.0
    lora_targets: tuple[str, ...] = ()
    width: int = 128
    layers: int = 4
    heads: int = 4
    vocabulary: int = 2048
    max_context: int = 0
    gradient_checkpointing: bool = False
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        _require("lora", self.lora, self.lora >= 0, "a rank, or 0 for none")
        _require("lora", self.lora, bool(self.path) or not self.lora, "for a model that is there: name it with --model")
        _require("lora_dropout", self.lora_dropout, 0.0 <= self.lora_dropout < 1.0, "in [0, 1)")
        _require("width", self.width, self.heads >= 1 and self.width >= 8 and self.width % (2 * self.heads) == 0, f"a multiple of {2 * self.heads}, from 8 on")
        _require("layers", self.layers, self.layers >= 1, "at least 1")
        _require("vocabulary", self.vocabulary, self.vocabulary >= 300, "at least 300 (the 256 bytes come first)")
        _require("max_context", self.max_context, self.max_context >= 0, "not negative")


class LossOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is minimised.

    Attributes:
        sampling: every labelled step of a chain, or its beginning up to one step, which alone counts, right and wrong ones equally often (FoVer).
        balance: "class": right and wrong steps weigh the same in sum.
        tolerance: steps before the first wrong one whose labels are softened, because the error may be earlier than it was found; 0 for none (SCAN).
        bootstrap: share of the model's own probability in the targets, for noisy labels; in [0, 1).
        text_weight: of a second loss, that the tokens of right steps are predicted, by which a decoder from scratch learns the rules of steps; None for 1
            from scratch and 0 else.
        preference_weight: of the loss on pairs; 0 leaves pairs out.
        tree_margin: makes pairs of steps that go on from the same ones and whose labels differ by as much; 0 for none (Tree-PLV).
        domain_weights: factor of every domain that is named.
        learn_domain_weights: adapt them to what helps the held-out meta problems (DreamPRM, first order; see `domains.py`).
        meta_share: share of the training problems that serve as meta problems. In (0, 1).
    """

    sampling: Sampling = "all-steps"
    balance: Balance = "none"
    tolerance: int = 0
    bootstrap: float = 0.0
    text_weight: float | None = None
    preference_weight: float = 1.0
    tree_margin: float = 0.0
    domain_weights: dict[str, float] = {}
    learn_domain_weights: bool = False
    meta_share: float = 0.1

    def __post_init__(self) -> None:
        _require("tolerance", self.tolerance, self.tolerance >= 0, "not negative")
        _require("bootstrap", self.bootstrap, 0.0 <= self.bootstrap < 1.0, "in [0, 1)")
        _require("text_weight", self.text_weight, self.text_weight is None or 0.0 <= self.text_weight < float("inf"), "not negative")
        _require("preference_weight", self.preference_weight, self.preference_weight >= 0.0, "not negative")
        _require("tree_margin", self.tree_margin, 0.0 <= self.tree_margin <= 1.0, "in [0, 1]")
        _require("domain_weights", self.domain_weights, all(0.0 <= weight < float("inf") for weight in self.domain_weights.values()), "not negative")
        _require("meta_share", self.meta_share, 0.0 < self.meta_share < 1.0, "in (0, 1)")


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How it is minimised.

    Attributes:
        epochs: passes over the data.
        max_updates: ends the training earlier; 0 for no bound.
        batch_tokens: tokens of a batch with its padding, at the most (a longer chain is a batch of its own).
        accumulate: batches of an update.
        learning_rate: the highest; 0 for 1e-3 (decoder), 2e-4 (LoRA) or 1e-5.
        weight_decay: of matrices.
        warmup: share of the updates in which the rate rises. In [0, 1).
        schedule: how it falls then.
        clip: norm of the gradient at the most.
        evaluate_every: updates between evaluations on the held-out problems; 0 for ten in all.
        save_every: updates between saved states; 0 for as often as evaluations.
        patience: evaluations without a better one after which the training ends; 0 for never. The best weights are kept either way.
        select: what is better: a lower loss, or a higher F1 of the first error, on the held-out problems.
        seed: of initial weights, order and split.
        device: "cpu", "cuda", "cuda:1", ... or "auto".
        precision: "auto": bfloat16 on CUDA, float32 elsewhere.
    """

    epochs: int = 3
    max_updates: int = 0
    batch_tokens: int = 4096
    accumulate: int = 1
    learning_rate: float = 0.0
    weight_decay: float = 0.01
    warmup: float = 0.05
    schedule: Schedule = "cosine"
    clip: float = 1.0
    evaluate_every: int = 0
    save_every: int = 0
    patience: int = 0
    select: Selection = "nll"
    seed: int = 0
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_tokens", "accumulate"):
            _require(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        for name in ("max_updates", "evaluate_every", "save_every", "patience", "seed", "learning_rate", "weight_decay"):
            _require(name, getattr(self, name), 0 <= getattr(self, name) < float("inf"), "not negative")
        _require("warmup", self.warmup, 0.0 <= self.warmup < 1.0, "in [0, 1)")
        _require("clip", self.clip, self.clip > 0.0, "positive")


class TrainingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A whole training; equal ones on equal data give equal weights on one machine."""

    data: DataOptions
    model: ModelOptions = ModelOptions()
    loss: LossOptions = LossOptions()
    run: RunOptions = RunOptions()
    command: str = ""

    @property
    def learning_rate(self) -> float:
        """The highest rate."""
        return self.run.learning_rate or (1e-3 if not self.model.path else 2e-4 if self.model.lora else 1e-5)

    @property
    def text_weight(self) -> float:
        """Of the loss on the tokens of right steps."""
        given = self.loss.text_weight
        return (0.0 if self.model.path else 1.0) if given is None else given

    def shown_files(self) -> str:
        """The names of the files, for people."""
        return ", ".join(Path(name).name for name in self.data.files)
