"""Run as a script, `leash.py DESCRIPTOR COMMAND...`: runs the command, and kills its process group when the descriptor is hung up, as the parent's death does.

From the standard library alone, so that it starts within milliseconds.
"""

import os
import select
import signal
import subprocess
import sys


def _wake(number: int, frame: object) -> None:
    """Nothing: the descriptor for waking is written to."""


def main(descriptor: int, command: list[str]) -> int:
    """Wait for the end of the command or of the leash.

    Args:
        descriptor: reading end of a pipe that nobody writes to.
        command: program and arguments.

    Returns:
        The exit status of the command; 127 where it cannot be started.
    """
    os.set_inheritable(descriptor, False)
    waker, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, _wake)
    try:
        child = subprocess.Popen(command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error}\n")
        return 127
    # What the child talks through belongs to it alone, so that its end is seen at the other side.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    while child.poll() is None:
        ready, _, _ = select.select([descriptor, waker], [], [])
        if descriptor in ready:
            os.killpg(0, signal.SIGKILL)
        os.read(waker, 4096)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
