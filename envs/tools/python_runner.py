"""Cells of Python, run and inspected in the sandbox, many at a time."""

import json
import marshal
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from prm_gym.sandbox import Limits, Run, Sandbox, Tier

INSPECTED_AT_ONCE = 32
REMEMBERED = 4_096  # inspections
KEPT_BYTES = 1 << 20
INSPECTION_LIMITS = Limits(kept_bytes=KEPT_BYTES)


class Cell(msgspec.Struct, frozen=True):
    """A cell to be run, with everything that its result depends on.

    Attributes:
        code: Python source.
        before: cells of the same session that are run again first.
        limits: of the job.
    """

    code: str
    before: tuple[str, ...]
    limits: Limits


class Inspection(msgspec.Struct, frozen=True):
    """What a cell is made of; see `prm_gym.envs.tools.inspection`. Without a key, it is no Python that can be parsed."""

    key: str = ""
    defined: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    literal: bool = False


class Result(msgspec.Struct, frozen=True):
    """What came of a cell."""

    run: Run
    inspection: Inspection


class PythonRunner:
    """Runs cells. It pickles as its settings; inspections are remembered, runs are not."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._sandbox = Sandbox()
        self._known: OrderedDict[str, Inspection] = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        return {"_sandbox": self._sandbox, "_known": OrderedDict[str, Inspection]()}

    @property
    def tier(self) -> Tier:
        """Of the sandbox.

        Raises:
            SandboxError: the machine has none that is good enough.
        """
        return self._sandbox.tier

    def run_all(self, cells: Sequence[Cell]) -> list[Result]:
        """The results of the cells, in order. All of them run side by side, and so does their inspection.

        Raises:
            SandboxError: the sandbox cannot be started.
        """
        missing = list(dict.fromkeys(cell.code for cell in cells if cell.code not in self._known))
        groups = [missing[start : start + INSPECTED_AT_ONCE] for start in range(0, len(missing), INSPECTED_AT_ONCE)]
        programs = [*(cell.code for cell in cells), *(_inspector() for _ in groups)]
        stdin = [*("" for _ in cells), *map(json.dumps, groups)]
        before = [*(cell.before for cell in cells), *(() for _ in groups)]
        limits = [*(cell.limits for cell in cells), *(INSPECTION_LIMITS for _ in groups)]
        done = self._sandbox.run_all(programs, stdin=stdin, before=before, echo=True, limits=limits)
        self._note(groups, done[len(cells) :])
        self._inspect_alone(dict.fromkeys(cell.code for cell in cells))
        results = [Result(run, self._known[cell.code]) for cell, run in zip(cells, done, strict=False)]
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return results

    def breaker(self, session: Sequence[str], limits: Limits) -> int:
        """The place of the first cell of a session that ends the process when it runs again; of the last one where none does.

        Raises:
            SandboxError: the sandbox cannot be started.
        """
        heads = [tuple(session[: place + 1]) for place in range(len(session))]
        runs = self._sandbox.run_all(["pass"] * len(heads), before=heads, echo=True, limits=limits)
        return next((place for place, run in enumerate(runs) if run.status == "crash"), len(session) - 1)

    def _note(self, groups: Sequence[Sequence[str]], runs: Sequence[Run]) -> None:
        for codes, run in zip(groups, runs, strict=True):
            for code, line in zip(codes, run.stdout.splitlines(), strict=False):
                try:
                    found = msgspec.json.decode(line, type=Inspection | None)
                except msgspec.DecodeError:  # cut off in the middle
                    break
                self._known[code] = found or Inspection()

    def _inspect_alone(self, codes: dict[str, None]) -> None:
        """Inspect cells that were waiting behind one that crashed the parser. One that crashes it alone is no Python."""
        missing = [code for code in codes if code not in self._known]
        if missing:
            runs = self._sandbox.run_all([_inspector()] * len(missing), stdin=[json.dumps([code]) for code in missing], limits=INSPECTION_LIMITS)
            self._note([[code] for code in missing], runs)
            for code in missing:
                self._known.setdefault(code, Inspection())


@lru_cache(maxsize=1)
def _inspector() -> str:
    """The program that inspects: its three files as one, compiled here, since that takes longer than its work."""
    sources = [Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8") for name in ("syntax", "flow", "inspection")]
    program = "\n".join(line for source in sources for line in source.splitlines() if not line.startswith("from prm_gym."))
    compiled = marshal.dumps(compile(program, "<inspector>", "exec", dont_inherit=True, optimize=2))
    return f'import marshal\nexec(marshal.loads(bytes.fromhex("{compiled.hex()}")))'
