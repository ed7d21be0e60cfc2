"""Verifiers for the tests of pools, in a module that actors can import."""

import os
import time
from pathlib import Path

from prm_gym.verdict import judged
from prm_gym.verifier import Verifier


class Recording(Verifier):
    """Accepts every step after a while, and writes down which ones it has judged; dies over some, raises over others."""

    id = "recording"
    version = "7"
    threshold = 0.25

    def __init__(self, folder, seconds=0.0):
        self.folder, self.seconds = folder, seconds

    def verify(self, steps):
        verdicts = []
        for step in steps:
            if step.action == "die":
                os._exit(1)
            if step.action == "raise":
                raise ValueError("no")
            time.sleep(self.seconds)
            with (Path(self.folder) / str(os.getpid())).open("a") as file:
                file.write(step.action + "\n")
            verdicts.append(judged("correct", 1.0, step.action, batch=len(steps)))
        return verdicts
