"""The walls that a zygote stands behind, put up once: namespaces, a root of its own, Landlock.

Whatever cannot be put up raises; nothing is left out in silence.
"""

import ctypes
import os
import stat
import struct
from collections.abc import Callable, Sequence

from kernel import checked, libc, syscall

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_NOATIME, MS_NODIRATIME = 1, 2, 4, 8, 32, 1024, 2048
MS_BIND, MS_REC, MS_PRIVATE, MS_RELATIME = 4096, 16384, 1 << 18, 1 << 21
MNT_DETACH = 2
SCRATCH = "/scratch"
SCRATCH_FILES = 1024

# Landlock: what each version of its interface adds to what can be denied.
_WRITE, _READ_FILE, _READ_DIR = 2, 4, 8
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG, _MAKE_SYM = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 12
_ALL_V1, _REFER, _TRUNCATE, _IOCTL = (1 << 13) - 1, 1 << 13, 1 << 14, 1 << 15


def enter_namespaces(other: int) -> None:
    """Leave the host's users, mounts, network, processes (from the next fork on), semaphores and name; keeps the own user id.

    Args:
        other: a user that root may become later; whoever may not has the own one alone.

    Raises:
        OSError: the kernel does not let us.
    """
    uid, gid = os.getuid(), os.getgid()
    spaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
    mapped = _mapped_from_outside(f"{uid} {uid} 1\n{other} {other} 1") if other != uid else None
    checked(libc.unshare(ctypes.c_int(spaces)), "unshare")
    if mapped is None or not mapped():  # root without the capability for it
        _write("self/uid_map", f"{uid} {uid} 1")
    _write("self/setgroups", "deny")
    _write("self/gid_map", f"{gid} {gid} 1")


def _mapped_from_outside(users: str) -> Callable[[], bool]:
    """A function that lets a process outside write the users of this one's new namespace, and says whether it could: from inside more than one is refused."""
    pid, (reading, writing) = os.getpid(), os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(writing)
        os.read(reading, 1)  # until the other end is closed
        try:
            _write(f"{pid}/uid_map", users)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(reading)

    def mapped() -> bool:
        os.close(writing)
        return os.waitpid(helper, 0)[1] == 0

    return mapped


def _write(name: str, text: str) -> None:
    with open(f"/proc/{name}", "w", encoding="ascii") as file:
        file.write(text)


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, data)]
    result = libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])
    checked(result, f"mount {target}")


def enter_root(trees: Sequence[str], covers: Sequence[str], packages: Sequence[str], scratch_mb: int) -> None:
    """Stand in a root that holds nothing but what may be read, /dev/null and an empty folder to write in.

    Args:
        trees: absolute paths of files and folders of the host that may be read.
        covers: folders within them that are to look empty.
        packages: folders that may be read, within what is covered too.
        scratch_mb: size of the folder to write in, in MiB.

    Raises:
        OSError: the kernel does not let us.
    """
    _mount("none", "/", None, MS_REC | MS_PRIVATE)
    root = next(path for path in ("/tmp", "/var/tmp", "/mnt", "/run") if os.path.isdir(path))  # any folder does; the mount is ours alone
    # Opened before the mount: some may lie below the folder that is mounted over.
    sources = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in (*trees, *packages, "/dev/null")}
    _mount("none", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,nr_inodes=8192,mode=755")
    for path in (*trees, "/dev/null"):
        _bind(sources[path], path, root)
    for path in covers:
        _mount("none", root + path, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,nr_inodes=256,mode=755")
    for path in packages:
        _bind(sources[path], path, root)
    for path in covers:
        _mount("none", root + path, None, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, "size=64k,nr_inodes=256,mode=755")
    for source in sources.values():
        os.close(source)
    os.mkdir(root + SCRATCH)
    _mount("none", root + SCRATCH, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, f"size={scratch_mb}m,nr_inodes={SCRATCH_FILES},mode=700")
    os.chdir(root)
    os.mkdir("old")
    syscall("pivot_root", b".", b"old")
    os.chdir("/")
    checked(libc.umount2(b"/old", MNT_DETACH), "umount of the old root")
    os.rmdir("/old")
    _mount("none", "/", None, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, "size=1m,nr_inodes=8192,mode=755")
    os.chdir(SCRATCH)


def _bind(source: int, path: str, root: str) -> None:
    target = root + path
    if stat.S_ISDIR(os.fstat(source).st_mode):
        os.makedirs(target, 0o755, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        with open(target, "wb"):
            pass
    _mount(f"/proc/self/fd/{source}", target, None, MS_BIND | MS_REC)
    # A user namespace may not drop the flags that a mount came with.
    locked = os.statvfs(target).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME)
    devices = 0 if path == "/dev/null" else MS_NODEV
    _mount("none", target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | devices | locked)


def landlock_version() -> int:
    """The version of Landlock's interface; 0 where there is none."""
    try:
        return syscall("landlock_create_ruleset", None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    except (OSError, KeyError):
        return 0


def restrict_files(readable: Sequence[str], listings: Sequence[str], scratch: str | None) -> None:
    """Deny every file but what may be read, and what is in the folder to write in; for this process and all that come from it.

    Args:
        readable: files and folders; what does not exist is passed over.
        listings: folders of which names may be listed, and no more.
        scratch: the folder to write in; None for none.

    Raises:
        OSError: the kernel has no Landlock, or refuses.
    """
    version = landlock_version()
    if version < 1:
        raise OSError("the kernel has no Landlock")
    handled = _ALL_V1 | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0) | (_IOCTL if version >= 5 else 0)
    attributes = struct.pack("=QQQ", handled, 3 if version >= 4 else 0, 3 if version >= 6 else 0)  # files; bind and connect; sockets and signals of others
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = syscall("landlock_create_ruleset", attributes, ctypes.c_size_t(size), ctypes.c_uint32(0))
    writing = _WRITE | _READ_FILE | _READ_DIR | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MAKE_SYM | _REFER | _TRUNCATE
    rules = [(path, _READ_FILE | _READ_DIR) for path in readable if os.path.exists(path)]
    rules += [(path, _READ_DIR) for path in listings if os.path.exists(path)] + ([(scratch, writing & handled)] if scratch else [])
    for path, rights in [*rules, ("/dev/null", _READ_FILE | _WRITE)]:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _WRITE | _READ_FILE  # noqa: PLW2901 - a file has no other rights
        rule = struct.pack("=Qi", rights, descriptor)
        syscall("landlock_add_rule", ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0))
        os.close(descriptor)
    checked(libc.prctl(38, ctypes.c_ulong(1), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)), "no_new_privs")
    syscall("landlock_restrict_self", ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)
