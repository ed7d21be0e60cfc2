"""The kernel's calls that Python does not offer, by number; and the numbers, for the two processors that are known."""

import ctypes
import os
import platform
from typing import Any

libc: Any = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 24, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
ADDR_NO_RANDOMIZE = 0x0040000

# Number and version of the audit architecture, as seccomp sees it, and the numbers of the calls. x86-64 has its own; aarch64 has the generic ones.
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_X86_64 = """
read 0 write 1 open 2 close 3 stat 4 fstat 5 lstat 6 poll 7 lseek 8 mmap 9 mprotect 10 munmap 11 brk 12 rt_sigaction 13 rt_sigprocmask 14
rt_sigreturn 15 ioctl 16 pread64 17 pwrite64 18 readv 19 writev 20 access 21 pipe 22 select 23 sched_yield 24 mremap 25 msync 26 madvise 28 dup 32
dup2 33 pause 34 nanosleep 35 getitimer 36 alarm 37 setitimer 38 getpid 39 sendfile 40 clone 56 exit 60 kill 62 uname 63 fcntl 72 flock 73 fsync 74
fdatasync 75 truncate 76 ftruncate 77 getdents 78 getcwd 79 chdir 80 fchdir 81 rename 82 mkdir 83 rmdir 84 unlink 87 symlink 88 readlink 89 umask 95
gettimeofday 96 getrlimit 97 getrusage 98 sysinfo 99 times 100 getuid 102 getgid 104 geteuid 107 getegid 108 getppid 110 getpgrp 111 getgroups 115
getresuid 118 getresgid 120 getpgid 121 getsid 124 capget 125 capset 126 rt_sigpending 127 rt_sigtimedwait 128 rt_sigsuspend 130 sigaltstack 131
statfs 137 fstatfs 138 getpriority 140 sched_getparam 143 sched_getscheduler 145 sched_get_priority_max 146 sched_get_priority_min 147 pivot_root 155
prctl 157 gettid 186 time 201 futex 202 sched_getaffinity 204 getdents64 217 set_tid_address 218 restart_syscall 219 fadvise64 221 clock_gettime 228
clock_getres 229 clock_nanosleep 230 exit_group 231 epoll_wait 232 epoll_ctl 233 tgkill 234 openat 257 mkdirat 258 newfstatat 262 unlinkat 263
renameat 264 symlinkat 266 readlinkat 267 faccessat 269 pselect6 270 ppoll 271 set_robust_list 273 epoll_pwait 281 fallocate 285 eventfd2 290
epoll_create1 291 dup3 292 pipe2 293 preadv 295 pwritev 296 prlimit64 302 renameat2 316 seccomp 317 getrandom 318 statx 332 rseq 334 clone3 435
close_range 436 faccessat2 439 landlock_create_ruleset 444 landlock_add_rule 445 landlock_restrict_self 446
"""
_GENERIC = """
getcwd 17 eventfd2 19 epoll_create1 20 epoll_ctl 21 epoll_pwait 22 dup 23 dup3 24 fcntl 25 ioctl 29 flock 32 mkdirat 34 unlinkat 35 symlinkat 36
renameat 38 pivot_root 41 statfs 43 fstatfs 44 truncate 45 ftruncate 46 fallocate 47 faccessat 48 chdir 49 fchdir 50 openat 56 close 57 pipe2 59
getdents64 61 lseek 62 read 63 write 64 readv 65 writev 66 pread64 67 pwrite64 68 preadv 69 pwritev 70 sendfile 71 pselect6 72 ppoll 73 readlinkat 78
newfstatat 79 fstat 80 fsync 82 fdatasync 83 capget 90 capset 91 exit 93 exit_group 94 set_tid_address 96 futex 98 set_robust_list 99 nanosleep 101
getitimer 102 setitimer 103 clock_gettime 113 clock_getres 114 clock_nanosleep 115 sched_getscheduler 120 sched_getparam 121 sched_getaffinity 123
sched_yield 124 sched_get_priority_max 125 sched_get_priority_min 126 restart_syscall 128 kill 129 tgkill 131 sigaltstack 132 rt_sigsuspend 133
rt_sigaction 134 rt_sigprocmask 135 rt_sigpending 136 rt_sigtimedwait 137 rt_sigreturn 139 getpriority 141 getresuid 148 getresgid 150 times 153
getpgid 155 getsid 156 getgroups 158 uname 160 getrlimit 163 getrusage 165 umask 166 prctl 167 gettimeofday 169 getpid 172 getppid 173 getuid 174
geteuid 175 getgid 176 getegid 177 gettid 178 sysinfo 179 brk 214 munmap 215 mremap 216 clone 220 mmap 222 fadvise64 223 mprotect 226 msync 227
madvise 233 prlimit64 261 renameat2 276 seccomp 277 getrandom 278 statx 291 rseq 293 clone3 435 close_range 436 faccessat2 439
landlock_create_ruleset 444 landlock_add_rule 445 landlock_restrict_self 446
"""


def _table(text: str) -> dict[str, int]:
    words = text.split()
    return {name: int(number) for name, number in zip(words[::2], words[1::2], strict=True)}


SYSCALLS = {"x86_64": _table(_X86_64), "aarch64": _table(_GENERIC)}
MACHINE = platform.machine()


_with_interpreter: Any = ctypes.PyDLL(None, use_errno=True)


def fork() -> int:
    """What `os.fork` returns, without what Python and its modules do after a fork in the child.

    The caller has one thread, so that no lock can be held by another one; new seeds and new locks are not wanted, and cost a fifth of a job.

    Raises:
        OSError: the kernel refused it.
    """
    return checked(_with_interpreter.fork(), "fork")


def checked(result: int, what: str) -> int:
    """The result of a C call.

    Raises:
        OSError: it was -1.
    """
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(name: str, *arguments: Any) -> int:
    """The result of a system call.

    Raises:
        OSError: the kernel refused it.
        KeyError: its number is not known on this processor.
    """
    return checked(libc.syscall(SYSCALLS[MACHINE][name], *arguments), name)


def prctl(option: int, value: int = 0, third: int = 0) -> int:
    """The result of `prctl`.

    Raises:
        OSError: the kernel refused it.
    """
    zero = ctypes.c_ulong(0)
    return checked(libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(third), zero, zero), f"prctl({option})")


def without_random_addresses() -> bool:
    """Ask for addresses that are the same in every run, so that what prints one does not differ; says whether that was new.

    A job runs code of its own anyway, so that random addresses would keep nothing from it.
    """
    current = libc.personality(ctypes.c_ulong(0xFFFFFFFF))
    return current != -1 and not current & ADDR_NO_RANDOMIZE and libc.personality(ctypes.c_ulong(current | ADDR_NO_RANDOMIZE)) != -1


def nameless_user() -> int:
    """A user of no name, of those that systemd keeps for services, and hardly ever that of another zygote."""
    return 61184 + os.getpid() % 4336


def may_become(user: int, path: str) -> bool:
    """Whether the process can become a user, who can read a file."""
    try:
        os.setresuid(user, -1, -1)
    except OSError:  # root without the capability for it
        return False
    found = os.access(path, os.R_OK)
    os.setresuid(os.geteuid(), -1, -1)
    return found


def drop_capabilities(user: int) -> None:
    """Give up every capability for good, and become a user, who may be the own one.

    Raises:
        OSError: the kernel refused it.
    """
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:  # beyond the last one that the kernel knows, or none to give
            break
    os.setresuid(user, user, user)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    syscall("capset", header, (ctypes.c_uint32 * 6)())
