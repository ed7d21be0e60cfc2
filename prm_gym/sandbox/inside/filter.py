"""The seccomp filter of a job: a list of what it may ask of the kernel; everything else fails with EPERM.

No process, no program, no socket, no memory file, no shared memory, no mode, owner, time or attribute of a file can be changed; signals go to the job itself
alone; threads are allowed. Some calls are allowed with certain arguments only.
"""

import ctypes
import errno
import struct
from collections.abc import Sequence

from kernel import AUDIT_ARCH, MACHINE, PR_SET_SECCOMP, SYSCALLS, checked, libc

ALLOW, REFUSE, ABSENT, KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS, 0x80000000
# Offsets in struct seccomp_data: number, architecture, first word of argument i (both processors are little-endian).
_NUMBER, _ARCH = 0, 4
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN, _AND = 0x20, 0x15, 0x35, 0x45, 0x06, 0x54

CLONE_THREAD, O_CREAT, O_TRUNC = 0x00010000, 0o100, 0o1000
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_DUPFD_CLOEXEC
FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 1030)
# PR_SET_NAME, PR_GET_NAME, PR_SET_VMA (names of memory)
PRCTLS = (15, 16, 0x53564D41)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ALWAYS = _names("""
read write close fstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn pread64 pwrite64 readv writev pipe select
sched_yield mremap msync madvise dup dup2 pause nanosleep getitimer alarm setitimer getpid sendfile exit uname flock fsync fdatasync ftruncate umask
gettimeofday getrlimit getrusage sysinfo times getuid getgid geteuid getegid getppid getpgrp getgroups getresuid getresgid getpgid getsid
rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack fstatfs getpriority sched_getparam sched_getscheduler sched_get_priority_max
sched_get_priority_min gettid time futex sched_getaffinity set_tid_address restart_syscall fadvise64 clock_gettime clock_getres clock_nanosleep
exit_group epoll_wait epoll_ctl epoll_pwait pselect6 ppoll set_robust_list fallocate eventfd2 epoll_create1 dup3 pipe2 preadv pwritev getrandom rseq
close_range
""")
# What names a file. That is guarded by Landlock (and by a root of the job's own); without it none of these is allowed. Not truncate(2), which old
# versions of Landlock overlook.
NAMING = _names("""
open stat lstat access getdents getcwd chdir fchdir rename mkdir rmdir unlink symlink readlink statfs getdents64 openat mkdirat newfstatat
unlinkat renameat symlinkat readlinkat faccessat renameat2 statx faccessat2
""")


def _argument(index: int) -> int:
    return 16 + 8 * index


def _statement(code: int, value: int, yes: int = 0, no: int = 0) -> tuple[int, int, int, int]:
    return (code, yes, no, value)


def _among(number: int, argument: int, values: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """If the call is `number`: allowed exactly when the argument's first word is one of the values. Leaves the number loaded otherwise."""
    checks = [_statement(_EQUAL, value, len(values) - i, 0) for i, value in enumerate(values)]
    body = [_statement(_LOAD, _argument(argument)), *checks, _statement(_RETURN, REFUSE), _statement(_RETURN, ALLOW)]
    return [_statement(_EQUAL, number, 0, len(body)), *body]


def _with_bits(number: int, argument: int, bits: int) -> list[tuple[int, int, int, int]]:
    """If the call is `number`: allowed exactly when the argument has one of the bits."""
    body = [_statement(_LOAD, _argument(argument)), _statement(_ANY_BIT, bits, 1, 0), _statement(_RETURN, REFUSE), _statement(_RETURN, ALLOW)]
    return [_statement(_EQUAL, number, 0, len(body)), *body]


def _without_bits(number: int, argument: int, bits: int) -> list[tuple[int, int, int, int]]:
    """If the call is `number`: allowed exactly when the argument has none of the bits."""
    body = [_statement(_LOAD, _argument(argument)), _statement(_ANY_BIT, bits, 0, 1), _statement(_RETURN, REFUSE), _statement(_RETURN, ALLOW)]
    return [_statement(_EQUAL, number, 0, len(body)), *body]


def _limits_to_read(number: int) -> list[tuple[int, int, int, int]]:
    """prlimit64 of the job itself (pid 0) with no new limit (both words of the pointer are 0)."""
    words = (_argument(0), _argument(2), _argument(2) + 4)
    body: list[tuple[int, int, int, int]] = []
    for index, word in enumerate(words):  # what is not 0 jumps to the last statement
        body += [_statement(_LOAD, word), _statement(_EQUAL, 0, 0, 2 * (len(words) - index - 1) + 1)]
    body += [_statement(_RETURN, ALLOW), _statement(_RETURN, REFUSE)]
    return [_statement(_EQUAL, number, 0, len(body)), *body]


def _ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _tree(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int, int, int]]:
    """A binary search over disjoint ranges of numbers: allowed inside, refused outside."""
    if len(ranges) == 1:
        ((low, high),) = ranges
        # low <= number <= high
        return [_statement(_AT_LEAST, low, 0, 1), _statement(_AT_LEAST, high + 1, 0, 1), _statement(_RETURN, REFUSE), _statement(_RETURN, ALLOW)]
    middle = len(ranges) // 2
    left, right = _tree(ranges[:middle]), _tree(ranges[middle:])
    return [_statement(_AT_LEAST, ranges[middle][0], len(left), 0), *left, *right]


class Filter:
    """A filter, but for the number of the process that it is for.

    Attributes:
        length: how many instructions it has.
    """

    def __init__(self, naming: bool, writing: bool) -> None:
        """Assemble it.

        Args:
            naming: whether calls that name files are allowed; only where Landlock guards them.
            writing: whether they may make or empty files; only where there is a folder for it. Old versions of Landlock overlook that a file is emptied.

        Raises:
            KeyError: the processor is unknown.
        """
        numbers = SYSCALLS[MACHINE]
        head = [
            _statement(_LOAD, _ARCH),
            _statement(_EQUAL, AUDIT_ARCH[MACHINE], 1, 0),
            _statement(_RETURN, KILL),
            _statement(_LOAD, _NUMBER),
            _statement(_AT_LEAST, 0x40000000, 0, 1),  # x32
            _statement(_RETURN, REFUSE),
            _statement(_EQUAL, numbers["clone3"], 0, 1),
            _statement(_RETURN, ABSENT),
            *_with_bits(numbers["clone"], 0, CLONE_THREAD),
            *_limits_to_read(numbers["prlimit64"]),
            *_among(numbers["ioctl"], 1, IOCTLS),
            *_among(numbers["fcntl"], 1, FCNTLS),
            *_among(numbers["prctl"], 0, PRCTLS),
        ]
        if naming and not writing:
            head += [part for name, place in (("open", 1), ("openat", 2)) if name in numbers for part in _without_bits(numbers[name], place, O_CREAT | O_TRUNC)]
        own = [*_among(numbers["kill"], 0, (0,)), *_among(numbers["tgkill"], 0, (0,))]
        self._pid_places = [len(head) + i for i, (code, _, _, value) in enumerate(own) if code == _EQUAL and value == 0]
        names = ALWAYS | NAMING if naming else ALWAYS
        program = [*head, *own, *_tree(_ranges([numbers[name] for name in names if name in numbers]))]
        if any(yes > 255 or no > 255 for _, yes, no, _ in program):
            raise ValueError("the filter has a jump that is too long")
        packed = b"".join(struct.pack("<HBBI", *statement) for statement in program)
        self.length = len(program)
        # All that can be made before the fork is made here: what a child makes costs page faults.
        self._code = (ctypes.c_char * len(packed)).from_buffer_copy(packed)
        self._header = struct.pack("@HxxxxxxP", self.length, ctypes.addressof(self._code))
        self._zero, self._mode = ctypes.c_ulong(0), ctypes.c_ulong(2)

    def install(self, pid: int) -> None:
        """Put it on the calling process, which has no_new_privs, for good.

        Args:
            pid: of the calling process, to which its signals may go.

        Raises:
            OSError: the kernel refused it.
        """
        for place in self._pid_places:
            struct.pack_into("<I", self._code, 8 * place + 4, pid)
        checked(libc.prctl(PR_SET_SECCOMP, self._mode, self._header, self._zero, self._zero), "seccomp")
