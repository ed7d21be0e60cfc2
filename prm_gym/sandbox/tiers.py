"""The tiers of the sandbox, and which of them this machine offers."""

import os
import sys
import threading
import time
import warnings

from prm_gym.errors import SandboxError
from prm_gym.sandbox.pool import ZygotePool
from prm_gym.sandbox.result import Doctor, Limits, Tier
from prm_gym.sandbox.zygotes import Job, Settings

TIERS: tuple[Tier, ...] = ("A", "B", "C", "D")
WHAT_TIERS_ARE: dict[Tier, str] = {
    "A": "namespaces, a root of its own, Landlock, seccomp and resource limits",
    "B": "Landlock, seccomp and resource limits; no namespaces",
    "C": "seccomp and resource limits; no file can be opened",
    "D": "resource limits alone: no isolation",
}


class SandboxWarning(UserWarning):
    """The sandbox runs at a lower tier than the best one."""


class _Found:
    """What has been found out about this machine; once a process, and said once."""

    def __init__(self) -> None:
        self.best: dict[bool, Doctor] = {}
        self.stand: set[Tier] = set()
        self.said: set[Tier] = set()
        self.lock = threading.Lock()

    def forget_lock(self) -> None:
        """In a forked process: another thread may have held it."""
        self.lock = threading.Lock()


_FOUND = _Found()
os.register_at_fork(after_in_child=_FOUND.forget_lock)


def best_tier(allow_unsafe: bool) -> Doctor:
    """What `examine` says, asked once a process; a tier below A is warned of once."""
    with _FOUND.lock:
        if allow_unsafe not in _FOUND.best:
            _FOUND.best[allow_unsafe] = examine(allow_unsafe)
        best = _FOUND.best[allow_unsafe]
        if best.tier not in (None, "A", *_FOUND.said):
            _FOUND.said.add(best.tier)
            why = "; ".join(best.reasons.values())
            warnings.warn(f"the sandbox runs at tier {best.tier} ({WHAT_TIERS_ARE[best.tier]}): {why}", SandboxWarning, stacklevel=4)
        return best


def require_tier(tier: Tier) -> Tier:
    """The tier, when its zygotes start and pass their self-test; tried once a process.

    Raises:
        SandboxError: they do not.
    """
    with _FOUND.lock:
        if tier not in _FOUND.stand:
            if reason := _defect(tier):
                raise SandboxError(reason)
            _FOUND.stand.add(tier)
    return tier


def examine(allow_unsafe: bool = False) -> Doctor:
    """What a sandbox can do on this machine, by trying: the best tier whose zygotes start and pass their self-test.

    Args:
        allow_unsafe: whether tier D counts.
    """
    reasons: dict[str, str] = {}
    details = {str(tier): what for tier, what in WHAT_TIERS_ARE.items()}
    for tier in TIERS[: 4 if allow_unsafe else 3] if sys.platform == "linux" else TIERS[:1]:
        if not (reason := _defect(tier)):
            return Doctor(tier=tier, reasons=reasons, details=details)
        reasons[tier] = reason
    return Doctor(tier=None, reasons=reasons, details=details)


def _defect(tier: Tier) -> str:
    """Why a tier cannot be had here; empty where it can."""
    if sys.platform != "linux":
        return f"there is no sandbox for {sys.platform}"
    reason = ""
    for _ in range(2):  # a moment's want of processes or memory is no reason for a lower tier
        pool = ZygotePool(Settings(tier), 1)
        try:
            pool.run([Job({"kind": "run", "code": ""}, Limits())])
            return ""
        except SandboxError as error:
            reason = str(error)
        finally:
            pool.close()
        time.sleep(0.1)
    return reason
