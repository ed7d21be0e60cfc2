"""Tables about solutions: ranking by the final answer, best-of-n, length bias."""

from collections.abc import Iterator, Sequence

import numpy as np

from prm_gym.answers import final_answer
from prm_gym.prm.aggregation import AGGREGATORS
from prm_gym.prm.evaluation.best_of_n import Pool, best_of, length_of_best, majority_of, oracle_of, random_of, sizes
from prm_gym.prm.evaluation.bootstrap import ratio_of_sums, sums_interval, weights_interval
from prm_gym.prm.evaluation.length_bias import length_bias
from prm_gym.prm.evaluation.ranking import Ranked
from prm_gym.prm.evaluation.result import Cell, Row, Table
from prm_gym.prm.evaluation.study import Study

FEWEST_ATTEMPTS = 2


def solution_tables(study: Study) -> Iterator[Table]:
    """How well solutions with a wrong final answer are ranked below those with a right one, by aggregator."""
    own = study.part(lambda chain: chain.outcome is not None)
    rows: list[Row] = []
    for aggregation in AGGREGATORS:
        scores = own.solution_scores(own.verifier, aggregation)
        at = [index for index, score in enumerate(scores) if score is not None]
        wrong = [own.chains[index].outcome is False for index in at]
        if not any(wrong) or all(wrong):
            continue
        ranked = Ranked(np.array([score for score in scores if score is not None]), wrong)
        area = weights_interval([own.chains[index].group_key for index in at], ranked.roc_auc, own.seed)
        rows.append(Row((f"{aggregation}{_marked(own, aggregation)}", len(at), sum(wrong), area)))
    if rows:
        note = "ROC-AUC of telling right from wrong final answers by the score of the solution; chance reaches 0.5. Solutions without a score are left out."
        yield Table("solutions", "Ranking solutions", ("", "solutions", "wrong answer", "ROC-AUC"), tuple(rows), note)


def pools_of(study: Study, aggregation: str) -> list[Pool]:
    """Attempts at one problem whose outcomes are known, of problems with two or more."""
    scores = study.solution_scores(study.verifier, aggregation)
    found: dict[str, list[int]] = {}
    for index, chain in enumerate(study.chains):
        if chain.outcome is not None:
            found.setdefault(chain.group_key, []).append(index)
    return [
        Pool(
            group=group,
            right=tuple(study.chains[index].outcome is True for index in at),
            scores=tuple(scores[index] for index in at),
            lengths=tuple(len(study.chains[index].chain) for index in at),
            answers=tuple(answer_of(study.chains[index].chain.texts) for index in at),
        )
        for group, at in found.items()
        if len(at) >= FEWEST_ATTEMPTS
    ]


def answer_of(texts: Sequence[str]) -> str | None:
    """What a solution answers, in a form that can be compared: without blanks and in small letters; None where it states nothing."""
    found = final_answer("\n".join(texts))
    return "".join(found.answer.split()).casefold() or None


def best_of_n_tables(study: Study) -> Iterator[Table]:
    """Best-of-n with every aggregator beside random choice, the majority and the oracle, and how long the chosen solutions are."""
    pools = pools_of(study, study.aggregation)
    if not pools:
        return
    ns = sizes(pools)
    most = ns[-1]
    groups = [pool.group for pool in pools]
    attempts = sum(len(pool.right) for pool in pools)
    stated = sum(answer is not None for pool in pools for answer in pool.answers)

    def share(values: Sequence[float]) -> Cell:
        return sums_interval(groups, np.stack([np.array(values), np.ones(len(values))], axis=1), ratio_of_sums, study.seed)

    rows: list[Row] = []
    mean_length = sum(sum(pool.lengths) / len(pool.lengths) for pool in pools) / len(pools)
    for aggregation in AGGREGATORS:
        own = pools_of(study, aggregation)
        length = sum(length_of_best(pool, most) for pool in own) / len(own)
        cells: tuple[Cell, ...] = (*(share([best_of(pool, n) for pool in own]) for n in ns), length, length - mean_length)
        rows.append(Row((f"{aggregation}{_marked(study, aggregation)}", *cells)))
        if aggregation == study.aggregation and stated:
            weighted = tuple(share([majority_of(pool, n, weighted=True, seed=study.seed) for pool in own]) for n in ns)
            rows.append(Row((f"majority weighted by {aggregation}", *weighted, None, None)))
    rows.append(Row(("random attempt", *(share([random_of(pool) for pool in pools]) for _ in ns), mean_length, 0.0), "baseline"))
    if stated:
        rows.append(Row(("majority", *(share([majority_of(pool, n, seed=study.seed) for pool in pools]) for n in ns), None, None), "baseline"))
    rows.append(Row(("oracle", *(share([oracle_of(pool, n) for pool in pools]) for n in ns), None, None), "baseline"))
    yield Table(
        "best-of-n",
        f"Best of n, on {len(pools):,} problems with two attempts or more",
        ("", *(f"n = {n}" for n in ns), f"steps of best of {most}", "longer than pool"),
        tuple(rows),
        "Share of problems whose chosen attempt is right, in expectation over all subsets of n. Equal scores share; attempts without a score come last."
        + (f" {stated:,} of {attempts:,} attempts state an answer; the others have no vote." if 0 < stated < attempts else "")
        + ("" if stated else " No attempt states an answer that could be compared, so there is no majority."),
    )


def length_tables(study: Study) -> Iterator[Table]:
    """Correlation of the score of a solution and its number of steps, by aggregator."""
    lengths = [len(chain.chain) for chain in study.chains]
    outcomes = [chain.outcome for chain in study.chains]
    rows: list[Row] = []
    for aggregation in AGGREGATORS:
        found = length_bias(study.solution_scores(study.verifier, aggregation), lengths, outcomes)
        if found.overall is not None:
            rows.append(Row((f"{aggregation}{_marked(study, aggregation)}", found.solutions, found.overall, found.among_right, found.among_wrong)))
    if rows:
        note = "Spearman's correlation of a solution's score and its number of steps. A score that is blind to length has none among solutions of one outcome."
        yield Table("length", "Length bias", ("", "solutions", "all", "right answer", "wrong answer"), tuple(rows), note)


def _marked(study: Study, aggregation: str) -> str:
    return " (in use)" if aggregation == study.aggregation else ""
