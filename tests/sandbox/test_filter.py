"""The filter, interpreted statement by statement, allows exactly what it says; the numbers of the calls are the kernel's."""

import re
import struct
import sys
from pathlib import Path

import pytest

import prm_gym.sandbox

INSIDE = Path(prm_gym.sandbox.__file__).parent / "inside"
HEADERS = {"x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), "aarch64": Path("/usr/include/asm-generic/unistd.h")}
ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
PID = 4242
# Calls that some of their arguments decide about.
BY_ARGUMENT = {"clone", "clone3", "prlimit64", "ioctl", "fcntl", "prctl", "kill", "tgkill"}
# What has been a way out of a sandbox, or lasts longer than a process; of none of them is any use allowed.
CALLS_NEVER = """
fork vfork execve execveat socket socketpair connect accept accept4 bind listen sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg ptrace process_vm_readv
process_vm_writev kcmp pidfd_open pidfd_getfd pidfd_send_signal tkill rt_sigqueueinfo rt_tgsigqueueinfo seccomp bpf perf_event_open userfaultfd
io_uring_setup io_uring_enter io_uring_register io_setup keyctl add_key request_key mount umount2 pivot_root chroot open_tree move_mount fsopen fsconfig
fsmount fspick mount_setattr unshare setns name_to_handle_at open_by_handle_at shmget shmat shmctl semget msgget mq_open memfd_create memfd_secret
timer_create timerfd_create signalfd signalfd4 inotify_init inotify_init1 fanotify_init splice tee vmsplice copy_file_range setrlimit setpriority
sched_setaffinity sched_setscheduler sched_setattr sched_setparam ioprio_set mlock mlock2 mlockall chmod fchmod fchmodat chown fchown lchown fchownat
utime utimes utimensat futimesat setxattr lsetxattr fsetxattr removexattr link linkat mknod mknodat truncate setuid setgid setreuid setregid setresuid setresgid
setgroups setfsuid setfsgid capset personality modify_ldt iopl ioperm swapon swapoff reboot sethostname setdomainname settimeofday adjtimex clock_adjtime
clock_settime quotactl acct syslog init_module finit_module delete_module kexec_load kexec_file_load vhangup landlock_create_ruleset landlock_add_rule
landlock_restrict_self process_madvise migrate_pages move_pages mbind set_mempolicy remap_file_pages pkey_alloc setsid setpgid openat2 get_robust_list
"""
NEVER = frozenset(CALLS_NEVER.split())


def header_numbers(processor):
    """Names of the calls and their numbers, from the kernel's own header."""
    path = HEADERS[processor]
    if not path.exists():
        pytest.skip(f"the kernel's header {path} is not installed")
    found = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text(encoding="ascii"))}
    if processor == "aarch64":  # the generic header has the names of 32 and 64 bits
        found |= {"newfstatat": found["fstatat"]}
    return found


@pytest.fixture(name="inside")
def _inside(monkeypatch):
    """The modules of the inside, under the names that they have there."""
    kept = {name: sys.modules.pop(name, None) for name in ("filter", "kernel")}
    monkeypatch.syspath_prepend(str(INSIDE))
    import filter as filters
    import kernel

    yield filters, kernel
    for name, module in kept.items():
        del sys.modules[name]
        if module is not None:
            sys.modules[name] = module


def interpret(program, data):
    """What a seccomp program returns for a call: a slow machine of one register."""
    register, place = 0, 0
    while True:
        code, yes, no, value = program[place]
        place += 1
        if code == 0x20:  # BPF_LD | BPF_W | BPF_ABS
            register = struct.unpack_from("<I", data, value)[0]
        elif code == 0x54:  # BPF_ALU | BPF_AND | BPF_K
            register &= value
        elif code == 0x06:  # BPF_RET | BPF_K
            return value
        else:
            holds = {0x15: register == value, 0x35: register >= value, 0x45: register & value != 0}[code]
            place += yes if holds else no


def seccomp_data(number, *arguments, arch):
    return struct.pack("<IIQ6Q", number, arch, 0, *[argument & (1 << 64) - 1 for argument in (*arguments, *[0] * 6)[:6]])


class Machine:
    """The filter for a processor, with the job's process number in its places."""

    def __init__(self, modules, processor, monkeypatch, **options):
        filters, kernel = modules
        monkeypatch.setattr(filters, "MACHINE", processor)
        made = filters.Filter(**options)
        code = bytearray(bytes(made._code)[: 8 * made.length])
        for place in made._pid_places:
            struct.pack_into("<I", code, 8 * place + 4, PID)
        self.program = [struct.unpack_from("<HBBI", code, 8 * i) for i in range(made.length)]
        self.arch, self.numbers = kernel.AUDIT_ARCH[processor], kernel.SYSCALLS[processor]

    def __call__(self, call, *arguments, arch=None):
        number = self.numbers[call] if isinstance(call, str) else call
        return interpret(self.program, seccomp_data(number, *arguments, arch=self.arch if arch is None else arch))


def named(inside, naming):
    filters, _ = inside
    return filters.ALWAYS | filters.NAMING if naming else filters.ALWAYS


@pytest.mark.parametrize("processor", HEADERS)
def test_the_numbers_are_those_of_the_kernel(inside, processor):
    header = header_numbers(processor)
    ours = inside[1].SYSCALLS[processor]
    assert {name: header.get(name) for name in ours} == ours


@pytest.mark.parametrize("processor", HEADERS)
def test_every_call_that_is_to_be_allowed_has_a_number_or_is_not_there(inside, processor):
    header = header_numbers(processor)
    assert {name for name in named(inside, True) if name in header} == named(inside, True) & set(inside[1].SYSCALLS[processor])


@pytest.mark.parametrize("processor", HEADERS)
@pytest.mark.parametrize(("naming", "writing"), [(True, True), (True, False), (False, False)])
def test_exactly_the_calls_of_the_list_are_allowed(inside, monkeypatch, processor, naming, writing):
    header = header_numbers(processor)
    machine = Machine(inside, processor, monkeypatch, naming=naming, writing=writing)
    by_argument = {header[name] for name in BY_ARGUMENT} | (set() if naming else {header["newfstatat"]})
    wanted = {header[name] for name in named(inside, naming) if name in header} - by_argument
    # Arguments of ones: flags that are all set are refused where bits decide; zeros otherwise.
    allowed = {number for number in range(1024) if number not in by_argument and machine(number) == ALLOW}
    assert allowed == wanted
    assert {machine(number) for number in range(1024) if number not in wanted | by_argument} == {EPERM}
    assert machine("clone3") == ENOSYS


@pytest.mark.parametrize("processor", HEADERS)
@pytest.mark.parametrize("naming", [True, False])
def test_what_has_been_a_way_out_is_never_allowed(inside, monkeypatch, processor, naming):
    header = header_numbers(processor)
    machine = Machine(inside, processor, monkeypatch, naming=naming, writing=naming)
    for name in sorted(NEVER):
        if name in header:
            assert {machine(header[name], *[value] * 6) for value in (0, 1, PID, 0x10000, (1 << 64) - 1)} == {EPERM}, name


@pytest.mark.parametrize("processor", HEADERS)
def test_arguments_decide(inside, monkeypatch, processor):
    filters, _ = inside
    machine = Machine(inside, processor, monkeypatch, naming=True, writing=True)
    for name, place, values in (("ioctl", 1, filters.IOCTLS), ("fcntl", 1, filters.FCNTLS), ("prctl", 0, filters.PRCTLS)):
        found = {value for value in [*range(2048), *values, *range(0x5400, 0x5500)] if machine(name, *[0] * place, value) == ALLOW}
        assert found == set(values), name
        # The kernel reads these as 32 bits, and so does the filter.
        assert machine(name, *[0] * place, values[0] + (1 << 32)) == ALLOW
    assert machine("kill", PID, 9) == machine("tgkill", PID, 7, 9) == ALLOW
    for pid in (0, 1, -1, -PID, PID + 1, PID - 1):
        assert machine("kill", pid, 0) == machine("tgkill", pid, PID, 0) == EPERM
    for flags in (0, 0x11, 0x4111, 0x10000000, 0x7E020000, 0x10000 << 32, 0x1000, 0x0F00):
        assert machine("clone", flags) == EPERM
    assert machine("clone", 0x3D0F00) == ALLOW  # what the C library makes threads with
    assert machine("prlimit64", 0, 7, 0, 1 << 40) == ALLOW
    for pid, new in ((PID, 0), (1, 0), (0, 1), (0, 1 << 32), (0, 0x7FFF_0000_0000), (-1, 0)):
        assert machine("prlimit64", pid, 7, new, 1) == EPERM


@pytest.mark.parametrize("processor", HEADERS)
def test_nothing_is_made_or_emptied_where_there_is_no_folder_for_it(inside, monkeypatch, processor):
    machine = Machine(inside, processor, monkeypatch, naming=True, writing=False)
    free = Machine(inside, processor, monkeypatch, naming=True, writing=True)
    for name, place in (("open", 1), ("openat", 2)):
        if name in machine.numbers:
            for flags, allowed in ((0, True), (0x80000, True), (0o100, False), (0o1000, False), (0o1101, False), (0o2000000 | 0o100, False)):
                assert machine(name, *[0] * place, flags) == (ALLOW if allowed else EPERM)
                assert free(name, *[0] * place, flags) == ALLOW


@pytest.mark.parametrize("processor", HEADERS)
def test_without_names_no_file_is_looked_at(inside, monkeypatch, processor):
    machine = Machine(inside, processor, monkeypatch, naming=False, writing=False)
    # AT_EMPTY_PATH permits an empty name and does not require one.
    assert machine("newfstatat", 1, 0, 0, 0x1000) == machine("newfstatat", 1, 0, 0, 0) == machine("newfstatat", 1, 0, 0, 0x100) == EPERM
    assert machine("openat", 0, 0, 0) == machine("statx", 0, 0, 0x1000) == EPERM


@pytest.mark.parametrize("processor", HEADERS)
def test_other_architectures_are_killed_and_x32_is_refused(inside, monkeypatch, processor):
    machine = Machine(inside, processor, monkeypatch, naming=True, writing=True)
    for arch in (0x40000003, 0x40000028, 0xC000003E, 0xC00000B7, 0):  # i386, arm, x86-64, aarch64, none
        for number in (0, 1, 63, 64, 0x40000000):
            if arch != machine.arch:
                assert machine(number, arch=arch) == KILL
    assert {machine(0x40000000 + number) for number in range(600)} == {EPERM}
    assert machine(0xFFFFFFFF) == machine(0x7FFFFFFF) == machine(0x80000001) == EPERM
