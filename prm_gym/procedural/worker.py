"""What runs in the worker processes: entries are made, and answers scored, by reasoning-gym itself. The calling process never imports it.

While an answer is scored, an audit hook refuses to start processes, to write files and to open connections. It is a second lock behind the wall
(`prm_gym.procedural.wall`) and no sandbox: code that ran in the process could get round it.
"""

import importlib
import json
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

import numpy as np

from prm_gym.procedural.catalogue import COMPOSITE, EXAMPLES, TUPLES
from prm_gym.procedural.wall import admitted
from prm_gym.workers.child import described

Arguments = tuple[str, str, int, int, int]  # data set, its configuration as JSON, difficulty (0 for none), seed, size

MOST_PASSED_OVER = 50
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FORBIDDEN = ("ctypes.", "ftplib.", "http.", "pty.", "shutil.", "smtplib.", "socket.", "sqlite3.", "subprocess.", "urllib.", "webbrowser.")
_FORBIDDEN_OF_OS = (
    *("chmod", "chown", "exec", "fork", "forkpty", "kill", "killpg", "link", "mkdir", "posix_spawn", "putenv", "remove"),
    *("rename", "rmdir", "spawn", "startfile", "symlink", "system", "truncate", "unsetenv", "utime"),
)


@lru_cache(maxsize=64)
def _dataset(arguments: Arguments) -> Any:
    name, config, difficulty, seed, size = arguments
    # Some generators draw from the global generators.
    random.seed(repr(arguments))
    np.random.seed(seed % 2**32)
    factory = importlib.import_module("reasoning_gym.factory")
    options: dict[str, Any] = json.loads(config)
    if name == COMPOSITE:
        spec = importlib.import_module("reasoning_gym.composite").DatasetSpec
        options["datasets"] = [spec(part["name"], part.get("weight", 1.0), part.get("config", {})) for part in options["datasets"]]
    dataset_class, config_class = factory.DATASETS[name]
    if difficulty:
        made = _graded(factory.create_curriculum(name), difficulty, {"seed": seed, "size": size})
        made = replace(made, **options)
    else:
        made = config_class(seed=seed, size=size, **options)
    if hasattr(made, "validate"):
        made.validate()
    return dataset_class(config=made)


def _graded(curriculum: Any, difficulty: int, defaults: dict[str, Any]) -> Any:
    levels = max(len(attribute.levels) for attribute in curriculum.attributes.values())
    if difficulty > levels:
        raise ValueError(f"difficulty is one of 1 to {levels} for this data set, got {difficulty}")
    curriculum.set_global_level(difficulty - 1)
    return curriculum.generate_configuration(defaults)


def entry_maker() -> Callable[[tuple[Arguments, Sequence[int], float]], list[dict[str, Any] | None]]:
    """The function of a worker that makes entries."""
    importlib.import_module("reasoning_gym")
    return _make_all


def _make_all(job: tuple[Arguments, Sequence[int], float]) -> list[dict[str, Any] | None]:
    """Entries of a data set: the first of the indices, and as many of the others as are begun before the seconds are over; none where it is only tried out.

    Of the others, None stands for one that cannot be made: whoever asks for it by itself is told why.
    """
    arguments, indices, seconds = job
    until = time.monotonic() + seconds
    if not indices:
        _dataset(arguments)
    made: list[dict[str, Any] | None] = [_make(arguments, index) for index in indices[:1]]
    for index in indices[1:]:
        if time.monotonic() >= until:
            break
        try:
            made.append(_make(arguments, index))
        except Exception:  # generators and scorers raise whatever they like
            made.append(None)
    return made


def _make(arguments: Arguments, index: int) -> dict[str, Any]:
    """Entry `index` of a data set, or the next one after it that can be solved, and under `worth` what its scorer gives for the known answer."""
    dataset = _dataset(arguments)
    reason = ""
    for place in range(index, index + MOST_PASSED_OVER):
        random.seed(repr((arguments, place)))
        np.random.seed((arguments[3] + place) % 2**32)
        try:
            entry = dataset[place % arguments[4]]
        except Exception as error:  # generators give up, in whatever way they like
            reason = f"the generator gave up: {type(error).__name__}: {error}"
            continue
        name, config, difficulty = _origin(arguments, entry)
        part = dataset.datasets[name] if arguments[0] == COMPOSITE else dataset
        text = json.dumps(entry, default=_plain, sort_keys=True)
        gold = _known_answer(name, entry)
        worth = 0.0 if gold is None else _worth(part, name, gold, text)
        if worth >= 1.0:
            made = {"question": entry["question"], "entry": text, "gold": gold, "index": place % arguments[4], "worth": worth}
            return {**made, "dataset": name, "config": config, "difficulty": difficulty}
        reason = "it has no known answer that its own scorer takes as right"
    raise ValueError(f"none of {MOST_PASSED_OVER} entries from {index} on can be used; of the last of them: {reason}")


def _origin(arguments: Arguments, entry: dict[str, Any]) -> tuple[str, str, int]:
    """Data set, configuration and difficulty of the part that an entry is from."""
    if arguments[0] != COMPOSITE:
        return arguments[0], arguments[1], arguments[2]
    name: str = entry["metadata"]["source_dataset"]
    part = next(part for part in json.loads(arguments[1])["datasets"] if part["name"] == name)
    return name, json.dumps(part.get("config", {}), sort_keys=True), 0


def _known_answer(name: str, entry: dict[str, Any]) -> str | None:
    gold = entry["answer"] if name not in EXAMPLES else entry["metadata"][EXAMPLES[name]]
    if isinstance(gold, dict):
        return json.dumps(gold)
    return gold if isinstance(gold, str) else None


def _worth(dataset: Any, name: str, gold: str, entry: str) -> float:
    """What a known answer earns that is written as an agent would write it; 0 where it does not pass the wall."""
    try:
        return _scored(dataset, name, gold.strip(), entry) if gold.strip() else 0.0
    except Exception:  # the wall refuses it, or the scorer fails over it, in whatever way it likes
        return 0.0


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(cast("set[Any]", value), key=repr)
    if isinstance(value, np.generic | np.ndarray):
        return cast("Any", value).tolist()
    return str(value)


def answer_scorer() -> Callable[[Sequence[tuple[str, str, int, str, str]]], list[float | str]]:
    """The function of a worker that scores answers: for each its score, or in words how its scorer failed."""
    importlib.import_module("reasoning_gym")
    armed: list[bool] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if armed and _forbidden(event, arguments):
            raise PermissionError(f"a scorer may not do this: {event}")

    sys.addaudithook(hook)

    def score(name: str, config: str, difficulty: int, entry: str, answer: str) -> float | str:
        try:
            dataset = _dataset((name, config, difficulty, 0, 10))
            random.seed(entry)
            np.random.seed(0)
            armed.append(True)
            return _scored(dataset, name, answer, entry)
        except MemoryError:  # is the worker's to report
            raise
        except Exception as error:  # scorers fail in whatever way they like
            return described(error)
        finally:
            armed.clear()

    return lambda jobs: [score(*job) for job in jobs]


def _scored(dataset: Any, name: str, answer: str, entry_text: str) -> float:
    """What the data set's own scorer gives for an answer that may pass the wall.

    Raises:
        AnswerError: it may not.
    """
    entry: dict[str, Any] = json.loads(entry_text)
    answer = admitted(name, answer, entry)
    if name in TUPLES:
        board = entry["metadata"][TUPLES[name]]
        entry["metadata"][TUPLES[name]] = tuple(tuple(row) for row in board)
    return float(dataset.score_answer(answer, entry))


def _forbidden(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        _, mode, flags = arguments
        return any(sign in mode for sign in "wax+") if isinstance(mode, str) else bool(flags & _WRITING)
    family, _, name = event.partition(".")
    return event.startswith(_FORBIDDEN) or (family == "os" and name in _FORBIDDEN_OF_OS)
