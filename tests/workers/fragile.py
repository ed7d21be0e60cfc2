"""A verifier with faults."""

import os
import re

from prm_gym import ClaimVerifier
from prm_gym.claims import Equality
from prm_gym.verdict import judged


class Fragile(ClaimVerifier):
    """Hangs, dies or raises over some claims. The workers import it by name, so it stands in a module that they find."""

    id = "fragile"
    version = "3"
    claims = (Equality,)

    def check(self, claim, step):
        if claim.left == "hang":
            re.fullmatch("(a+)+b", "a" * 60)  # exponential, and holds the GIL
        if claim.left == "die":
            os._exit(1)
        if claim.left == "raise":
            raise ValueError("no")
        return judged("correct", 1.0, "right")
