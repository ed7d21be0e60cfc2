"""Are the worlds the same without a browser and in a real one? Every kind of task is played in both modes, and every step compared.

    python benchmarks/web/equality.py                      # tasks that show every part at every level, every setting, and every pair of families of parts
    python benchmarks/web/equality.py --every-kind         # a task of every kind that the draws show
    python benchmarks/web/equality.py --most 200 --json equality.json

Tasks are drawn by the seeds 0 to `--draws`. Each is played twice in text and in Chromium: by its script with idle steps between, and by a part of its script
with eight random steps after it. Compared are observation, state key, candidates, reward, outcome, verdicts and claims of every step. What was played is kept
in `--log`, a line a task, and is not played again; `--seconds` ends a run early, and the next one goes on from there.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any, NamedTuple, cast

from prm_gym.rollout import make_envs
from prm_gym.testing.both_modes import Played, covering, kind_of, play_in_both, units_of
from prm_gym.web import WorldEnv

WORLDS = ("prm_gym/Shop-v0", "prm_gym/Mail-v0", "prm_gym/Tracker-v0")
LEVELS = (1, 2, 3, 4, 5)
MAX_STEPS = 400
TELL_EVERY = 50


class Drawn(NamedTuple):
    """A task that is to be played."""

    env_id: str
    level: int
    seed: int


def tasks_of(env_id: str, level: int, draws: int, every_kind: bool) -> Iterator[Drawn]:
    """The tasks of a world and level that are to be played, in order of their seeds."""
    env = made(env_id, level, {"verifiers": []})
    seen: set[str] = set()
    if not every_kind:
        yield from (Drawn(env_id, level, seed) for seed in covering(env, range(draws), seen))
        return
    for seed in range(draws):
        kind = kind_of(env, seed)
        if kind not in seen:
            seen.add(kind)
            yield Drawn(env_id, level, seed)


def made(env_id: str, level: int, options: dict[str, Any]) -> WorldEnv:
    """An environment."""
    return cast("WorldEnv", make_envs(env_id, 1, {"difficulty": level, "max_steps": MAX_STEPS, **options}).envs[0])


class Players:
    """The environments of the world and level that is played, in both modes."""

    def __init__(self, driver: str) -> None:
        self.driver = driver
        self.pairs: dict[tuple[str, int], tuple[WorldEnv, WorldEnv]] = {}

    def play(self, task: Drawn) -> Played:
        """Play a task."""
        place = task.env_id, task.level
        if place not in self.pairs:
            real = {"mode": "browser", "browser": {"driver": self.driver}}
            self.pairs[place] = made(*place, {}), made(*place, real)
        return play_in_both(*self.pairs[place], task.seed)

    def close(self) -> None:
        """Close the browser's pages."""
        for env in chain.from_iterable(self.pairs.values()):
            env.close()


def row_of(task: Drawn, driver: str, played: Played) -> dict[str, Any]:
    """A line of the log."""
    return {**task._asdict(), "driver": driver, **played._asdict()}


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The figures of each world and level."""
    found: list[dict[str, Any]] = []
    for env_id in WORLDS:
        of_world = [row for row in rows if row["env_id"] == env_id]
        for level in (*LEVELS, None):
            some = [row for row in of_world if level in (row["level"], None)]
            units = Counter("pairs" if " & " in unit else "settings" if unit.startswith("in ") else "parts" for unit in _units(some))
            found.append(
                {
                    "env": env_id,
                    "level": level,
                    "tasks": len(some),
                    "kinds": len({row["kind"] for row in some}),
                    **{name: units[name] for name in ("parts", "pairs", "settings")},
                    "steps": sum(row["steps"] for row in some),
                    "unsolved": sum(not row["solved"] for row in some),
                    "different": sum(bool(row["differences"]) for row in some),
                }
            )
    return found


def _units(rows: list[dict[str, Any]]) -> frozenset[str]:
    return frozenset().union(*(units_of(row["kind"]) for row in rows))


def main() -> None:
    """Play what has not been played, and print a table."""
    call = _arguments()
    log = Path(call.log)
    rows: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
    done = {(row["env_id"], row["level"], row["seed"]) for row in rows if row["driver"] == call.driver}
    streams = [tasks_of(env_id, level, call.draws, call.every_kind) for env_id in call.worlds for level in call.levels]
    left = (task for turn in zip_longest(*streams) for task in turn if task is not None and task not in done)
    players, end = Players(call.driver), time.monotonic() + call.seconds
    with log.open("a") as out:
        for number, task in enumerate(islice(left, call.most), 1):
            rows.append(row_of(task, call.driver, players.play(task)))
            out.write(json.dumps(rows[-1]) + "\n")
            out.flush()
            for difference in rows[-1]["differences"]:
                _tell(f"{task}: {difference}")
            if number % TELL_EVERY == 0:
                _tell(f"{len(rows)} tasks, {sum(row['steps'] for row in rows)} steps, {sum(bool(row['differences']) for row in rows)} different")
            if time.monotonic() > end:
                _tell("the time is over; the next run goes on from here")
                break
    players.close()
    figures = summary(rows)
    print("| world | level | tasks | kinds | parts | pairs of families | settings | steps compared | script failed | different |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in figures:
        print(f"| {' | '.join(str(value) if value is not None else 'all' for value in row.values())} |")
    if call.json:
        about = {"machine": platform.platform(), "cores": os.cpu_count(), "draws": call.draws, "driver": call.driver, "every_kind": call.every_kind}
        differences = [difference for row in rows for difference in row["differences"]]
        Path(call.json).write_text(json.dumps(about | {"rows": figures, "differences": differences}, indent=2) + "\n")
    sys.exit(any(row["differences"] or not row["solved"] for row in rows))


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS), choices=WORLDS)
    parser.add_argument("--levels", nargs="+", type=int, default=list(LEVELS), choices=LEVELS)
    parser.add_argument("--draws", type=int, default=3000, help="tasks that are drawn of each world and level, to choose from")
    parser.add_argument("--every-kind", action="store_true")
    parser.add_argument("--most", type=int, default=None, help="tasks that are played in this run")
    parser.add_argument("--seconds", type=float, default=7200.0)
    parser.add_argument("--driver", choices=["playwright", "pipe"], default="playwright")
    parser.add_argument("--log", default="equality.jsonl")
    parser.add_argument("--json", default="")
    return parser.parse_args()


if __name__ == "__main__":
    main()
