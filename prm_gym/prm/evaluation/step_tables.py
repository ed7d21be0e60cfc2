"""Tables about steps: first wrong steps, labels, ratings, MR-Score, calibration, ranking, coverage."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from prm_gym.prm.aggregation import Undecided
from prm_gym.prm.evaluation.agent_process import agent_process_score, first_error_hit, macro_f1_of_sums, rating_counts, step_accuracy_of_sums
from prm_gym.prm.evaluation.baselines import base_rate
from prm_gym.prm.evaluation.bootstrap import FloatArray, ratio_of_sums, sums_interval, weights_interval
from prm_gym.prm.evaluation.calibration import BINS, bin_edges, calibration, ece_counts, ece_of_sums, nll, reliability
from prm_gym.prm.evaluation.first_error import FirstErrorScore, f1_of_sums, first_error_counts, mean_f1, processbench_f1
from prm_gym.prm.evaluation.mr_score import mr_score
from prm_gym.prm.evaluation.ranking import Ranked, risk_coverage
from prm_gym.prm.evaluation.result import Cell, Figures, Kind, Row, Table
from prm_gym.prm.evaluation.step_labels import prm_score_of_sums, similarity, step_counts, step_label_score
from prm_gym.prm.evaluation.study import Method, Study
from prm_gym.prm.labelled import LabelledChain, first_error
from prm_gym.prm.layouts.prmbench import TWIN

OTHER: dict[Undecided, Undecided] = {"miss": "right", "right": "miss"}
IN_WORDS: dict[Undecided, str] = {"miss": "no score counts as a miss", "right": "no score counts as no objection"}


class LabelledSteps(msgspec.Struct, frozen=True):
    """Steps with a hard label, in one row.

    Attributes:
        groups: problem of each.
        right: whether it is right.
        soft: its label.
        scores: of the verifier or baseline.
    """

    groups: list[str]
    right: list[bool]
    soft: list[float]
    scores: list[float | None]


def labelled_steps(chains: Sequence[LabelledChain], scores: Sequence[Sequence[float | None]]) -> LabelledSteps:
    """The steps that have a label, of all chains."""
    rows = [
        (chain.group_key, label, score)
        for chain, own in zip(chains, scores, strict=True)
        for label, score in zip(chain.labels, own, strict=True)
        if label is not None
    ]
    return LabelledSteps([row[0] for row in rows], [row[1] >= 0.5 for row in rows], [row[1] for row in rows], [row[2] for row in rows])


def first_error_tables(study: Study) -> Iterator[Table]:
    """ProcessBench's figures of all solutions whose first wrong step is known, and by subset."""
    own = study.part(lambda chain: chain.first_error is not None and chain.domain != TWIN)
    gold = [error for chain in own.chains if (error := chain.first_error) is not None]
    if not gold:
        return
    groups = [chain.group_key for chain in own.chains]
    rows: list[Row] = []
    for name, kind, predicted in _first_errors(own):
        score = processbench_f1(gold, predicted)
        f1 = sums_interval(groups, first_error_counts(gold, predicted), f1_of_sums, own.seed) if score.erroneous and score.correct else None
        rows.append(Row((name, score.erroneous, score.correct, score.erroneous_accuracy, score.correct_accuracy, f1, score.undetermined), kind))
    yield Table(
        "first-error",
        "Finding the first wrong step",
        ("", "with an error", "without", "error found", "left alone", "F1", "undetermined"),
        tuple(rows),
        "ProcessBench: F1 is the harmonic mean of the share of solutions whose first wrong step is named and the share of right ones that are left alone. "
        "Undetermined solutions are misses.",
    )
    domains = sorted({_place(chain) for chain in own.chains})
    if len(domains) > 1:
        yield _by_domain(own, domains)


def _by_domain(study: Study, domains: Sequence[str]) -> Table:
    parts = [study.part(lambda chain, domain=domain: _place(chain) == domain) for domain in domains]
    scores: dict[str, list[FirstErrorScore]] = {}
    kinds: dict[str, Kind] = {}
    for part in parts:
        gold = [error for chain in part.chains if (error := chain.first_error) is not None]
        for name, kind, predicted in _first_errors(part, both=False):
            scores.setdefault(name, []).append(processbench_f1(gold, predicted))
            kinds[name] = kind
    rows = tuple(Row((name, *(score.f1 for score in own), mean_f1(own)), kinds[name]) for name, own in scores.items())
    return Table("first-error", "F1 by subset", ("", *domains, "mean"), rows, "The mean of the subsets is ProcessBench's headline.")


def _first_errors(study: Study, both: bool = True) -> Iterator[tuple[str, Kind, list[int | None]]]:
    """Each method's first wrong steps; of the verifier in both readings of silence, where these differ."""
    for method in study.methods:
        said = [first_error(scores, method.threshold, study.undecided) for scores in method.scores]
        yield method.name, method.kind, said
        if both and method.kind == "verifier" and any(None in scores for scores in method.scores):
            other = OTHER[study.undecided]
            yield f"{method.name} ({IN_WORDS[other]})", method.kind, [first_error(scores, method.threshold, other) for scores in method.scores]


def step_tables(study: Study) -> Iterator[Table]:
    """Labels of steps, by kind of mistake where there are several; of right twins the similarity."""
    own = study.part(lambda chain: chain.domain != TWIN and any(label is not None for label in chain.labels))
    if not own.chains:
        return
    rows: list[Row] = []
    for method in own.methods:
        steps = labelled_steps(own.chains, method.scores)
        silent = sum(score is None for score in steps.scores)
        for undecided in (own.undecided, OTHER[own.undecided]) if silent else (own.undecided,):
            name = method.name if undecided == own.undecided else f"{method.name} ({IN_WORDS[undecided]})"
            said = _said(steps.scores, method.threshold, undecided)
            score = step_label_score(steps.right, said)
            interval = sums_interval(steps.groups, step_counts(steps.right, said), prm_score_of_sums, own.seed)
            cells: tuple[Cell, ...] = (name, score.steps, score.wrong, score.accuracy, score.f1_right, score.f1_wrong, interval, score.mcc, silent)
            rows.append(Row(cells, method.kind))
    yield Table(
        "steps",
        "Telling right steps from wrong ones",
        ("", "steps", "wrong", "accuracy", "F1 right", "F1 wrong", "PRMScore", "MCC", "undecided"),
        tuple(rows),
        "PRMScore: the mean of both F1 (macro-F1). Undecided: steps without a score. Only steps with a label count; neutral ones are right.",
    )
    domains = sorted({_place(chain) for chain in study.chains if any(label is not None for label in chain.labels)})
    if len(domains) > 1:
        yield _steps_by_domain(study, domains)


def _steps_by_domain(study: Study, domains: Sequence[str]) -> Table:
    twins = {chain.group_key: scores for chain, scores in zip(study.chains, study.verifier.scores, strict=True) if chain.domain == TWIN}
    rows: list[Row] = []
    for domain in domains:
        part = study.part(lambda chain, domain=domain: _place(chain) == domain)
        steps = labelled_steps(part.chains, part.verifier.scores)
        score = step_label_score(steps.right, _said(steps.scores, part.verifier.threshold, part.undecided))
        pairs = [
            near
            for chain, own in zip(part.chains, part.verifier.scores, strict=True)
            if chain.domain != TWIN and (twin := twins.get(chain.group_key)) is not None
            if (near := similarity(_said(own, part.verifier.threshold), _said(twin, part.verifier.threshold))) is not None
        ]
        cells: tuple[Cell, ...] = (domain, score.steps, score.accuracy, score.f1_right, score.f1_wrong, score.prm_score, _mean(pairs))
        rows.append(Row(cells))
    note = "Of the verifier. Similarity: how far the shares of steps called right differ between a flawed solution and its right twin (PRMBench)."
    return Table("steps", "Steps by subset", ("", "steps", "accuracy", "F1 right", "F1 wrong", "PRMScore", "similarity"), tuple(rows), note)


def agent_tables(study: Study) -> Iterator[Table]:
    """AgentProcessBench's figures, where steps have ratings."""
    own = study.part(lambda chain: any(rating is not None for rating in chain.ratings))
    if not own.chains:
        return
    gold = [chain.ratings for chain in own.chains]
    groups = [chain.group_key for chain in own.chains]
    rows: list[Row] = []
    for method in own.methods:
        score, counts = agent_process_score(gold, method.ratings), rating_counts(gold, method.ratings)
        hits = np.array([[float(first_error_hit(a, b)), 1.0] for a, b in zip(gold, method.ratings, strict=True)])
        accuracy = sums_interval(groups, counts, step_accuracy_of_sums, own.seed)
        first = sums_interval(groups, hits, ratio_of_sums, own.seed)
        macro = sums_interval(groups, counts, macro_f1_of_sums, own.seed)
        rows.append(Row((method.name, score.steps, accuracy, first, macro, *score.f1, score.undecided), method.kind))
    yield Table(
        "agent",
        "Ratings of steps",
        ("", "steps", "StepAcc", "FirstErrAcc", "macro-F1", "F1 of -1", "F1 of 0", "F1 of +1", "undecided"),
        tuple(rows),
        "AgentProcessBench: three ratings; a verifier that says only right and wrong never says 0. Counts are pooled over subsets.",
    )


def mr_tables(study: Study) -> Iterator[Table]:
    """MR-Score, of solutions whose first wrong step is known."""
    own = study.part(lambda chain: chain.first_error is not None)
    gold = [error for chain in own.chains if (error := chain.first_error) is not None]
    if not gold:
        return
    rows: list[Row] = []
    for name, kind, predicted in _first_errors(own, both=False):
        score = mr_score(gold, predicted)
        rows.append(Row((name, score.mcc, score.step_accuracy, score.reason_accuracy, score.score), kind))
    note = "MR-Score = 0.2 max(0, MCC) + 0.3 step + 0.5 reason. No reasons were graded, so that 0.5 is the most that can be reached."
    yield Table("mr-score", "MR-Score", ("", "MCC", "first wrong step", "reason", "MR-Score"), tuple(rows), note)


def calibration_tables(study: Study) -> Iterator[Table]:
    """ECE, Brier score and likelihood of judged steps."""
    rate = base_rate(study.chains)
    constant = Method("base rate", "baseline", tuple((rate,) * len(chain.chain) for chain in study.chains), 0.5, ())
    rows: list[Row] = []
    for method in (study.verifier, constant, *study.methods[1:2]):
        kept = judged(labelled_steps(study.chains, method.scores))
        if not kept.scores:
            continue
        scores, soft = arrays(kept)
        found = calibration(scores, soft)
        edges = [bin_edges(scores, BINS, binning) for binning in ("width", "mass")]
        ece = [sums_interval(kept.groups, ece_counts(scores, soft, own), ece_of_sums, study.seed) for own in edges]
        brier, likelihood = (_mean_interval(kept.groups, values, study.seed) for values in ((scores - soft) ** 2, nll(scores, soft)))
        rows.append(Row((method.name, found.steps, *ece, brier, likelihood, found.base_rate), method.kind))
    if rows:
        yield Table(
            "calibration",
            "Calibration",
            ("", "judged steps", "ECE (width)", "ECE (mass)", "Brier", "NLL", "right"),
            tuple(rows),
            f"ECE over {BINS} bins of equal width and of equally many steps; NLL in nats, scores kept 1e-6 from 0 and 1. The base rate knows the share of "
            "right steps of this very data. Steps without a score are left out.",
        )


def ranking_tables(study: Study) -> Iterator[Table]:
    """Areas under ROC and precision-recall of finding wrong steps among the judged ones."""
    rows: list[Row] = []
    for method in study.methods:
        kept = judged(labelled_steps(study.chains, method.scores))
        wrong = [not right for right in kept.right]
        if not any(wrong) or all(wrong):
            continue
        ranked = Ranked(arrays(kept)[0], wrong)
        areas = [weights_interval(kept.groups, area, study.seed) for area in (ranked.roc_auc, ranked.average_precision)]
        rows.append(Row((method.name, len(wrong), *areas, sum(wrong) / len(wrong)), method.kind))
    if rows:
        note = "Of finding wrong steps by a low score. Chance reaches 0.5 and the share of wrong steps. Steps without a score are left out."
        yield Table("ranking", "Ranking steps", ("", "judged steps", "ROC-AUC", "PR-AUC", "wrong"), tuple(rows), note)


def coverage_tables(study: Study) -> Iterator[Table]:
    """Risk at several coverages."""
    rows: list[Row] = []
    for method in study.methods[:2]:
        steps = labelled_steps(study.chains, method.scores)
        if steps.right and any(score is not None for score in steps.scores):
            curve = risk_coverage(steps.scores, [not right for right in steps.right], method.threshold)
            at = [next((risk for covered, risk in zip(curve.x, curve.y, strict=True) if covered >= wanted - 1e-12), None) for wanted in (0.25, 0.5, 0.8, 1.0)]
            rows.append(Row((method.name, curve.x[-1], curve.area, *at), method.kind))
    if rows:
        yield Table(
            "coverage",
            "Risk and coverage",
            ("", "judged", "mean risk", "risk at 25%", "at 50%", "at 80%", "at 100%"),
            tuple(rows),
            "Risk: share told wrongly among the most certain steps. Equally certain steps are covered together; steps without a score never are.",
        )


def figures_of(study: Study) -> Figures:
    """What is drawn of the verifier."""
    own = labelled_steps(study.chains, study.verifier.scores)
    kept = judged(own)
    lengths: dict[int, list[float]] = {}
    for chain, score in zip(study.chains, study.solution_scores(study.verifier), strict=True):
        if score is not None:
            lengths.setdefault(len(chain.chain), []).append(score)
    by_length = tuple((length, sum(scores) / len(scores), len(scores)) for length, scores in sorted(lengths.items()))
    if not kept.scores:
        return Figures(lengths=by_length)
    scores, soft = arrays(kept)
    wrong = [not right for right in kept.right]
    both = any(wrong) and not all(wrong)
    ranked = Ranked(scores, wrong)
    return Figures(
        width=reliability(scores, soft, BINS, "width"),
        mass=reliability(scores, soft, BINS, "mass"),
        roc=ranked.roc() if both else None,
        precision_recall=ranked.precision_recall() if both else None,
        risk=risk_coverage(own.scores, [not right for right in own.right], study.verifier.threshold),
        wrong_share=sum(wrong) / len(wrong),
        lengths=by_length,
    )


def judged(steps: LabelledSteps) -> LabelledSteps:
    """The steps that have a score."""
    at = [index for index, score in enumerate(steps.scores) if score is not None]
    return LabelledSteps([steps.groups[i] for i in at], [steps.right[i] for i in at], [steps.soft[i] for i in at], [steps.scores[i] for i in at])


def arrays(steps: LabelledSteps) -> tuple[FloatArray, FloatArray]:
    """[N] scores and [N] labels of judged steps."""
    return np.array([0.0 if score is None else score for score in steps.scores]), np.array(steps.soft)


def _said(scores: Sequence[float | None], threshold: float, undecided: Undecided = "miss") -> list[bool | None]:
    """What is said of steps: right or wrong; of one without a score nothing, or right."""
    silence = True if undecided == "right" else None
    return [silence if score is None else score >= threshold for score in scores]


def _mean_interval(groups: Sequence[str], values: FloatArray, seed: int) -> Cell:
    return sums_interval(groups, np.stack([values, np.ones(len(values))], axis=1), ratio_of_sums, seed)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _place(chain: LabelledChain) -> str:
    return " ".join(part for part in (chain.source, chain.domain) if part) or "data"
