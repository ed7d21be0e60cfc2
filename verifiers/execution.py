"""Whether programs do what they should, by running them."""

from collections.abc import Mapping, Sequence

import msgspec

from prm_gym.claims import Case, Claim, Probe, Program, Refused
from prm_gym.errors import OptionError
from prm_gym.programs import CaseOutcome, NoVariants, Trial, Tried, brief, mutants_tried, printed_lines, run_trials
from prm_gym.programs.limits import MAX_WALL_SECONDS, cases_defect, code_defect, well_typed
from prm_gym.sandbox import Limits, Run, Tested
from prm_gym.verdict import Verdict, abstained, failed, judged
from prm_gym.verifiers.batched import SandboxedVerifier

MODES = ("graded", "all")
MOST_TALKS = 200
MAX_TALK = 1 << 18
PROBE_SECONDS = 1.0

_COMPILES = "def compiles(source):\n    compile(source, '<tests>', 'exec')\n    return True\n"


class ExecutionVerifier(SandboxedVerifier):
    """Judges `Program` claims by running the program in the sandbox: the share of its cases, talks and tests that pass. A test source counts as one.

    - `correct`, 1: everything passes.
    - `trivial`, 0: no case passes that an earlier program of the episode did not pass (`Program.known`).
    - `neutral`: a share from 0.5 on, which is the score.
    - `incorrect`: a lesser share. With `execution:all` whatever is not everything is `incorrect`, 0.

    What should come out never enters the process of the program: values are compared here, strictly by type (`prm_gym.sandbox.values.same`), and tests run
    in a process of their own. So leaving early, an `__eq__` that is always true, forged records, or a look at the stack earn nothing.

    A program that hangs, crashes, or wants too much fails the case that it does so in; the other cases are run again without it (`run_trials`). It abstains
    where nothing is claimed to come out, on values that equal nothing (nan, infinities), on tests that do not compile, and past its bounds. Where the
    sandbox itself fails, the status is `error`.

    A program that gives an object of its own where the tests want plain data is wrong. Where the tests want what cannot be carried between the two
    processes, or rest on the word of the program's objects (`Tested.carried`, `Tested.on_word`), it abstains, unless a reference (`Program.reference`)
    passes the tests without that: then the program is wrong. Where the reference too passes on the word of its objects, that is enough.

    The evidence tells how many passed, and of the first one that did not: its arguments, and what came out. What should have come out is not in it: `info`
    carries verdicts, and a gold answer never.

    `Probe` claims: `correct`, 1, where the case is right and a near mutant of the program fails it that passes all earlier right ones; `trivial`, 0, where it
    is right and none does, or a function that does nothing gives that too; `incorrect`, 0, where it is wrong. `Refused` claims: `incorrect`, 0.
    """

    id = "execution"
    version = "4"
    claims = (Program, Probe, Refused)

    def __init__(self, mode: str = "graded") -> None:
        """Choose what a part is worth.

        Args:
            mode: "graded" (its share) or "all" (nothing).

        Raises:
            OptionError: there is no such mode.
        """
        if mode not in MODES:
            raise OptionError(f"mode of execution is one of {', '.join(MODES)}, got {mode!r}")
        super().__init__()
        self.mode = mode

    def check_all(self, claims: Sequence[Claim]) -> list[Verdict]:
        """One verdict per claim; the programs of the whole batch run side by side.

        Raises:
            SandboxError: there is no sandbox here.
        """
        found: dict[int, Verdict] = {}
        programs: dict[int, Program] = {}
        probes: dict[int, Probe] = {}
        for place, claim in enumerate(claims):
            read = well_typed(claim)
            if read is None:
                found[place] = abstained("no well-formed claim")
            elif isinstance(read, Refused):
                found[place] = judged("incorrect", 0.0, read.reason)
            elif reason := _defect(read):
                found[place] = abstained(reason)
            elif isinstance(read, Program):
                programs[place] = read
            elif isinstance(read, Probe):
                probes[place] = read
        found.update(self._judge_programs(programs))
        found.update(self._judge_probes(probes))
        return [found[place] for place in range(len(claims))]

    # Programs.

    def _judge_programs(self, programs: Mapping[int, Program]) -> dict[int, Verdict]:
        claims = list(programs.values())
        trials = [Trial(claim.code, claim.function, claim.cases, claim.tolerance, claim.wall_seconds) for claim in claims]
        outcomes = run_trials(self.sandbox, trials)
        talks = self._talk(claims)
        sound = self._compile([claim.tests for claim in claims if claim.tests.strip()])
        tested = self._test({place: claim for place, claim in programs.items() if sound.get(claim.tests)})
        found: dict[int, Verdict] = {}
        for place, claim, cases, spoken in zip(programs, claims, outcomes, talks, strict=True):
            if claim.tests.strip() and not sound[claim.tests]:
                found[place] = abstained("the tests do not compile") if sound[claim.tests] is False else failed("the sandbox itself failed")
                continue
            found[place] = self._program_verdict(claim, cases, spoken, tested.get(place))
        return found

    def _test(self, claims: Mapping[int, Program]) -> dict[int, Tested]:
        """What came of the tests of every program, in the light of its reference where something could not be carried."""
        found = dict(zip(claims, self._run_tests([(claim.code, claim) for claim in claims.values()]), strict=True))
        doubtful = {place: claim for place, claim in claims.items() if claim.reference and not found[place].carried}
        beside = self._run_tests([(claim.reference, claim) for claim in doubtful.values()])
        return found | {place: _beside(found[place], reference) for place, reference in zip(doubtful, beside, strict=True)}

    def _run_tests(self, programs: Sequence[tuple[str, Program]]) -> list[Tested]:
        limits = [Limits(wall_seconds=claim.wall_seconds) for _, claim in programs]
        return self.sandbox.test_all([(code, claim.tests) for code, claim in programs], limits=limits)

    def _talk(self, claims: Sequence[Program]) -> list[list[Run]]:
        """The runs of every talk of every program."""
        found: list[list[Run]] = [[] for _ in claims]
        told = [(place, claim, talk) for place, claim in enumerate(claims) for talk in claim.talks]
        limits = [Limits(wall_seconds=claim.wall_seconds, kept_bytes=1 << 20) for _, claim, _ in told]
        runs = self.sandbox.run_all([claim.code for _, claim, _ in told], stdin=[talk.stdin for _, _, talk in told], limits=limits)
        for (place, _, _), run in zip(told, runs, strict=True):
            found[place].append(run)
        return found

    def _compile(self, sources: Sequence[str]) -> dict[str, bool | None]:
        """Whether test sources compile; None where the sandbox failed."""
        distinct = list(dict.fromkeys(sources))
        answers = self.sandbox.call_all([(_COMPILES, "compiles", [[source]]) for source in distinct]) if distinct else []
        return {source: None if calls.run.status == "fault" else calls.results[0].status == "returned" for source, calls in zip(distinct, answers, strict=True)}

    def _program_verdict(self, claim: Program, cases: list[CaseOutcome] | None, talks: list[Run], tested: Tested | None) -> Verdict:
        tests = [] if tested is None else [tested.run, *([tested.candidate] if tested.candidate is not None else [])]
        if cases is None or any(run.status == "fault" for run in (*talks, *tests)):
            return failed("the sandbox itself failed")
        if tested is not None and not tested.carried and not tested.passed:
            return abstained("the tests ask for what cannot be carried between them and the program, or rest on the word of its objects")
        spoken = [run.status == "ok" and printed_lines(run.stdout) == printed_lines(talk.stdout) for run, talk in zip(talks, claim.talks, strict=True)]
        marks = [*(case.passed for case in cases), *spoken, *([tested.passed] if tested is not None else [])]
        evidence: dict[str, object] = {"passed": sum(marks), "total": len(marks)}
        if all(marks):
            reason = f"all {len(marks)} pass"
        else:
            evidence["failing"] = _failing(claim, cases, talks, spoken, tested)
            reason = f"{sum(marks)} of {len(marks)} pass"
        if claim.known and not {place for place, case in enumerate(cases) if case.passed} - set(claim.known):
            return judged("trivial", 0.0, f"{reason}, none of them for the first time", **evidence)
        share = sum(marks) / len(marks)
        if all(marks):
            return judged("correct", 1.0, reason, **evidence)
        if self.mode == "all":
            return judged("incorrect", 0.0, reason, **evidence)
        return judged("neutral" if share >= 0.5 else "incorrect", share, reason, **evidence)

    # Probes.

    def _judge_probes(self, probes: Mapping[int, Probe]) -> dict[int, Verdict]:
        programs = [(probe.code, probe.function, (*probe.earlier, Case(probe.arguments, probe.expected))) for probe in probes.values()]
        tried = mutants_tried(self.sandbox, programs, PROBE_SECONDS) if programs else []
        return {place: _probe_verdict(found, probe.idle) for (place, probe), found in zip(probes.items(), tried, strict=True)}


def _probe_verdict(tried: list[Tried] | NoVariants, idle: bool) -> Verdict:
    if isinstance(tried, NoVariants):
        return failed(tried.reason) if tried.fault else abstained(tried.reason)
    own, *near = tried
    if not own.passed[-1]:
        return judged("incorrect", 0.0, "the program that is right gives something else")
    if idle:
        return judged("trivial", 0.0, "right, and a function that does nothing gives that too")
    earlier = [place for place, passed in enumerate(own.passed[:-1]) if passed]  # a case that was wrong tells nothing
    left = [mutant for mutant in near if all(mutant.passed[place] for place in earlier)]
    told = [mutant.how for mutant in left if not mutant.passed[-1]]
    evidence = {"told": told, "left": len(left)}
    if told:
        return judged("correct", 1.0, f"it exposes {len(told)} of the {len(left)} wrong programs still unexposed", **evidence)
    return judged("trivial", 0.0, f"it exposes none of the {len(left)} wrong programs still unexposed", **evidence)


def _beside(tested: Tested, reference: Tested) -> Tested:
    """What came of tests that could not be carried, in the light of what came of them for a reference."""
    if not (reference.passed or reference.on_word):
        return tested
    return msgspec.structs.replace(tested, passed=tested.on_word and reference.on_word, carried=True)


def _failing(claim: Program, cases: Sequence[CaseOutcome], talks: Sequence[Run], spoken: Sequence[bool], tested: Tested | None) -> dict[str, object]:
    """The first that does not pass, without what should have come out."""
    for place, outcome in sorted(enumerate(cases), key=lambda one: one[1].ending == "not run"):
        if not outcome.passed:
            came = {"returned": brief(outcome.value)} if outcome.ending == "returned" else {"error": outcome.error[:200]}
            return {"case": place, "arguments": [brief(part) for part in claim.cases[place].arguments[:10]], "ending": outcome.ending, **came}
    for place, passed in enumerate(spoken):
        if not passed:
            return {"talk": place, "stdin": claim.talks[place].stdin[:200], "ending": talks[place].status, "stdout": talks[place].stdout[:200]}
    return {"tests": "" if tested is None else tested.failure.partition(" at `")[0].partition(":")[0]}  # the rest quotes the tests


def _defect(claim: Claim) -> str:
    """Why a claim cannot be judged; empty where it can."""
    if isinstance(claim, Probe):
        new = Case(claim.arguments, claim.expected)
        return code_defect(claim.code, claim.function) or cases_defect((*claim.earlier, new))
    if not isinstance(claim, Program):
        return "no claim of this kind"
    if not (claim.cases or claim.talks or claim.tests.strip()):
        return "nothing is said of what the program should do"
    if not 0 < claim.wall_seconds <= MAX_WALL_SECONDS or not 0 <= claim.tolerance < 1:
        return f"wall_seconds is at most {MAX_WALL_SECONDS:g} and tolerance below 1"
    if len(claim.talks) > MOST_TALKS or any(max(len(talk.stdin), len(talk.stdout)) > MAX_TALK for talk in claim.talks):
        return f"at most {MOST_TALKS} talks of {MAX_TALK:,} characters are run"
    return (
        code_defect(claim.code, claim.function if claim.cases else "f") or code_defect(claim.tests) or code_defect(claim.reference) or cases_defect(claim.cases)
    )
