"""The zygotes that sandboxes of a process share; they end when no sandbox is open, or with the process."""

import atexit
import os
import threading
import weakref
from typing import Any

from prm_gym.sandbox.pool import ZygotePool
from prm_gym.sandbox.zygotes import Settings


class _Shared:
    """What is shared; a forked process begins anew, since another thread may have held the lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pools: dict[tuple[Settings, int], ZygotePool] = {}
        self.users: weakref.WeakSet[Any] = weakref.WeakSet()

    def forget(self) -> None:
        self.lock = threading.Lock()


_SHARED = _Shared()


def shared_pool(settings: Settings, size: int) -> ZygotePool:
    """The pool of this kind and size."""
    with _SHARED.lock:
        pool = _SHARED.pools.get((settings, size))
        if pool is None:
            pool = _SHARED.pools[settings, size] = ZygotePool(settings, size)
        return pool


def opened(user: object) -> None:
    """Somebody may want zygotes from now on."""
    _SHARED.users.add(user)


def closed(user: object) -> None:
    """Somebody wants none any more; the last one ends them all."""
    _SHARED.users.discard(user)
    if not _SHARED.users:
        close_all()


@atexit.register
def close_all() -> None:
    """End all zygotes; the next job starts new ones."""
    with _SHARED.lock:
        pools = list(_SHARED.pools.values())
        _SHARED.pools.clear()
    for pool in pools:
        pool.close()


os.register_at_fork(after_in_child=_SHARED.forget)
