"""Whether a query is right: by the rows that it gives, on every database of a suite."""

import math
from collections.abc import Sequence

from prm_gym.claims import Claim, Conclusion, Exploration, Malformed, QueryResult, TableStep
from prm_gym.errors import MissingExtraError, SandboxError
from prm_gym.sql import Finding, Trial, judge, same_conclusion
from prm_gym.verdict import Verdict, abstained, failed, judged
from prm_gym.verifier import StepContext, Verifier, badness


class SqlVerifier(Verifier):
    """Judges queries by running them beside the right ones, in the sandbox, and what else is claimed about the work on a database.

    `QueryResult`
    - `correct`, 1: the right rows on the database and on every variant. Rows are compared as `prm_gym.sql.difference` says: bags of rows unless the claim
      says that their order counts, NULLs and duplicates as they stand, the order of columns counts and their names do not.
    - `incorrect`, 0: other rows, an error, or no end within five seconds, with the difference or the error as evidence.
    - Where the order of the right query puts several rows on one rank, these may come in any order, and its LIMIT may take any of them.
    - It abstains where the right query fails, reads the clock or gives more than 10,000 rows; where a query that gives nothing is right because the right one
      gives nothing on every database: such a query would pass by luck; and where the rows are not the right ones, but those depend on the order in which
      SQLite reads tables, by more than ranks: a nested LIMIT without an order, say.
    Claims in DuckDB's dialect need the extra `duckdb`; without it they get the status "error". There TIMESTAMPTZ (which needs pytz) and PIVOT are errors.

    Known weaknesses: the right query has ten seconds and the other one five, so that a query as slow as a slow right one is wrong. Ranks
    are read in SQLite's dialect alone, and not where the order names a collation, an expression over the name of a column of the result, or what the rows of
    a compound query do not show. What windows leave open is not noticed, and of a clock only what the text of a query says.

    `TableStep`: the same for a step of a plan that makes an intermediate table. A step is judged on the database as it found it. Where tables made earlier
    are wrong, what is right on them may be right by luck (on an empty table every query is), so it is judged on the variants too, whose earlier tables are
    right; a step that is right everywhere is then `neutral`, 0.5, with the wrong tables as `tainted` in the evidence: no mistake of its own, and no way to
    the answer. A right table that is made again is `trivial`.

    `Conclusion`: `correct` or `incorrect`; texts without regard to case and outer spaces. A right one is `trivial`, a guess, where something that it rests on
    was not established before.

    `Exploration`: `correct`, 1, where something that the question needs is seen for the first time; there is a fixed number of such things, so that looking
    around earns a bounded sum. `neutral`, 0.5, where something else is new; `trivial` for what was seen before or reads nothing; `incorrect` for a call that
    fails.
    """

    id = "sql"
    version = "4"
    claims = (QueryResult, TableStep, Conclusion, Exploration)

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict a step: that of its worst claim. All queries of a batch run side by side, equal ones once."""
        claims = [claim for step in steps for claim in step.claims]
        tried = [claim for claim in claims if isinstance(claim, QueryResult) or (isinstance(claim, TableStep) and not claim.error)]
        found: dict[Trial, Finding | str] = {}
        for dialect in dict.fromkeys(_trial(claim).dialect for claim in tried):
            trials = [trial for trial in dict.fromkeys(map(_trial, tried)) if trial.dialect == dialect]
            try:
                found.update(zip(trials, judge(trials), strict=True))
            except (SandboxError, MissingExtraError) as error:
                found.update(dict.fromkeys(trials, str(error)))
        return [_worst([self._check(claim, found) for claim in step.claims if isinstance(claim, (Malformed, *self.claims))]) for step in steps]

    def _check(self, claim: Claim, found: dict[Trial, Finding | str]) -> Verdict:
        if isinstance(claim, Malformed):
            return judged("malformed", 0.0, claim.reason)
        if isinstance(claim, QueryResult):
            return _of_query(found[_trial(claim)])
        if isinstance(claim, TableStep):
            return _of_step(claim, found)
        if isinstance(claim, Conclusion):
            return _of_conclusion(claim)
        return _of_exploration(claim) if isinstance(claim, Exploration) else abstained("no claim about a database")


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    if not verdicts:
        return abstained("the step makes no claim of a kind that this verifier understands")
    return next((verdict for verdict in verdicts if verdict.label == "malformed"), max(verdicts, key=badness))


def _trial(claim: QueryResult | TableStep) -> Trial:
    databases = (claim.database, *claim.variants)
    if isinstance(claim, QueryResult):
        return Trial(claim.query, claim.gold, databases, claim.ordered, claim.dialect)
    return Trial(claim.query, claim.gold, databases)


def _of_query(finding: Finding | str) -> Verdict:
    if isinstance(finding, str):
        return failed(finding)
    if finding.outcome == "fault":
        return failed(finding.reason)
    if finding.outcome == "undecided":
        return abstained(finding.reason, **finding.evidence)
    if finding.outcome == "right":
        return judged("correct", 1.0, finding.reason, **finding.evidence)
    return judged("incorrect", 0.0, finding.reason, **finding.evidence)


def _of_step(claim: TableStep, found: dict[Trial, Finding | str]) -> Verdict:
    if claim.error:
        return judged("incorrect", 0.0, f"the step fails: {claim.error}", error=claim.error)
    verdict = _of_query(found[_trial(claim)])
    if claim.tainted and verdict.status == "ok":
        names = ", ".join(claim.tainted)
        evidence = {**verdict.evidence, "tainted": list(claim.tainted)}
        if verdict.label == "correct":
            return judged("neutral", 0.5, f"right in itself, on tables that are wrong: {names}", **evidence)
        return judged("incorrect", 0.0, f"{verdict.reason}; and {names} was wrong before", **evidence)
    if claim.done and verdict.label == "correct":
        return judged("trivial", 0.0, "the table was right before", **verdict.evidence)
    return verdict


def _of_conclusion(claim: Conclusion) -> Verdict:
    if not claim.golds:
        return abstained("no right conclusion is known")
    if not claim.tolerance < math.inf:
        return abstained(f"a tolerance is a finite number, got {claim.tolerance}")
    values = list(claim.values)
    if not any(same_conclusion(claim.values, gold, claim.tolerance) for gold in claim.golds):
        return judged("incorrect", 0.0, "another one is right", values=values)
    missing = [name for name in claim.rests_on if name not in claim.established]
    if missing:
        count = len(claim.rests_on)
        reason = f"right, but a guess: {count - len(missing)} of the {count} tables that it rests on were made right; not made: {missing[0]}"
        return judged("trivial", 0.0, reason, values=values, missing=missing)
    return judged("correct", 1.0, "the right conclusion", values=values)


def _of_exploration(claim: Exploration) -> Verdict:
    if claim.error:
        return judged("incorrect", 0.0, f"the call fails: {claim.error}", error=claim.error)
    new = [fact for fact in claim.shown if fact in claim.needed and fact not in claim.known]
    if new:
        return judged("correct", 1.0, f"seen for the first time, and needed: {', '.join(new)}", new=list(dict.fromkeys(new)))
    if claim.seen_before:
        return judged("trivial", 0.0, "this was seen before")
    if not claim.reads:
        return judged("trivial", 0.0, "the query reads nothing of the database")
    return judged("neutral", 0.5, "nothing that the question needs was seen for the first time")
