"""The probes of `prm_gym.prm.probes` tried on the solutions of a study."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from prm_gym.prm.aggregation import RETURNS, aggregate
from prm_gym.prm.evaluation.bootstrap import ratio_of_sums, sums_interval
from prm_gym.prm.evaluation.result import Cell, Row, Table
from prm_gym.prm.evaluation.scoring import ChainRequest, ScoreFile, score_chains
from prm_gym.prm.evaluation.study import Study
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.probes import Probe, ProbeResult, Setting, apply, compare, rises
from prm_gym.report.statistics import Interval
from prm_gym.verifier import Verifier


class Tried(msgspec.Struct, frozen=True):
    """A probe on all solutions that it can be applied to.

    Attributes:
        probe: what was tried.
        groups: [N] problem of each solution.
        before: [N] scores of the steps as they were written.
        after: [N] scores of the steps of the changed solution.
    """

    probe: Probe
    groups: tuple[str, ...]
    before: tuple[tuple[float | None, ...], ...]
    after: tuple[tuple[float | None, ...], ...]


class Probed(msgspec.Struct, frozen=True):
    """What was tried and what it took.

    Attributes:
        tried: a probe each.
        judged: steps that the verifier was asked about.
        kept: steps whose scores were there already.
        failures: reasons of errors and timeouts, with how often each came.
    """

    tried: tuple[Tried, ...]
    judged: int
    kept: int
    failures: Mapping[str, int]


def settings_of(chains: Sequence[LabelledChain], seed: int = 0) -> list[Setting]:
    """What the probes may use, for each solution: which of its steps are right, and a right solution of another problem."""
    sound = [chain for chain in chains if chain.first_error == -1 or (chain.outcome and not any(label is not None for label in chain.labels))]
    found: list[Setting] = []
    for index, chain in enumerate(chains):
        others = (sound[(index + place) % len(sound)] for place in range(len(sound)))
        other = next((other for other in others if other.group_key != chain.group_key), None)
        right = tuple(label is not None and label >= 0.5 for label in chain.labels)
        found.append(Setting(right, other.chain.steps if other is not None else (), seed + index))
    return found


def run_probes(
    study: Study,
    verifier: Verifier,
    probes: Sequence[Probe],
    scores: ScoreFile,
    name: str = "",
    batch: int = 64,
    notice: Callable[[int, int], None] | None = None,
) -> Probed:
    """Try probes on all solutions of a study.

    Args:
        study: with the scores of the solutions as they were written.
        verifier: that they are of.
        probes: to try.
        scores: where scores are kept.
        name: the specification of the verifier.
        batch: chains judged at once.
        notice: called with how many chains are done, and how many there are.
    """
    settings = settings_of(study.chains, study.seed)
    wanted: list[tuple[int, int, ChainRequest]] = []
    for place, probe in enumerate(probes):
        for index, (chain, setting) in enumerate(zip(study.chains, settings, strict=True)):
            changed = apply(probe, chain.chain, setting)
            if changed is not None:
                wanted.append((place, index, ChainRequest(changed, chain.gold)))
    found = score_chains(verifier, [request for _, _, request in wanted], scores, name, batch, notice)
    tried: list[Tried] = []
    for place, probe in enumerate(probes):
        own = [(index, tuple(step.score for step in steps)) for (where, index, _), steps in zip(wanted, found.steps, strict=True) if where == place]
        tried.append(
            Tried(
                probe,
                tuple(study.chains[index].group_key for index, _ in own),
                tuple(study.verifier.scores[index] for index, _ in own),
                tuple(after for _, after in own),
            )
        )
    return Probed(tuple(tried), found.judged, found.kept, found.failures)


def result_of(tried: Tried, aggregation: str, study: Study) -> ProbeResult:
    """What a probe did, with one aggregator."""
    before, after = ([aggregate(scores, aggregation, study.undecided) for scores in column] for column in (tried.before, tried.after))
    return compare(tried.probe.id, aggregation, before, after, study.verifier.threshold)


def probe_tables(study: Study, probed: Probed) -> Iterator[Table]:
    """How often each probe raises the score, with the declared aggregator and with all of them."""
    rows: list[Row] = []
    for tried in probed.tried:
        found = result_of(tried, study.aggregation, study)
        share = _share(tried, study.aggregation, study)
        change = found.mean_change if found.tried else None
        flips = found.flips / found.tried if found.tried else None
        rows.append(Row((tried.probe.id, tried.probe.what, found.tried, share, flips, change, f"{found.undecided:,} / {found.gained:,}")))
    yield Table(
        "probes",
        f"Can it be gamed? Score of the solution by {study.aggregation}",
        ("", "what is done", "tried", "rises", "flips", "mean change", "lost / gained"),
        tuple(rows),
        "None of these makes a solution better. Rises: share of solutions that score higher for it. Flips: accepted now, and not before. Lost and gained: "
        "solutions that had a score and have none now, and the other way round; a score gained is paid as well.",
    )
    cells: list[Row] = []
    for tried in probed.tried:
        shares: list[Cell] = []
        for aggregation in RETURNS:
            found = result_of(tried, aggregation, study)
            shares.append(found.rises / found.tried if found.tried else None)
        cells.append(Row((tried.probe.id, *shares)))
    yield Table(
        "probes",
        "Share of solutions that a probe raises, by aggregator",
        ("", *RETURNS),
        tuple(cells),
        "The sum is what dense rewards add up to: there every step that scores above 0 pays.",
    )


def _share(tried: Tried, aggregation: str, study: Study) -> Interval | None:
    before, after = ([aggregate(scores, aggregation, study.undecided) for scores in column] for column in (tried.before, tried.after))
    rows = [(group, float(rises(one, other))) for group, one, other in zip(tried.groups, before, after, strict=True) if one is not None and other is not None]
    if not rows:
        return None
    return sums_interval([group for group, _ in rows], np.array([[value, 1.0] for _, value in rows]), ratio_of_sums, study.seed)
