"""Killable worker processes: the one hang and crash policy, for solvers, symbolic algebra and whatever else can hang.

    with WorkerPool("package.module:function", workers=2, deadline=5.0) as pool:
        for result in pool.map(jobs):
            result.status    # "ok", "timeout", "error", "crash" or "memory"

and for verifiers, `isolated(z3)` in a specification, or `Isolated("z3")`.

Tested on Linux, inside Ray actors and tasks too. On other POSIX systems there is no cap on memory, and a worker whose parent was killed ends as soon as its job lets another Python thread
run, or when its CPU time is used up. There is no support for Windows.
"""

from prm_gym.errors import WorkerError
from prm_gym.workers.call import JobResult, JobStatus
from prm_gym.workers.isolated import Isolated
from prm_gym.workers.pool import WorkerPool

__all__ = ["Isolated", "JobResult", "JobStatus", "WorkerError", "WorkerPool"]
