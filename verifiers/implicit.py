"""`implicit`: the reward that two causal language models imply, a trained one and its reference."""

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, Unpack, get_args

from prm_gym.chain_verifier import ChainVerifier, Judgement
from prm_gym.chains import Chain
from prm_gym.errors import OptionError
from prm_gym.prm.implicit.loading import Loading, mark_of

Form: TypeAlias = Literal["step", "value"]


class ImplicitVerifier(ChainVerifier):
    """Judges steps by an implicit process reward: `implicit:PATH?ref=PATH2&beta=0.05`.

        r_i = beta * sum_{t in step i} [log pi(y_t | y_<t) - log ref(y_t | y_<t)],     Q_i = r_1 + ... + r_i
        score = sigmoid(scale * r_i)    with form=step          score = sigmoid(scale * Q_i)    with form=value

    Training makes sigmoid(Q_T) the probability that the outcome is right (cross-entropy), so Q_i is what is expected of the outcome after step i, in
    log-odds, and r_i is what the step changed: above one half, it made a right outcome likelier. The authors' evaluation takes the second form
    (sigmoid(0.001 Q_i) for their checkpoints), in which every step after a bad one looks bad too. What is paid for a step in training is r_i, hence the first
    form here. The scores are monotone in r_i or Q_i, and calibrated only as far as the training made them so; raw values are in the evidence.

    It abstains on a step of which both models say exactly the same, and on one that does not fit their context. Longer chains are read in windows, without
    their oldest steps, and say so; what a mistake has cost stays in Q_i, whether it is still read or not.

    Source: Yuan et al. 2024 (2412.01981); Cui et al. 2025, PRIME (2502.01456); iStar (2509.19199).
    """

    id = "implicit"

    def __init__(self, path: str, *, form: Form = "step", scale: float = 1.0, threshold: float = 0.5, id: str = "implicit", **models: Unpack[Loading]) -> None:
        """Load the models.

        Args:
            path: of the trained model: a folder, a name on the hub, or an adapter (LoRA), whose base is its reference.
            form: "step" or "value", see above.
            scale: multiplies what goes into the sigmoid, > 0; monotone, for calibration.
            threshold: a step is called correct from this score on. In (0, 1).
            id: key of its verdicts, where several are used together.
            **models: ref, beta, template, device, dtype, batch_tokens, max_tokens, prefix_megabytes, trust_remote_code: see
                `prm_gym.prm.implicit.loading.Loading`.

        Raises:
            OptionError: an option has a value that cannot be honoured.
            CheckpointError: something cannot be loaded, there is no reference, or the two have different tokenizers.
            MissingExtraError: torch or transformers is not installed.
        """
        if form not in get_args(Form):
            raise OptionError(f"form is one of {', '.join(get_args(Form))}, got {form!r}")
        if not (math.isfinite(scale) and scale > 0.0):
            raise OptionError(f"scale is positive, got {scale!r}")
        if not 0.0 < threshold < 1.0:
            raise OptionError(f"threshold lies in (0, 1), got {threshold!r}")
        unknown = sorted(set(models) - set(Loading.__annotations__))
        if unknown:
            raise OptionError(f"implicit takes no option {unknown[0]!r}; it takes form, scale, threshold, {', '.join(Loading.__annotations__)}")
        self.id = id
        self.form, self.scale, self.threshold = form, scale, threshold
        self._path, self._models = path, models
        self._scorer: Any = None
        self.version = f"1+{mark_of(path)}+{mark_of(self.scorer.name)}+{self.scorer.beta:g}+{form}+{scale:g}"

    @property
    def scorer(self) -> Any:
        """The engine, with its counters; a copy loads it when it is first needed."""
        if self._scorer is None:
            from prm_gym.prm.implicit.scoring import load_scorer

            self._scorer = load_scorer(self._path, **self._models)
        return self._scorer

    def __getstate__(self) -> dict[str, Any]:
        """The settings without the models."""
        return {**self.__dict__, "_scorer": None}

    def judge(self, chains: Sequence[Chain]) -> list[Judgement]:
        """One judgement a chain, in order."""
        shared = {"form": self.form, "scale": self.scale, "beta": self.scorer.beta, "template": self.scorer.encoder.template}
        return [self._judgement(chain, rewards, shared) for chain, rewards in zip(chains, self.scorer.rewards(chains), strict=True)]

    def _judgement(self, chain: Chain, rewards: Sequence[Any], shared: dict[str, Any]) -> Judgement:
        scores: list[float | None] = []
        reasons: list[str] = []
        evidence: list[dict[str, Any]] = []
        value: float | None = 0.0
        for step, found in zip(chain.steps, rewards, strict=True):
            value = None if value is None or (found.reward is None and not found.silent) else value + (found.reward or 0.0)
            evidence.append({"reward": found.reward, "value": value, "tokens": found.tokens, "windowed": found.windowed})
            read = found.reward if self.form == "step" else value
            if not step.text.strip():
                read, reason = None, "the step is empty"
            elif found.reward is None:
                read, reason = None, found.reason
            elif read is None:
                reason = "an earlier step has no reward, so the sum is not known"
            else:
                reason = self._reason(found.reward, read, found.tokens, found.windowed)
            scores.append(None if read is None else sigmoid(self.scale * read))
            reasons.append(reason)
        return Judgement(tuple(scores), tuple(reasons), shared, tuple(evidence))

    def _reason(self, reward: float, read: float, tokens: int, windowed: bool) -> str:
        turn = "likelier" if reward > 0 else "less likely"
        said = f"the step makes a right outcome {turn}: reward {reward:+.4g} over {tokens} tokens"
        said += "" if self.form == "step" else f", {read:+.4g} up to here"
        return said + ("; older steps were left out, because the chain is longer than the context" if windowed else "")

    def close(self) -> None:
        """Let the models go."""
        self._scorer = None


def sigmoid(value: float) -> float:
    """1 / (1 + exp(-value)), without overflow."""
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    small = math.exp(value)
    return small / (1.0 + small)
