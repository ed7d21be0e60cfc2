r"""GenPRM: the judge analyses a step, writes a program that checks it, sees what the program prints, and says Yes or No.

Source: Zhao et al. 2025, "GenPRM: Scaling Test-Time Compute of Process Reward Models via Generative Reasoning" (2504.00891). The prompt is our own. What
differs: the program runs in the sandbox, never in this process; its output is handed back as material, not as instructions; what the judge says after its
program before it has seen the output does not count; the share of Yes is read at the word in the *last* box, and an answer that cannot be read is no vote,
where the published reading takes the first word and the last token, and 0.5 for what it cannot read.
"""

import re
from collections.abc import Sequence

from prm_gym.chains import Chain
from prm_gym.chat import ChatResult, Message
from prm_gym.errors import OptionError, SandboxError
from prm_gym.judging.framing import framing
from prm_gym.judging.protocol import Ask
from prm_gym.judging.reading import answer_of
from prm_gym.judging.stepwise import StepRead, StepwiseProtocol, note, with_last
from prm_gym.judging.yes_no import ALTERNATIVES, yes_no
from prm_gym.sandbox import Limits, Run, Sandbox

_OPENING = re.compile(r"^[ \t]*```(?:python|py)[^\n]*\n", re.MULTILINE | re.IGNORECASE)
_CLOSING = re.compile(r"^[ \t]*```[ \t\r]*$", re.MULTILINE)
_LONGEST_PROGRAM, _LONGEST_OUTPUT = 20_000, 4_000

_SYSTEM = """You check one step of a solution at a time. A step is right when what it states or does follows from the problem and the steps before it, its \
calculations hold, and it leads towards what is asked. A step that builds on an earlier mistake as if it were true is wrong. {notice}"""
_ASKED = """{material}

Judge step {number} alone.
1. Analyse it: what it claims, from what, and whether that follows.
2. If a calculation, an enumeration or a property of it can be checked by a program, write one Python program between ```python and ```, which prints what it \
finds, and end your answer there. You will be shown what it prints. It has the standard library, some seconds and no network. Compute the values anew; do not \
copy the conclusions of the step.
3. Otherwise, or once you know, end your answer with one word in a box: \\boxed{{Yes|No}}, Yes where the step is right and No where it is not."""
_SHOWN = """This is what your program did:

{output}

{then}"""
_AGAIN = "Go on. Write another program in the same way if something is still open, else end your answer with the word in the box."
_NO_MORE = "No more programs are run. End your answer with the word in the box."


class GenPrmProtocol(StepwiseProtocol):
    """The probability of Yes, where the server tells it, else the word; the mean over several answers."""

    id = "genprm"
    version = "2"

    def __init__(
        self,
        *,
        votes: int | None = None,
        temperature: float | None = None,
        max_tokens: int = 4096,
        quorum: float = 0.5,
        rounds: int = 2,
        wall_seconds: float = 5.0,
    ) -> None:
        """Choose how often to ask, and how many programs may be run.

        Args:
            votes: see `SampledProtocol`.
            temperature: see `SampledProtocol`.
            max_tokens: see `SampledProtocol`.
            quorum: see `SampledProtocol`.
            rounds: programs that are run for one answer; 0 for a judge that only analyses.
            wall_seconds: of a program.

        Raises:
            OptionError: one of them is out of range.
        """
        super().__init__(votes=votes, temperature=temperature, max_tokens=max_tokens, quorum=quorum)
        if type(rounds) is not int or not 0 <= rounds <= 8:
            raise OptionError(f"rounds is a whole number from 0 to 8, got {rounds!r}")
        self.rounds, self.limits = rounds, Limits(wall_seconds=wall_seconds)
        self.options = {"rounds": str(rounds), "wall_seconds": str(wall_seconds)}
        self._sandbox = Sandbox()

    def judge_last(self, chains: Sequence[Chain], ask: Ask) -> list[StepRead]:
        """One verdict a chain: every answer is a conversation of its own, and the programs of a round run side by side."""
        votes = self.drawing.votes
        talks = [(_begun(chain), sample) for chain in chains for sample in range(votes)]
        programs: list[list[dict[str, str]]] = [[] for _ in talks]
        done: dict[int, StepRead] = {}
        for rounds_left in range(self.rounds, -1, -1):
            open_talks = [at for at in range(len(talks)) if at not in done]
            results = ask([self.request(*talks[at], logprobs=ALTERNATIVES) for at in open_talks]) if open_talks else []
            waiting: dict[int, tuple[str, str]] = {}
            for at, result in zip(open_talks, results, strict=True):
                program = _program_in(result) if rounds_left else None
                if program is None:
                    done[at] = _read(result, programs[at], rounds_left > 0)
                else:
                    waiting[at] = program
            for at, run in zip(waiting, self._run([code for _, code in waiting.values()]), strict=True):
                if isinstance(run, str) or run.status == "fault":
                    done[at] = StepRead(
                        None, f"the judge's program could not be run: {run if isinstance(run, str) else 'the sandbox itself failed'}", status="error"
                    )
                    continue
                said, code = waiting[at]
                output = _output_of(run)
                programs[at].append({"program": code[:2000], "output": output[:2000]})
                talks[at] = (_continued(talks[at][0], chains[at // votes], said, output, rounds_left > 1), talks[at][1])
        reads = [done[at] for at in range(len(talks))]
        return [self.put_together(reads[at : at + votes]) for at in range(0, len(reads), votes)]

    def close(self) -> None:
        """Let go of the sandbox."""
        self._sandbox.close()
        self._sandbox = Sandbox()

    def _run(self, programs: Sequence[str]) -> list[Run] | list[str]:
        """How the programs ended; or why none could be run."""
        if not programs:
            return []
        try:
            return self._sandbox.run_all(programs, limits=self.limits)
        except SandboxError as error:
            return [str(error)] * len(programs)


def _begun(chain: Chain) -> tuple[Message, ...]:
    frame = framing(chain)
    asked = _ASKED.format(material=_unfenced(with_last(chain, frame)), number=len(chain))
    return (Message("system", _SYSTEM.format(notice=frame.notice)), Message("user", asked))


def _continued(talk: Sequence[Message], chain: Chain, said: str, output: str, more: bool) -> tuple[Message, ...]:
    shown = framing(chain).framed("output", _unfenced(output))
    return (*talk, Message("assistant", said), Message("user", _SHOWN.format(output=shown, then=_AGAIN if more else _NO_MORE)))


def _unfenced(material: str) -> str:
    """The material without the marks of a program: a step that holds one, quoted in an answer, is not taken for the judge's own."""
    return material.replace("```", "'''")


def _program_in(result: ChatResult) -> tuple[str, str] | None:
    """The answer up to the end of its last program, and the program; None where there is none."""
    answer = answer_of(result).value
    found = _programs(answer) if answer is not None else []
    if answer is None or not found or not found[-1][0].strip() or len(found[-1][0]) > _LONGEST_PROGRAM:
        return None
    return answer[: found[-1][1]], found[-1][0]


def _programs(answer: str) -> list[tuple[str, int]]:
    """The programs of an answer, each with the place where it ends. One opening after another without an end takes no longer than the text is."""
    found: list[tuple[str, int]] = []
    at = 0
    while (opening := _OPENING.search(answer, at)) is not None and (closing := _CLOSING.search(answer, opening.end())) is not None:
        at = closing.end()
        found.append((answer[opening.end() : closing.start()], at))
    return found


def _read(result: ChatResult, programs: list[dict[str, str]], runs: bool) -> StepRead:
    """The word behind the last program of an answer.

    Args:
        result: of the last question.
        programs: that were run before.
        runs: programs are still run, so that one in this answer could not be.
    """
    answer = answer_of(result).value or ""
    written = _programs(answer)
    end = written[-1][1] if written else 0
    ran = {"programs": programs} if programs else {}
    if _OPENING.search(answer, end) is not None:
        return StepRead(None, "the judge's answer ends in the middle of a program", ran)
    if written and runs:
        return StepRead(None, f"the judge's program is empty or longer than {_LONGEST_PROGRAM} characters, and was not run", ran)
    said = yes_no(result, after=end)
    if said.value is None:
        return StepRead(None, said.reason, ran, said.status)
    word = "the judge finds the step right" if said.value.share >= 0.5 else "the judge finds the step wrong"
    checked = f", after {len(programs)} program{'s' if len(programs) > 1 else ''}" if programs else ""
    return StepRead(
        said.value.share, word + checked, {"critique": note(said.value.answer), "p_yes": said.value.share, "from_logprobs": said.value.weighed, **ran}
    )


def _output_of(run: Run) -> str:
    printed = run.stdout.strip() or "(nothing was printed)"
    shown = printed if len(printed) <= _LONGEST_OUTPUT else f"{printed[: _LONGEST_OUTPUT // 2]}\n... (cut) ...\n{printed[-_LONGEST_OUTPUT // 2 :]}"
    return shown if run.status == "ok" else f"{shown}\nIt did not come to its end: {run.error[:500]}"
