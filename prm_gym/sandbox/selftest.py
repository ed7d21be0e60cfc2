"""What every zygote tries before it is used: things that must be impossible behind its walls."""

import json

from prm_gym.sandbox.zygotes import Report

# Each probe is a statement that raises where the walls hold.
_MUST_FAIL = {
    "start a process": "os.fork()",
    "start a program": "os.posix_spawn('/bin/true', ['true'], {})",
    "replace itself by a program": "os.execv('/bin/true', ['true'])",
    "open a socket": "socket.socket()",
    "open a Unix socket": "socket.socket(socket.AF_UNIX)",
    "open a socket pair": "call(libc.socketpair, 1, 1, 0, ctypes.create_string_buffer(8))",
    "read /etc/passwd": "open('/etc/passwd').read()",
    "read /proc/self/environ": "open('/proc/self/environ').read()",
    "list /": "os.listdir('/')",
    "write to /tmp": "open('/tmp/prm-gym-self-test', 'w')",
    "write to the standard library": "open(os.__file__, 'a')",
    "signal its parent": "os.kill(os.getppid() or 1, 0)",
    "signal everybody": "os.kill(-1, 0)",
    "raise a limit": "resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))",
    "write more than its limit": "os.ftruncate(1, 1 << 40)",
    "make a memory file": "os.memfd_create('x')",
    "change a mode": "os.chmod('.', 0o777)",
    "leave its namespaces": "call(libc.unshare, 0x10000000)",
    "mount": "call(libc.mount, b'none', b'/', b'tmpfs', 0, None)",
    "trace a process": "call(libc.ptrace, 16, os.getppid(), 0, 0)",
    "use io_uring": "call(libc.syscall, 425, 8, None)",
    "get shared memory": "call(libc.shmget, 0, 4096, 0o1600)",
    "become dumpable": "call(libc.prctl, 4, 1, 0, 0, 0)",
}
PROBES = f"""
import os, json, socket, resource, ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(function, *arguments):
    if function(*arguments) == -1:
        raise OSError(ctypes.get_errno())
found = []
for name, statement in {_MUST_FAIL!r}.items():
    me = os.getpid()
    try:
        exec(statement)
        found.append(name)
    except (OSError, ValueError):
        pass
    if os.getpid() != me:
        os._exit(0)
print(json.dumps(found))
"""


def holes(report: Report) -> list[str]:
    """What a zygote could do that it must not; the whole test, when it did not come to its end."""
    try:
        found = json.loads(report.stdout)
    except ValueError:
        return [f"not be done ({report.stderr[-300:].decode('utf-8', 'replace')!r}, wait status {report.status})"]
    return [str(name) for name in found]
