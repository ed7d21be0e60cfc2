"""Workers for the tests of engines. Other processes import them, so the name of this module is unique."""

import os
import signal
import time
from pathlib import Path


class Squares:
    """Gives the square of a number, and the process that made it."""

    def __init__(self, folder=""):
        self.folder = folder
        if folder:
            Path(folder, f"made-{os.getpid()}").touch()

    def run(self, job, report):
        report(job)
        return job * job, os.getpid()

    def close(self):
        if self.folder:
            Path(self.folder, f"closed-{os.getpid()}").touch()


class Mortal:
    """Does what a job says.

    ("square", n), ("raise", text), ("odd",), ("die", folder, times): kill itself so many times, ("sleep", seconds), ("meet", folder, workers): wait for the
    others, ("get", shared), ("say",): report three times.
    """

    def run(self, job, report):
        what, *rest = job
        match what:
            case "square":
                return rest[0] ** 2
            case "raise":
                raise KeyError(rest[0])
            case "odd":
                raise OddError(lambda: None)
            case "die":
                folder, times = rest
                lives = len(list(Path(folder).iterdir()))
                if lives < times:
                    Path(folder, str(lives)).touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                return lives
            case "sleep":
                time.sleep(rest[0])
                return os.getpid()
            case "meet":
                folder, count = rest
                Path(folder, str(os.getpid())).touch()
                deadline = time.monotonic() + 120
                while len(list(Path(folder).iterdir())) < count:
                    if time.monotonic() > deadline:
                        raise TimeoutError("nobody came")
                    time.sleep(0.05)
                return os.getpid()
            case "get":
                return len(rest[0].get())
            case "say":
                for number in range(3):
                    report(number)
                return None

    def close(self):
        pass


class OddError(Exception):
    """Cannot be pickled."""


def refuse():
    raise ValueError("no worker of this kind")


def die():
    os.kill(os.getpid(), signal.SIGKILL)
