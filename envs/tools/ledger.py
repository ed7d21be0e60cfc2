"""Which results the calls of an episode left behind, and which of them have been used: what is needed to credit a call when it builds on an earlier one."""

import re
from collections.abc import Iterable

import msgspec

from prm_gym.claims import AnswerSupport, ToolRun
from prm_gym.claims.tool_run import AnswerOrigin, RunStatus
from prm_gym.envs.tools.inspection import LONGEST
from prm_gym.envs.tools.python_runner import Inspection
from prm_gym.envs.tools.syntax import TOKEN
from prm_gym.task import content_key

SHORTEST_VALUE = 3  # digits or letters of a printed value that can be recognised again; shorter ones stand in any code
MOST_VALUES = 500  # printed values that are remembered of a call
MOST_LISTED = 8
LONGEST_ANSWER = 500  # characters

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}\b)")


class Ledger(msgspec.Struct):
    """The results of an episode's calls. Grows with them, and is saved with them.

    Attributes:
        names: computed names of the session that no call has used yet.
        values: printed values that no call has used yet; they stand neither in the question nor in code written up to their printing.
        typed: numbers and words that were written into code.
        seen: keys of calls, with their results.
        printed: numbers and words that were printed.
        computed: those that had not been typed when they were printed.
        credited: calls that used what was to be used.
        runs: calls.
    """

    names: list[str] = []
    values: list[str] = []
    typed: list[str] = []
    seen: list[str] = []
    printed: list[str] = []
    computed: list[str] = []
    credited: int = 0
    runs: int = 0

    def note(self, code: str, inspection: Inspection, status: RunStatus, error: str, shown: str, *, stands: bool, question: str) -> ToolRun:
        """The claim about a call; its results are entered.

        Args:
            code: what was run.
            inspection: of the code.
            status: how the run ended.
            error: in one sentence.
            shown: what it printed, as the agent sees it.
            stands: its names are there for later calls.
            question: of the task.
        """
        key = content_key(inspection.key or code.strip())
        result = content_key(key, status, shown, error)
        constants = set(inspection.constants)
        tokens = [token for token in dict.fromkeys(TOKEN.findall(shown)) if len(token) <= LONGEST][:MOST_VALUES]
        repeated = result in self.seen
        used = [] if repeated or status != "ok" or inspection.literal else self._use(inspection)
        defined = inspection.defined if stands else ()
        claim = ToolRun(
            status=status,
            error=error[:300],
            printed=bool(shown.strip()),
            echoed=inspection.literal
            and not inspection.computed
            and (constants.issuperset(tokens) if tokens else bool(shown.strip()) and shown.strip() in code),
            repeated=repeated,
            defined=defined[:MOST_LISTED],
            used=tuple(used[:MOST_LISTED]),
            credited=self.credited,
        )
        typed = constants.union(self.typed)
        fresh = [token for token in tokens if token not in typed]
        asked = set(TOKEN.findall(question))
        self.credited += bool(used) and claim.printed and not claim.echoed
        self.names = _merged([name for name in self.names if name not in defined], inspection.computed if stands else ())
        self.values = _merged(self.values, [token for token in fresh if len(token) >= SHORTEST_VALUE and token not in asked and not repeated])
        self.printed = _merged(self.printed, tokens)
        self.computed = _merged(self.computed, fresh)
        self.typed = _merged(self.typed, inspection.constants)
        self.seen = _merged(self.seen, [result])
        self.runs += 1
        return claim

    def forget_names(self) -> None:
        """The session is emptied: its names cannot be used any more."""
        self.names = []

    def support(self, answer: str) -> AnswerSupport:
        """Where an answer comes from: all of its numbers, or of its words where it has no number."""
        text = _GROUPED.sub("", answer[:LONGEST_ANSWER])
        tokens = set(_NUMBER.findall(text)) or set(TOKEN.findall(text))
        origin: AnswerOrigin = "none"
        if tokens and tokens.issubset(self.printed):
            origin = "typed" if tokens.isdisjoint(self.computed) else "computed"
        return AnswerSupport(origin, self.runs)

    def _use(self, inspection: Inspection) -> list[str]:
        """What a call uses for the first time; it is struck off."""
        used = set(inspection.used)
        names = [name for name in self.names if f"name {name}" in used]
        values = [value for value in self.values if f"value {value}" in used]
        self.names = [name for name in self.names if name not in names]
        self.values = [value for value in self.values if value not in values]
        return [*(f"name {name}" for name in names), *(f"value {value}" for value in values)]


def _merged(known: Iterable[str], more: Iterable[str]) -> list[str]:
    """Without doubles, in the order in which they came."""
    return list(dict.fromkeys((*known, *more)))
