"""Run as a script, `leash.py DESCRIPTOR COMMAND...`: runs the command, and kills all that it leaves when it ends or the descriptor is hung up.

The parent's death hangs the descriptor up. Where the kernel can do it (Linux), the leash inherits what has left the process group too (`setsid`, daemons);
elsewhere its group is all that it can kill. Against carelessness, not malice: who has the same user can kill the leash first.

From the standard library alone, and little of it, so that it starts within milliseconds.
"""

import contextlib
import os
import select
import signal
import sys
import time

_DEATH_SIGNAL, _SUBREAPER = 1, 36  # of prctl
_MOST_SECONDS = 1.0  # of processor time, that killing one after another may take


def _control(option: int, value: int) -> None:
    """The system call prctl; nothing where there is none."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _wake(number: int, frame: object) -> None:
    """Nothing: the descriptor for waking is written to."""


def _begun(command: list[str]) -> int:
    """The process id of the command, which is begun and ends with this process."""
    child = os.fork()
    if child:
        return child
    try:
        _control(_DEATH_SIGNAL, signal.SIGKILL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error}\n".encode(errors="replace"))
    finally:
        os._exit(127)


def _reaped(child: int) -> int | None:
    """Take note of all that have ended: the exit status of the command if it is among them."""
    found = None
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not ended:
            return found
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            found = code if code >= 0 else 128 - code


def _kill_all() -> None:
    """Kill what is left, this process with it where it cannot be done one by one. Who loses a parent by it comes to this process, and is next."""
    until = time.process_time() + _MOST_SECONDS
    while time.process_time() < until:
        try:
            with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
                left = [int(number) for number in file.read().split()]
        except OSError:  # no such kernel
            break
        if not left:
            return
        for number in left:
            with contextlib.suppress(PermissionError):  # of another user
                os.kill(number, signal.SIGKILL)  # whose number it is cannot have changed: those that have ended wait for this process
        time.sleep(0.001)
        _reaped(0)
    os.killpg(0, signal.SIGKILL)  # this process with it


def main(descriptor: int, command: list[str]) -> int:
    """Wait for the end of the command or of the leash.

    Args:
        descriptor: a socket that nobody writes to. A byte is sent when everything has been killed.
        command: program and arguments.

    Returns:
        The exit status of the command; 127 where it cannot be started, 128 and the signal where it was killed.
    """
    os.set_inheritable(descriptor, False)
    waker, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, _wake)
    _control(_SUBREAPER, 1)
    child = _begun(command)
    # What the child talks through belongs to it alone, so that its end is seen at the other side.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    status = None
    while status is None:
        ready, _, _ = select.select([descriptor, waker], [], [])
        if descriptor in ready:
            status = 128 + signal.SIGKILL
        else:
            os.read(waker, 4096)
            status = _reaped(child)
    _kill_all()
    with contextlib.suppress(OSError):  # nobody is there
        os.write(descriptor, b".")
    return status


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
