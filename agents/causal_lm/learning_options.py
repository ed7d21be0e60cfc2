"""How a causal language model learns."""

import math
from typing import Any, Literal, get_args

import msgspec

from prm_gym.errors import OptionError
from prm_gym.lm.kl import KlForm
from prm_gym.lm.parallel import Strategy
from prm_gym.lm.policy_loss import Normalization, Ratio
from prm_gym.lm.preference_loss import PreferenceForm


class LearningOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is minimised, and how. The functions in `prm_gym.lm` have the equations and their sources.

    Known algorithms as options: PPO and GRPO are the defaults (GRPO with normalization="sequence-mean"); DAPO: clip_high=0.28; Dr. GRPO:
    normalization="constant", length=<tokens an episode may have>; GSPO: ratio="sequence", normalization="sequence-mean", clip_low=3e-4, clip_high=4e-4;
    CISPO: loss="weighted", clip_low=1.0; VL-DAC: value_weight=0.5 with the credit of a critic. They differ only where a batch is learned from in more than one
    update (epochs, minibatches), or was sampled by other weights.

    Attributes:
        ratio: what stands at each token: its own ratio, that of its step's action, or that of its sequence (`policy_loss.log_ratios`).
        loss: "clip" (PPO) or "weighted" (CISPO).
        clip_low: bound of the ratio below, in (0, 1].
        clip_high: above, > 0.
        dual_clip: bound of the ratio where the advantage is negative, > 1; 0 for none. 3 is usual.
        normalization: what each token counts for (`policy_loss.token_weights`).
        length: of normalization="constant".
        advantage_scale: "rms": advantages are divided by their root mean square, so that assigners that differ in scale alone train alike; or "none".
        old: of which policy the ratio is taken: "sampled", the log-probabilities that came with the actions; "recomputed", those of the weights before the
            update, computed again. Actions without log-probabilities are recomputed either way.
        importance_cap: with old="recomputed", tokens count with min(pi / pi_sampler, cap), for actions of a server or of another precision; 0 for no weight.
        kl_weight: of the divergence from the reference: the policy as it was before its first update or preference, after what it imitated before these (with
            adapters: the model without them). >= 0.
        kl_form: k1, k2 or k3 (`kl.kl_estimate`; k1 pulls nowhere).
        keep_reference: keep that policy even where kl_weight is 0: the preferences "dpo" and "ipo" need it.
        entropy_weight: of the entropy of the tokens' distributions, in nats. >= 0.
        value_weight: of the loss of a value head, one value a step of the environment; 0 for no head.
        value_clip: how far a value may gain in an update; 0 for as far as it likes.
        epochs: passes over a batch in one update.
        minibatches: optimiser steps in each of them, at the most one a sequence.
        batch_tokens: tokens with padding that go through the model at once. The result does not depend on it.
        learning_rate: of updates and preferences, the highest, > 0. 1e-6 to 1e-5 for large models, 1e-4 and more for adapters, 1e-3 for a small decoder.
        imitation_rate: the rate of imitation, the highest; 0 for the learning rate. Likelihood bears several times the rate that policy gradients do.
        weight_decay: of matrices.
        clip_norm: of the gradient, > 0.
        warmup: optimiser steps in which the rate rises.
        total: optimiser steps in all, over which it then falls; 0: it stays.
        schedule: how it falls.
        preference: form of the loss of `prefer`.
        preference_beta: its beta, > 0: 0.1 (DPO, IPO), 2 (SimPO).
        preference_gap: SimPO's, >= 0.
        preference_smoothing: DPO's, in [0, 0.5).
        temperature: that actions are drawn at, > 0; log-probabilities are of that distribution.
        gradient_checkpointing: compute the activations of layers twice instead of keeping them.
        precision: of products of matrices; "auto": bfloat16 on CUDA, float32 elsewhere.
        parallel: "ddp" or "fsdp" under torchrun.
        seed: of the order of minibatches and of new heads.
    """

    ratio: Ratio = "token"
    loss: Literal["clip", "weighted"] = "clip"
    clip_low: float = 0.2
    clip_high: float = 0.2
    dual_clip: float = 0.0
    normalization: Normalization = "token-mean"
    length: float = 1.0
    advantage_scale: Literal["rms", "none"] = "rms"
    old: Literal["sampled", "recomputed"] = "sampled"
    importance_cap: float = 0.0
    kl_weight: float = 0.0
    kl_form: KlForm = "k3"
    keep_reference: bool = False
    entropy_weight: float = 0.0
    value_weight: float = 0.0
    value_clip: float = 0.2
    epochs: int = 1
    minibatches: int = 1
    batch_tokens: int = 8192
    learning_rate: float = 1e-5
    imitation_rate: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    warmup: int = 0
    total: int = 0
    schedule: Literal["cosine", "linear", "constant"] = "constant"
    preference: PreferenceForm = "dpo"
    preference_beta: float = 0.1
    preference_gap: float = 0.0
    preference_smoothing: float = 0.0
    temperature: float = 1.0
    gradient_checkpointing: bool = False
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    parallel: Strategy = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that cannot be honoured."""
        named: dict[str, tuple[Any, ...]] = {"ratio": get_args(Ratio), "loss": ("clip", "weighted"), "normalization": get_args(Normalization)}
        named |= {"advantage_scale": ("rms", "none"), "old": ("sampled", "recomputed"), "kl_form": get_args(KlForm), "parallel": get_args(Strategy)}
        named |= {"schedule": ("cosine", "linear", "constant"), "preference": get_args(PreferenceForm), "precision": ("auto", "float32", "bfloat16")}
        for name, values in named.items():
            if getattr(self, name) not in values:
                raise OptionError(f"{name} is one of {', '.join(values)}, got {getattr(self, name)!r}")
        for name in ("clip_high", "length", "learning_rate", "clip_norm", "preference_beta", "temperature"):
            self._require(name, getattr(self, name) > 0.0, "positive")
        for name in (
            "importance_cap",
            "imitation_rate",
            "kl_weight",
            "entropy_weight",
            "value_weight",
            "value_clip",
            "weight_decay",
            "preference_gap",
            "warmup",
            "total",
            "seed",
        ):
            self._require(name, getattr(self, name) >= 0, "not negative")
        for name in ("epochs", "minibatches", "batch_tokens"):
            self._require(name, getattr(self, name) >= 1, "at least 1")
        self._require("clip_low", 0.0 < self.clip_low <= 1.0, "in (0, 1]")
        self._require("dual_clip", self.dual_clip == 0.0 or self.dual_clip > 1.0, "greater than 1, or 0 for none")
        self._require("preference_smoothing", 0.0 <= self.preference_smoothing < 0.5, "in [0, 0.5)")
        self._require("total", self.schedule == "constant" or self.total > self.warmup, f"more than warmup for schedule={self.schedule!r}")
        self._require("importance_cap", not self.importance_cap or self.old == "recomputed", "for old='recomputed' alone")

    def _require(self, name: str, fits: bool, what: str) -> None:
        value = getattr(self, name)
        if not (fits and math.isfinite(value)):
            raise OptionError(f"{name} is {what}, got {value!r}")

    @property
    def needs_reference(self) -> bool:
        """Whether the policy as it was at first is kept."""
        return self.keep_reference or self.kl_weight > 0.0
