"""`confidence`: a head over a frozen language model, or what steps change about the confidence of another model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prm_gym.chain_verifier import ChainVerifier, Judgement, Status
from prm_gym.chains import Chain
from prm_gym.errors import OptionError
from prm_gym.plugins import make
from prm_gym.prm.confidence import DROP, FLOOR, change_scores, relative_changes
from prm_gym.prm.windows import bounded
from prm_gym.task import content_key
from prm_gym.verifier import VERIFIERS

UNREAD = "the step, or one that was left out before it, does not fit the tokens that the model reads, or gave no number"
HEAD_OPTIONS = ("model", "device", "dtype", "batch_tokens", "max_tokens", "trust_remote_code")


class ConfidenceVerifier(ChainVerifier):
    """Judges steps by confidence, in one of three ways, by what the argument is.

    - `confidence:HEAD`, a head that `prm_gym.prm.uncertainty_training.train_head` trained on step labels: its P(step is right).
    - `confidence:HEAD`, a head trained on outcomes: c_t = P(the outcome will be right) after step t, and the score is min(1, c_t / c_{t-1}).
    - `confidence:VERIFIER`, another verifier whose models judge chains and whose scores are read as c_t: `confidence:prm:PATH`,
      `confidence:implicit:PATH?form=value&prior=0.5`. Options that are not named below are that verifier's.

    A step is called incorrect where the confidence falls by half or more (`drop`): see `prm_gym.prm.confidence`. A step that changes nothing is not found to be
    wrong, so a policy is not paid for being right but for not losing confidence; and whoever raises the confidence by words alone is not found either. After a
    confidence near zero nothing can be told.

    Of a chain that is longer than the context, the oldest steps are left out, and no confidence after that is above the lowest of theirs: no mistake is
    forgotten by writing on.

    Source: AutoPSV (2405.16802) for changes; Ni et al. 2025 (2511.06209) for heads over frozen models.
    """

    id = "confidence"

    def __init__(
        self,
        source: str,
        *,
        drop: float = DROP,
        floor: float = FLOOR,
        prior: float | None = None,
        threshold: float = 0.5,
        id: str = "confidence",
        **options: Any,
    ) -> None:
        """Load what confidence is taken from.

        Args:
            source: path of a head, or the specification of a verifier, without options.
            drop: relative change below which a step counts as wrong, in (-1, 0).
            floor: a confidence below it is lost, and says nothing of the next step. In (0, 1).
            prior: confidence before the first step, where the source does not know it; the first step is abstained on without one. In (0, 1].
            threshold: of a head trained on step labels: a step is called correct from this score on. In (0, 1).
            id: key of its verdicts, where several are used together.
            **options: of the head (`model`, `device`, `dtype`, `batch_tokens`, `max_tokens`, `trust_remote_code`) or of the verifier.

        Raises:
            OptionError: an option has a value that cannot be honoured, or the source is neither.
            CheckpointError: something cannot be loaded.
            MissingExtraError: torch or transformers is not installed.
        """
        if not -1.0 < drop < 0.0 or not 0.0 < floor < 1.0 or not 0.0 < threshold < 1.0 or (prior is not None and not 0.0 < prior <= 1.0):
            raise OptionError(f"drop lies in (-1, 0), floor and threshold in (0, 1), prior in (0, 1]; got {drop!r}, {floor!r}, {threshold!r}, {prior!r}")
        self.id = id
        self._drop, self._floor, self._prior = drop, floor, prior
        self._source, self._options = source, options
        self._inner: ChainVerifier | None = None
        self._head: Any = None
        name = source.partition(":")[0]
        path = Path(source)
        if not path.exists() and name in VERIFIERS.names() and ":" in source:
            inner = make("verifier", source, VERIFIERS.load(name), source.partition(":")[2], **options)
            if not isinstance(inner, ChainVerifier):
                raise OptionError(f"confidence is read from verifiers whose models judge chains; {name!r} is none")
            self._inner, self.looks_ahead, self.pure = inner, inner.looks_ahead, inner.pure
            self.version, self.threshold = f"1+{inner.id}+{inner.version}", 1.0 + drop
            return
        if not path.exists():
            raise OptionError(f"{source!r} is neither the path of a head nor the name of a verifier with its argument (prm:PATH)")
        unknown = sorted(set(options) - set(HEAD_OPTIONS))
        if unknown:
            raise OptionError(f"a head takes no option {unknown[0]!r}; it takes {', '.join(HEAD_OPTIONS)}")
        settings = self.head.settings
        self.threshold = threshold if settings.target == "step" else 1.0 + drop
        self.version = f"2+{settings.mark}+{content_key(str(settings))[:16]}"

    @property
    def head(self) -> Any:
        """The head over its model; a copy loads it when it is first needed."""
        if self._head is None:
            from prm_gym.prm.uncertainty import load_head

            self._head = load_head(self._source, **self._options)
        return self._head

    def __getstate__(self) -> dict[str, Any]:
        """The settings without the models."""
        return {**self.__dict__, "_head": None}

    def judge(self, chains: Sequence[Chain]) -> list[Judgement]:
        """One judgement a chain, in order."""
        if self._inner is not None:
            return [self._by_change([self._prior, *said.scores], said, [False] * len(said.scores)) for said in self._inner.judge(chains)]
        found: list[Judgement] = []
        for opening, steps in self.head.probabilities(chains):
            values = [step.score for step in bounded([value for value, _ in steps], [start for _, start in steps])]
            windowed = [start > 0 for _, start in steps]
            if self.head.settings.target == "step":
                found.append(_by_head(values, windowed))
            else:
                found.append(self._by_change([opening if self._prior is None else self._prior, *values], None, windowed))
        return found

    def _by_change(self, confidences: list[float | None], said: Judgement | None, windowed: Sequence[bool]) -> Judgement:
        changes = relative_changes(confidences, self._floor)
        reasons: list[str] = []
        for at, change in enumerate(changes):
            before, after = confidences[at], confidences[at + 1]
            if change is not None and before is not None and after is not None:
                cut = "; older steps were left out, because the chain is longer than the context" if windowed[at] else ""
                reasons.append(f"the confidence in a right outcome went from {before:.3g} to {after:.3g} ({change:+.0%}){cut}")
            elif after is None:
                reasons.append(said.reasons[at] if said is not None else UNREAD)
            elif before is None:
                reasons.append("no confidence before the step is known" + ("; give prior=..." if at == 0 else ""))
            else:
                reasons.append(f"the confidence before the step, {before:.2g}, was lost already: its change tells nothing")
        evidence = [
            {"confidence": confidences[at + 1], "before": confidences[at], "change": change, "windowed": windowed[at]} for at, change in enumerate(changes)
        ]
        if said is not None and said.step_evidence:
            evidence = [{**own, "judged": theirs} for own, theirs in zip(evidence, said.step_evidence, strict=True)]
        statuses: tuple[Status, ...] = ()
        if said is not None:  # what failed in the other verifier is no abstention: of a step, or of the one before it
            own = said.statuses or (said.status,) * len(changes)
            statuses = tuple(own[at] if confidences[at + 1] is None or not at else own[at - 1] for at in range(len(changes)))
        return Judgement(change_scores(confidences, self._floor), tuple(reasons), {"drop": self._drop}, tuple(evidence), statuses=statuses)

    def close(self) -> None:
        """Let the models go."""
        self._head = None
        if self._inner is not None:
            self._inner.close()


def _by_head(values: Sequence[float | None], windowed: Sequence[bool]) -> Judgement:
    reasons: list[str] = []
    for value, cut in zip(values, windowed, strict=True):
        left = ", with older steps left out, because the chain is longer than the context" if cut else ""
        reasons.append(UNREAD if value is None else f"the head gives it {value:.3f}{left}")
    return Judgement(tuple(values), tuple(reasons), {"target": "step"}, tuple({"windowed": cut} for cut in windowed))
