"""A verifier on data: what it says of every step, and the tables of all metrics that the data allows."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Literal, TypeAlias, get_args

import msgspec

from prm_gym._version import VERSION
from prm_gym.chains import problem_key
from prm_gym.errors import OptionError
from prm_gym.machine import package_versions
from prm_gym.prm.aggregation import AGGREGATORS, Undecided, check_undecided
from prm_gym.prm.evaluation.data import Data
from prm_gym.prm.evaluation.first_error import Tuned, tune_threshold
from prm_gym.prm.evaluation.pair_tables import pair_tables, preferences_of
from prm_gym.prm.evaluation.probing import probe_tables, run_probes
from prm_gym.prm.evaluation.result import Evaluation, Figures, Table
from prm_gym.prm.evaluation.scoring import BATCH, ChainRequest, Scored, ScoreFile, StepScore, score_chains
from prm_gym.prm.evaluation.solution_tables import best_of_n_tables, length_tables, solution_tables
from prm_gym.prm.evaluation.step_tables import (
    agent_tables,
    calibration_tables,
    coverage_tables,
    figures_of,
    first_error_tables,
    mr_tables,
    ranking_tables,
    step_tables,
)
from prm_gym.prm.evaluation.study import Study, study_of
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.prmbench import TWIN
from prm_gym.prm.probes import probes_named
from prm_gym.verifier import Verifier, VerifierSpec, make_verifier

Metric: TypeAlias = Literal[
    "first-error", "steps", "agent", "mr-score", "calibration", "ranking", "coverage", "solutions", "best-of-n", "length", "pairwise", "probes"
]
METRICS: tuple[Metric, ...] = get_args(Metric)

OF_STUDIES: Mapping[str, Callable[[Study], Iterator[Table]]] = {
    "first-error": first_error_tables,
    "steps": step_tables,
    "agent": agent_tables,
    "mr-score": mr_tables,
    "calibration": calibration_tables,
    "ranking": ranking_tables,
    "coverage": coverage_tables,
    "solutions": solution_tables,
    "best-of-n": best_of_n_tables,
    "length": length_tables,
}

MOST_SILENCES = 5
OTHER_REASONS = "other reasons"
# Named where a verifier has used them: by module, as the package index calls them.
PACKAGES = {name: name for name in ("numpy", "torch", "transformers", "peft", "openai")} | {"z3": "z3-solver"}

Notice: TypeAlias = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How an evaluation is made.

    Attributes:
        metrics: which; all that the data allows but the probes where it is empty.
        threshold: a step that scores below it counts as wrong; the verifier's own, or 0.5, where it is None.
        undecided: what steps without a score come to; None for "miss", and for verifiers of claims, which are silent about most steps, "right".
        aggregation: by which the scores of steps become that of a solution; the verifier's own, or min, where it is empty.
        probes: names of probes; all of them where it is empty.
        probe_limit: solutions that probes are tried on, evenly spread; 0 for all.
        batch: chains judged at once.
        seed: of what is resampled and drawn.
    """

    metrics: tuple[str, ...] = ()
    threshold: float | None = None
    undecided: Undecided | None = None
    aggregation: str = ""
    probes: tuple[str, ...] = ()
    probe_limit: int = 0
    batch: int = BATCH
    seed: int = 0

    def __post_init__(self) -> None:
        for metric in self.metrics:
            if metric not in METRICS:
                raise OptionError(f"a metric is one of {', '.join(METRICS)}, got {metric!r}")
        if self.threshold is not None and not 0.0 <= self.threshold <= 1.0:
            raise OptionError(f"a threshold lies in [0, 1], got {self.threshold}")
        if self.aggregation and self.aggregation not in AGGREGATORS:
            raise OptionError(f"an aggregator is one of {', '.join(AGGREGATORS)}, got {self.aggregation!r}")
        if self.undecided is not None:
            check_undecided(self.undecided)
        if self.probe_limit < 0 or self.batch < 1:
            raise OptionError("probe_limit is a number of solutions, or 0 for all; a batch has at least one chain")
        probes_named(self.probes)


class _Way(msgspec.Struct, frozen=True):
    """How the scores are read, and where that comes from."""

    threshold: float
    threshold_from: str
    undecided: Undecided
    aggregation: str
    aggregation_from: str


def evaluate(
    verifier: VerifierSpec,
    data: Data,
    settings: Settings | None = None,
    scores: ScoreFile | None = None,
    tune: Data | None = None,
    notice: Notice | None = None,
    command: str = "",
) -> Evaluation:
    """Judge every step of the data and measure how well.

    Args:
        verifier: a specification or an object; what is made of a specification is closed again.
        data: labelled solutions and pairs.
        settings: how it is made.
        scores: where scores are kept; what is there is not asked again.
        tune: solutions that the threshold is tuned on, by F1; no problem of the data may be among them.
        notice: told about progress.
        command: that made it, for the report.

    Raises:
        OptionError: the data allows none of the metrics, or data to tune on shares problems with the data that is measured.
    """
    settings, scores = settings or Settings(), scores if scores is not None else ScoreFile()
    made = make_verifier(verifier)
    specification = verifier if isinstance(verifier, str) else made.id
    with ExitStack() as stack:
        if made is not verifier:
            stack.callback(made.close)
        ask = _Asking(made, specification, settings, scores, notice)
        tuned = None if tune is None else _tuned(ask, data, tune)
        way = _way(made, settings, tuned, tune)
        study = None
        tables: list[Table] = []
        figures, notes = Figures(), list[str]()
        if data.chains:
            found = ask.chains(data, data.chains, "judging")
            study = study_of(data.chains, found, made.id, way.threshold, way.undecided, way.aggregation, settings.seed)
            figures = figures_of(study)
            notes = _notes(study)
            for metric in _metrics(settings, data):
                if metric in OF_STUDIES:
                    tables.extend(OF_STUDIES[metric](study))
        if data.pairs and (not settings.metrics or "pairwise" in settings.metrics):
            tables.extend(ask.pairs(data))
        if study is not None and "probes" in settings.metrics:
            tables.extend(ask.probes(study))
    if not tables:
        raise OptionError(f"the data allows none of the metrics {', '.join(settings.metrics or METRICS)}: no step has a label and no solution an outcome")
    return Evaluation(
        verifier=made.id,
        version=made.version,
        specification=specification,
        threshold=way.threshold,
        threshold_from=way.threshold_from,
        undecided=way.undecided,
        aggregation=way.aggregation,
        aggregation_from=way.aggregation_from,
        sources=data.sources,
        solutions=len(data.chains),
        steps=sum(len(chain.chain) for chain in data.chains),
        pairs=len(data.pairs),
        judged=ask.judged,
        kept=ask.kept,
        failures=_most(ask.failures),
        silences=_most(ask.silences),
        tables=tuple(tables),
        figures=figures,
        notes=tuple(notes),
        command=command,
        versions=package_versions(package for module, package in PACKAGES.items() if module in sys.modules),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        library_version=VERSION,
    )


def _most(reasons: Counter[str]) -> dict[str, int]:
    """The most frequent reasons, and the others together: no count is lost."""
    most = dict(reasons.most_common(MOST_SILENCES))
    rest = reasons.total() - sum(most.values())
    return {**most, OTHER_REASONS: most.get(OTHER_REASONS, 0) + rest} if rest else most


class _Asking:
    """Asks a verifier, and counts what it was asked and said."""

    def __init__(self, verifier: Verifier, name: str, settings: Settings, scores: ScoreFile, notice: Notice | None) -> None:
        self._verifier, self._name, self._settings, self._scores, self._notice = verifier, name, settings, scores, notice
        self.reading: Undecided = reading_of(verifier, settings)
        self.judged, self.kept = 0, 0
        self.failures: Counter[str] = Counter()
        self.silences: Counter[str] = Counter()

    def chains(self, data: Data, chains: Sequence[LabelledChain], what: str) -> tuple[tuple[StepScore, ...], ...]:
        """What is said of the steps of each."""
        requests = [ChainRequest(chain.chain, chain.gold, contexts=data.contexts.get(chain.id, ())) for chain in chains]
        found = score_chains(self._verifier, requests, self._scores, self._name, self._settings.batch, self._progress(what))
        self.silences.update(step.reason for steps in found.steps for step in steps if step.score is None)
        self._count(found)
        return found.steps

    def pairs(self, data: Data) -> Iterator[Table]:
        """The tables of all pairs."""
        preferences, found = preferences_of(self._verifier, data.pairs, self._scores, self._name, self._progress("judging pairs"))
        if found is not None:
            self._count(found)
        return pair_tables(data.pairs, preferences, self._verifier.id, self._settings.seed)

    def probes(self, study: Study) -> Iterator[Table]:
        """The tables of the probes."""
        limit = self._settings.probe_limit
        own = study.part(lambda chain: chain.domain != TWIN)
        if limit and limit < len(own.chains):
            wanted = {own.chains[at * len(own.chains) // limit].id for at in range(limit)}
            own = own.part(lambda chain: chain.id in wanted)
        probed = run_probes(own, self._verifier, probes_named(self._settings.probes), self._scores, self._name, self._settings.batch, self._progress("probing"))
        self.judged, self.kept = self.judged + probed.judged, self.kept + probed.kept
        self.failures.update(probed.failures)
        return probe_tables(own, probed)

    def _count(self, found: Scored) -> None:
        self.judged, self.kept = self.judged + found.judged, self.kept + found.kept
        self.failures.update(found.failures)

    def _progress(self, what: str) -> Callable[[int, int], None] | None:
        notice = self._notice
        return None if notice is None else lambda done, total: notice(what, done, total)


def _metrics(settings: Settings, data: Data) -> tuple[str, ...]:
    """Those that are asked for; else all but the probes, and MR-Score for its own data alone."""
    if settings.metrics:
        return settings.metrics
    mr = any("mr_gsm8k" in source.layouts for source in data.sources)
    return tuple(metric for metric in METRICS if metric != "probes" and (metric != "mr-score" or mr))


def _tuned(ask: _Asking, data: Data, tune: Data) -> Tuned:
    measured = {key for chain in data.chains for key in _problems(chain)}
    shared = {problem_key(chain.chain) for chain in tune.chains if not measured.isdisjoint(_problems(chain))}
    if shared:
        raise OptionError(f"the data to tune on has {len(shared)} problems of the data that is measured; a threshold is tuned on other problems")
    known = [(chain, error) for chain in tune.chains if (error := chain.first_error) is not None]
    found = ask.chains(tune, [chain for chain, _ in known], "judging data to tune on")
    return tune_threshold([error for _, error in known], [[step.score for step in steps] for steps in found], ask.reading)


def _problems(chain: LabelledChain) -> tuple[str, str]:
    """What another solution may share with it: the group that its source names, and the problem, however that is spelt."""
    return chain.group_key, problem_key(chain.chain)


def _way(verifier: Verifier, settings: Settings, tuned: Tuned | None, tune: Data | None) -> _Way:
    own = getattr(verifier, "threshold", None)
    if tuned is not None and tune is not None:
        where = ", ".join(source.name for source in tune.sources)
        threshold, threshold_from = tuned.threshold, f"tuned on {where} ({len(tune.chains):,} solutions, F1 there {tuned.f1:.3f})"
    elif settings.threshold is not None:
        threshold, threshold_from = settings.threshold, "given"
    elif isinstance(own, float) and 0.0 <= own <= 1.0:
        threshold, threshold_from = own, "the verifier's own"
    else:
        threshold, threshold_from = 0.5, "one half, for the verifier declares none"
    declared = getattr(verifier, "aggregation", None) or getattr(getattr(verifier, "family", None), "aggregation", None)
    if settings.aggregation:
        aggregation, aggregation_from = settings.aggregation, "given"
    elif declared in AGGREGATORS:
        aggregation, aggregation_from = str(declared), "the verifier's own"
    else:
        aggregation, aggregation_from = "min", "for the verifier declares none"
    return _Way(threshold, threshold_from, reading_of(verifier, settings), aggregation, aggregation_from)


def reading_of(verifier: Verifier, settings: Settings) -> Undecided:
    """What steps without a score come to."""
    return settings.undecided or ("right" if verifier.wants_claims else "miss")


def _notes(study: Study) -> list[str]:
    unknown = sum(chain.first_error is None for chain in study.chains)
    unlabelled = sum(all(label is None for label in chain.labels) for chain in study.chains)
    silent = sum(score is None for scores in study.verifier.scores for score in scores)
    total = sum(len(scores) for scores in study.verifier.scores)
    unscored = sum(score is None for score in study.solution_scores(study.verifier))
    notes = [f"{silent:,} of {total:,} steps have no score, {unscored:,} of {len(study.chains):,} solutions none by {study.aggregation}."] if silent else []
    own = study.verifier
    empty = sum(
        rating == 0 and score is not None and score < own.threshold
        for ratings, scores in zip(own.ratings, own.scores, strict=True)
        for rating, score in zip(ratings, scores, strict=True)
    )
    if empty:
        notes.append(f"{empty:,} steps are called trivial or neutral and score below the threshold: they count as wrong, for the score is what is paid.")
    if unlabelled:
        notes.append(f"{unlabelled:,} solutions have no labels of steps.")
    if unknown > unlabelled:
        notes.append(f"Of {unknown - unlabelled:,} solutions the first wrong step is not known; they do not count in finding it.")
    return notes
