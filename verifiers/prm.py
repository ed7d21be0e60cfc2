"""Process reward models that read a step and say how likely it is right."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from inspect import signature
from typing import Any

import msgspec

from prm_gym.chain_verifier import ChainVerifier, Judgement
from prm_gym.chains import Chain
from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.prm.aggregation import AGGREGATORS, Aggregation, aggregate
from prm_gym.prm.loading import load_checkpoint
from prm_gym.prm.windows import Bounded, bounded
from prm_gym.task import content_key


class PrmVerifier(ChainVerifier):
    """A discriminative process reward model: `prm:PATH`, or `prm:owner/name` from the Hugging Face hub.

    The family of the checkpoint says how the steps become tokens and where their scores are read: Qwen2.5-Math-PRM, Math-Shepherd, Skywork, RLHFlow, openr,
    PURE, TRL, FoVer, ReasonEval, and what `prm-gym train-prm` writes. What a policy writes never makes a tag, a turn or a position of its own.
    All steps of an episode are scored in one forward, many episodes at once, and a step that follows later costs its own tokens.

    The evidence of a verdict holds the logits (or the value), the position at which they were read, and `solution`: the scores of all steps up to this one put
    together as the family does.

    A chain that is longer than the model's context is judged without its oldest steps; evidence and reason say so. A step then scores at most as the lowest of
    those that were left out, and not at all where one of them could not be judged, so that no mistake is forgotten by writing on. A step that does not fit
    alone is abstained on.

    Two runs agree to rounding: in bfloat16 the last digits depend on which steps share a batch.
    """

    id = "prm"

    def __init__(  # noqa: PLR0913 - what a specification may say
        self,
        checkpoint: str,
        *,
        family: str = "auto",
        device: str = "auto",
        dtype: str = "auto",
        threshold: float = 0.0,
        aggregation: Aggregation | str = "",
        max_context: int = 0,
        long_chains: str = "window",
        batch_tokens: int = 0,
        prefix_megabytes: int = -1,
        cached_steps: int = 100_000,
        attention: str = "auto",
        trust_remote_code: bool = False,
        id: str = "prm",
        **family_options: Any,
    ) -> None:
        """Load the checkpoint.

        Args:
            checkpoint: a folder, or a name on the hub.
            family: by what convention it is read; "auto" guesses it from the checkpoint.
            device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1" ...
            dtype: "auto" (bfloat16 on CUDA, float32 elsewhere), "float32", "bfloat16" or "float16".
            threshold: a step is called correct from this score on, in (0, 1); 0 for the family's own.
            aggregation: "min", "product", "mean", "last" or "soft-min"; empty for the family's own.
            max_context: tokens at once, below what the checkpoint says; 0 for what it says.
            long_chains: "window" judges the steps of a chain beyond the context without its oldest ones, see above; "abstain" judges them not.
            batch_tokens: of a forward; 0 for 16,384 on CUDA and 4,096 elsewhere.
            prefix_megabytes: of keys and values kept for episodes under way; -1 for 1,024 on CUDA and 256 elsewhere.
            cached_steps: whose scores are remembered.
            attention: "auto", "sdpa", "eager" or "flash_attention_2" (packs chains in rows without padding).
            trust_remote_code: whether code of the checkpoint may run. No published family needs it.
            id: key of its verdicts, where several are used together.
            **family_options: of the family, such as the `separator` of TRL's.

        Raises:
            CheckpointError: the checkpoint cannot be loaded, or its tokenizer lacks a tag of the family.
            OptionError: an option has no such value.
            MissingExtraError: torch or transformers is not installed.
        """
        if not 0.0 <= threshold < 1.0:
            raise OptionError(f"threshold lies in (0, 1), or is 0 for the family's own, got {threshold!r}")
        if aggregation and aggregation not in AGGREGATORS:
            raise OptionError(f"aggregation is one of {', '.join(AGGREGATORS)}, got {aggregation!r}")
        if long_chains not in ("window", "abstain"):
            raise OptionError(f"long_chains is 'window' or 'abstain', got {long_chains!r}")
        known = [name for name in signature(PrmVerifier).parameters if name != "family_options"]
        for name in family_options:
            if get_close_matches(name, known, n=1, cutoff=0.8):
                raise OptionError(str(UnknownNameError("option of the verifier 'prm'", name, known)))
        self.id = id
        self._loading: dict[str, Any] = {"name": checkpoint, "family": family, "device": device, "dtype": dtype, "max_context": max_context}
        self._loading |= {"attention": attention, "trust_remote_code": trust_remote_code, "family_options": _unescaped(family_options)}
        self._scoring: dict[str, Any] = {"batch_tokens": batch_tokens, "prefix_megabytes": prefix_megabytes, "cached_steps": cached_steps}
        self._windows = long_chains == "window"
        self._scorer: Any = None
        scorer = self.scorer
        declared = scorer.checkpoint.family
        self.family = declared.id
        self.threshold = threshold or declared.threshold
        self.aggregation: Aggregation = next((how for how in AGGREGATORS if how == aggregation), declared.aggregation)
        reading = (self.family, repr(sorted(family_options.items())), str(scorer.checkpoint.max_context), long_chains)
        self.version = f"2-{scorer.checkpoint.fingerprint[:12]}-{content_key(*reading)[:6]}"  # of the weights, and of how they are read

    @property
    def scorer(self) -> Any:
        """The engine, with its counters; the checkpoint is loaded when it is first needed."""
        if self._scorer is None:
            checkpoint = load_checkpoint(**self._loading)  # says what is missing where torch is not installed
            from prm_gym.prm.scoring import Scorer

            self._scorer = Scorer(checkpoint, **self._scoring)
        return self._scorer

    def judge(self, chains: Sequence[Chain]) -> list[Judgement]:
        """The scores of all steps of each chain."""
        return [self._judgement(found) for found in self.scorer.score(chains)]

    def _judgement(self, found: Sequence[Any]) -> Judgement:
        if not self._windows:
            found = [_unread(step) if step.start else step for step in found]
        worth = bounded([step.score for step in found], [step.start for step in found])
        scores = tuple(step.score for step in worth)
        evidence = [self._evidence(step, scores[: at + 1], worth[at].by) for at, step in enumerate(found)]
        return Judgement(scores, tuple(map(_reason, found, worth)), {"family": self.family}, tuple(evidence))

    def _evidence(self, step: Any, scores: Sequence[float | None], by: int) -> dict[str, Any]:
        if step.score is None:
            return {}
        solution = aggregate(scores, self.aggregation)
        evidence: dict[str, Any] = {"outputs": list(step.outputs), "position": step.position, "solution": solution, "aggregation": self.aggregation}
        if step.start:
            evidence |= {"windowed": True, "first_step_seen": step.start} | ({"score_in_window": step.score, "bounded_by": by} if by >= 0 else {})
        return evidence

    def close(self) -> None:
        """Let the model go; it is loaded again when it is needed."""
        self._scorer = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the model: a copy loads it when it needs it."""
        return self.__dict__ | {"_scorer": None}


def _unread(step: Any) -> Any:
    """A step that is not judged, because others would have to be left out."""
    reason = f"the chain is longer than the model's context: the first {step.start} steps would have to be left out"
    return msgspec.structs.replace(step, score=None, reason=reason)


def _reason(step: Any, worth: Bounded) -> str:
    if step.score is None:
        return str(step.reason)
    said = f"the model gives it {step.score:.3f}"
    if step.start:
        said += f", with the first {step.start} steps left out because the chain is longer than the model's context"
    if worth.by < 0:
        return said
    if worth.score is None:
        return f"{said}; of step {worth.by + 1} among those nothing is known, so that of this one nothing is known either"
    return f"{said}; step {worth.by + 1} among those got {worth.score:.3f}, and this one is worth no more"


def _unescaped(options: Mapping[str, Any]) -> dict[str, Any]:
    r"""Options of a specification, in which `\n` stands for a line break."""
    return {name: value.replace("\\n", "\n").replace("\\t", "\t") if isinstance(value, str) else value for name, value in options.items()}
