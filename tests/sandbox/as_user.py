"""Runs a command as another user, who can read the interpreter and the checkout wherever they lie: python as_user.py UID CHECKOUT command ...

A folder on the way that only root may enter is covered, in a mount namespace of the command's own, by one that holds what is needed and nothing else.
Leaves with the code 77 where that cannot be done.
"""

import ctypes
import os
import stat
import sys
import tempfile
from pathlib import Path

NOT_POSSIBLE = 77
CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18


def _mount(source: str, target: str, kind: bytes | None, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), target.encode(), kind, ctypes.c_ulong(flags), None) == -1:
        raise OSError(ctypes.get_errno(), f"mount {target}")


def _closed(path: Path) -> Path | None:
    """The first folder on the way to a path that others may not enter."""
    return next((folder for folder in reversed(path.parents) if not folder.stat().st_mode & stat.S_IXOTH), None)


def _open_the_way(paths: set[Path]) -> None:
    """Let everybody reach the paths."""
    while True:
        needed = {path: folder for path in paths if (folder := _closed(path)) is not None}
        if not needed:
            return
        cover = next(iter(needed.values()))
        below = {path: os.open(path, os.O_PATH) for path, folder in needed.items() if folder == cover}
        _mount("none", str(cover), b"tmpfs", 0)
        os.chmod(cover, 0o755)
        for path, source in below.items():
            path.mkdir(parents=True, exist_ok=True)
            _mount(f"/proc/self/fd/{source}", str(path), None, MS_BIND | MS_REC)
            os.close(source)


def main() -> None:
    """See the module."""
    uid, checkout, *command = int(sys.argv[1]), sys.argv[2], *sys.argv[3:]
    os.umask(0o022)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNS) == -1:
            raise OSError(ctypes.get_errno(), "unshare")
        _mount("none", "/", None, MS_REC | MS_PRIVATE)
        _open_the_way({Path(path).resolve() for path in (sys.base_prefix, sys.prefix, checkout, tempfile.gettempdir())})
        home = tempfile.mkdtemp()
        os.chown(home, uid, uid)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        sys.stderr.write(f"the user cannot be changed here: {error}\n")
        sys.exit(NOT_POSSIBLE)
    environment = {"PATH": os.defpath, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main()
