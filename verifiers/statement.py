"""Whether a statement of a program does something for it, by running the program without it and with others in its place."""

from collections.abc import Iterator, Sequence

from prm_gym.claims import Claim, StatementEffect
from prm_gym.programs import CaseOutcome, NoVariants, Trial, Variant, run_trials, statement_variants
from prm_gym.programs.limits import cases_defect, code_defect, well_typed
from prm_gym.verdict import Verdict, abstained, failed, judged
from prm_gym.verifiers.batched import SandboxedVerifier

WALL_SECONDS = 1.0
MOST_LINES = 1 << 17


class StatementVerifier(SandboxedVerifier):
    """Judges `StatementEffect` claims: the program is run on its cases as it is, without the statement, and with up to 12 changed ones in its place.

    The changes are made one at a time in the statement itself, or in the head of a compound one: an operator, a comparison, `and` and `or`, a constant, the
    value that is returned, a condition negated. What the cases show decides:

    A program that passes all its cases:

    - `correct`, 1: without the statement a case comes out differently, and with some changed one too (if there is anything to change).
    - `neutral`, 0.5: without it a case comes out differently, but no change to it does: something must stand there, and anything would do.
    - `trivial`, 0: without it every case comes out the same: it is dead, redundant, or nothing that the cases ask for. Or it would be so without one other
      statement that shares a name with it: `n += 1` and `n -= 1`, a note and the assertion that reads it. Of three that need one another it knows nothing.

    A program that fails some:

    - `incorrect`, 0: without the statement, or with a changed one, a failing case passes and none that passed fails: the bug is here, or
      shows here. The evidence says which change mends the most cases, and how many.
    - `trivial`, 0: without it every case comes out the same.
    - `neutral`, 0.5: without it a case fails that passed.
    - It abstains where the statement matters only to cases that fail either way.

    What is run as the program itself is its unparsed form, without comments, as the variants are. It abstains on programs that are not plain (see
    `TraceVerifier`): such a program could look at its own source or code, and see that it was changed.

    It abstains as well where the program does not run, where a case does not end, and where no statement begins at the line. "Differently" is another value,
    another class of exception, or another end of the process. All of this is relative to the cases: few cases show little.

    Source: PRLCoder (arXiv 2502.01715) labels lines by mutating them, refactoring them, and running the tests; the rules above are our own.
    """

    id = "statement"
    version = "3"
    claims = (StatementEffect,)

    def check_all(self, claims: Sequence[Claim]) -> list[Verdict]:
        """One verdict per claim; the programs of the whole batch run side by side, and each one as it is only once.

        Raises:
            SandboxError: there is no sandbox here.
        """
        found: dict[int, Verdict] = {}
        sound: dict[int, StatementEffect] = {}
        for place, claim in enumerate(claims):
            read = well_typed(claim) if isinstance(claim, StatementEffect) else None
            if read is None:
                found[place] = abstained("no well-formed claim of this kind")
            elif reason := _defect(read):
                found[place] = abstained(reason)
            else:
                sound[place] = read
        made = statement_variants(self.sandbox, [(claim.code, claim.line) for claim in sound.values()]) if sound else []
        trials: dict[str, Trial] = {}
        for claim, variants in zip(sound.values(), made, strict=True):
            if not isinstance(variants, NoVariants):
                for code in (variant.code for variant in variants):
                    trials.setdefault(_key(code, claim), Trial(code, claim.function, claim.cases, wall_seconds=WALL_SECONDS, patient=False))
        outcomes = dict(zip(trials, run_trials(self.sandbox, list(trials.values())), strict=True))
        for (place, claim), variants in zip(sound.items(), made, strict=True):
            if isinstance(variants, NoVariants):
                found[place] = failed(variants.reason) if variants.fault else abstained(variants.reason)
            else:
                original, *others = [(variant, outcomes[_key(variant.code, claim)]) for variant in variants]
                found[place] = _verdict(original[1], others)
        return [found[place] for place in range(len(claims))]


def _verdict(original: list[CaseOutcome] | None, variants: Sequence[tuple[Variant, list[CaseOutcome] | None]]) -> Verdict:
    if original is None or any(outcomes is None for _, outcomes in variants):
        return failed("the sandbox itself failed")
    ended = next((outcome for outcome in original if outcome.ending not in ("returned", "raised")), None)
    if ended is not None:
        return abstained(f"the program does not run to its end: {ended.error}")
    (_, without), *others = [(variant, outcomes) for variant, outcomes in variants if outcomes is not None]
    changed = [(variant, outcomes) for variant, outcomes in others if not variant.partner]
    partner = next((variant.partner for variant, outcomes in others if variant.partner and not _differs(original, outcomes)), 0)
    matters = _differs(original, without)
    telling = [variant.how for variant, outcomes in changed if _differs(original, outcomes)]
    evidence = {"passed": sum(outcome.passed for outcome in original), "total": len(original), "changes": len(changed), "telling": len(telling)}
    if all(outcome.passed for outcome in original):
        if not matters:
            return judged("trivial", 0.0, "without it every case comes out the same", **evidence)
        if partner:
            return judged("trivial", 0.0, f"without it and line {partner} every case comes out the same: they are there for each other", **evidence)
        if changed and not telling:
            return judged("neutral", 0.5, "something must stand there, and any change to it comes out the same", **evidence)
        return judged("correct", 1.0, "without it a case comes out differently", **evidence)
    mended, repair = max(_repairs(original, variants), default=(0, ""), key=lambda one: one[0])
    if mended:
        reason = f"the bug is here, or shows here: {mended} of the failing cases pass with it {_words(repair)}"
        return judged("incorrect", 0.0, reason, repair=repair, mended=mended, **evidence)
    if not matters:
        return judged("trivial", 0.0, "without it every case comes out the same", **evidence)
    if any(before.passed and not after.passed for before, after in zip(original, without, strict=True)):
        return judged("neutral", 0.5, "the program is wrong, and without the statement it is worse", **evidence)
    return abstained("it matters only to cases that fail either way", **evidence)


def _words(how: str) -> str:
    return how if how == "dropped" else f"changed ({how})"


def _differs(before: Sequence[CaseOutcome], after: Sequence[CaseOutcome]) -> bool:
    return any(not one.alike(other) for one, other in zip(before, after, strict=True))


def _repairs(original: Sequence[CaseOutcome], variants: Sequence[tuple[Variant, list[CaseOutcome] | None]]) -> Iterator[tuple[int, str]]:
    """The variants that fail no case which passed, and how many cases that failed they pass."""
    for variant, outcomes in variants:
        if variant.partner:
            continue
        pairs = list(zip(original, outcomes or [], strict=False))
        if all(after.passed for before, after in pairs if before.passed):
            yield sum(after.passed and not before.passed for before, after in pairs), variant.how


def _key(code: str, claim: StatementEffect) -> str:
    return repr((code, claim.function, claim.cases))


def _defect(claim: StatementEffect) -> str:
    """Why a claim cannot be judged; empty where it can."""
    if not claim.cases:
        return "there is no case that could show anything"
    if not 1 <= claim.line <= MOST_LINES:
        return "a line is counted from 1 on"
    return code_defect(claim.code, claim.function) or cases_defect(claim.cases)
