"""What the page shows of one trajectory, as JSON values with every text once."""

import base64
import math
import re
from itertools import pairwise
from typing import Any, Final, cast

import msgspec
import numpy as np

from prm_gym.claims import Claim, PageShown
from prm_gym.task import content_key
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verdict import Verdict
from prm_gym.viewer.advantages import Advantages

MOST_EVIDENCE = 100_000
"""Characters of a verdict's evidence, or of a claim, as JSON; more is left out, and its length said."""
MOST_IMAGE = 4 << 20
"""Bytes of a picture."""
MOST_DEPTH = 100
"""Levels of lists and objects within one another that are shown."""
TOO_DEEP: Final = f"left out: nested deeper than {MOST_DEPTH} levels"
SAFE_INTEGER = 2**53
"""From which on a browser rounds integers; such ones are given as text."""
_LONG_INTEGER = re.compile(rb"(?<![\d.])\d{16,}(?![\d.eE])")
_PICTURES: Final = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"RIFF", "webp"))


class Texts:
    """Texts, each once, by number.

    Attributes:
        listed: all of them.
        size: letters of all.
    """

    def __init__(self) -> None:
        self.listed: list[str] = []
        self.size = 0
        self._numbers: dict[str, int] = {}
        self._owners: dict[int, list[int]] = {}

    def of(self, text: str) -> int:
        """The number of a text."""
        number = self._numbers.setdefault(text, len(self.listed))
        if number == len(self.listed):
            self.listed.append(text)
            self.size += len(text)
        return number

    def sought(self, text: str, owner: int) -> int:
        """The number of a text by which a search finds its owner.

        Args:
            text: any.
            owner: number of a trajectory; those of later calls are no smaller.
        """
        number = self.of(text)
        owners = self._owners.setdefault(number, [])
        if not owners or owners[-1] != owner:
            owners.append(owner)
        return number

    def owners(self, first: int) -> list[int]:
        """Whom a search finds by each text, text after text: how many, then each as its distance from the one before.

        Args:
            first: from which the first one counts; then the first one of the text before.
        """
        found: list[int] = []
        for number in range(len(self.listed)):
            owners = self._owners.get(number, [])
            found.append(len(owners))
            if owners:
                found += [after - before for before, after in pairwise([first, *owners])]
                first = owners[0]
        return found


def details(trajectory: Trajectory, number: int, advantages: Advantages, texts: Texts) -> dict[str, Any]:
    """A trajectory's record; observations, actions and reasons are numbers of texts.

    Args:
        trajectory: what is shown.
        number: its own, in the collection.
        advantages: of the collection.
        texts: to which its texts are added.
    """
    final = trajectory.final
    return {
        "question": texts.sought(trajectory.task.question, number),
        "instructions": texts.of(trajectory.task.instructions),
        "metadata": plain(trajectory.task.metadata),
        "options": plain(trajectory.env_options),
        "task": trajectory.task.key,
        "seed": None if trajectory.seed is None else str(trajectory.seed),
        "version": trajectory.library_version,
        "steps": [_step(step, texts, number) for step in trajectory.steps],
        "advantages": [_rounded(advantages.of(name, number)) for name in advantages.names],
        "final": None if final is None else texts.of(final.observation),
    }


def plain(value: Any, depth: int = 0) -> Any:
    """JSON values that a browser reads as they are: integers beyond 2^53 and numbers that are not finite as text.

    What is nested deeper than `MOST_DEPTH` levels is left out, which is said in its place.
    """
    match value:
        case dict() | list() | tuple() if depth >= MOST_DEPTH:
            return TOO_DEEP
        case dict():
            return {str(key): plain(each, depth + 1) for key, each in cast("dict[Any, Any]", value).items()}
        case list() | tuple():
            return [plain(each, depth + 1) for each in cast("list[Any]", value)]
        case bool():
            return value
        case int() if abs(value) > SAFE_INTEGER:
            return str(value)
        case float() if not math.isfinite(value):
            return str(value)
        case _:
            return value


def _step(step: Step, texts: Texts, number: int) -> dict[str, Any]:
    """A step; what is empty is left out."""
    shown = next((claim for claim in step.claims if isinstance(claim, PageShown)), None)
    record: dict[str, Any] = {
        "index": step.index,
        "observation": texts.sought(step.observation, number),
        "action": texts.sought(step.action, number),
        "state": content_key(step.state_key)[:12],
        "next": content_key(step.next_state_key)[:12],
        "reward": plain(step.reward),
        "actions": [texts.of(action) for action in step.actions],
        "verdicts": [_verdict(name, verdict, texts, number) for name, verdict in step.verdicts.items()],
        "claims": [_claim(claim) for claim in step.claims if not isinstance(claim, PageShown)],
        "image": None if shown is None else _picture(shown.image),
        "after": None if shown is None or not shown.text else texts.of(shown.text),
        "terminated": step.terminated,
        "truncated": step.truncated,
        "parent": step.parent,
        "tokens": None if step.token_ids is None else len(step.token_ids),
        "logprob": None if step.logprobs is None else sum(step.logprobs),
        "policy": step.policy_version,
    }
    kept = ("index", "observation", "action", "state", "next", "reward")
    return {name: value for name, value in record.items() if name in kept or (value is not None and value != [] and value is not False)}


def _verdict(name: str, verdict: Verdict, texts: Texts, number: int) -> dict[str, Any]:
    record: dict[str, Any] = {
        "by": texts.of(name),
        "status": verdict.status,
        "label": verdict.label,
        "score": verdict.score,
        "reason": texts.sought(verdict.reason, number),
        "version": texts.of(verdict.version),
        "seconds": float(f"{verdict.run_seconds:.3g}"),
        "queued": float(f"{verdict.queued_seconds:.3g}") or None,
    }
    evidence = _bounded(verdict.evidence) if verdict.evidence else None
    return {**{key: value for key, value in record.items() if value is not None}, **({} if evidence is None else {"evidence": evidence})}


def _claim(claim: Claim) -> Any:
    return _bounded(msgspec.to_builtins(claim))


def _bounded(value: Any) -> Any:
    try:
        encoded = msgspec.json.encode(value)
    except RecursionError:
        return {"left out": TOO_DEEP}
    if len(encoded) > MOST_EVIDENCE:
        return {"left out": f"{len(encoded):,} characters; at most {MOST_EVIDENCE:,} are shown"}
    return plain(value) if _LONG_INTEGER.search(encoded) else msgspec.Raw(encoded)


def _picture(image: bytes) -> dict[str, Any] | None:
    """A picture as its kind and base64; what is no PNG, JPEG or WebP, or too large, is said instead."""
    if not image:
        return None
    kind = next((kind for magic, kind in _PICTURES if image.startswith(magic)), None)
    if kind is None:
        return {"reason": f"a picture of {len(image):,} bytes that is no PNG, JPEG or WebP"}
    if len(image) > MOST_IMAGE:
        return {"reason": f"a picture of {len(image):,} bytes; at most {MOST_IMAGE:,} are shown"}
    return {"kind": kind, "data": base64.b64encode(image).decode()}


def _rounded(values: Any) -> list[float | None] | None:
    """Advantages with five digits; None for one that is taken out."""
    return None if values is None else [None if np.isnan(value) else float(f"{value:.5g}") for value in values.tolist()]
