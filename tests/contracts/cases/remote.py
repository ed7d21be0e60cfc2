"""Cases of `remote`: those of the verifier behind it, `arithmetic`, asked over HTTP."""

import atexit
import functools

from prm_gym.claims import Equality, Reachable
from prm_gym.testing import claim_case

CASES = {
    "remote": [
        claim_case("full", Equality("2 + 2", "4"), label="correct"),
        claim_case("zero", Equality("2 + 2", "5"), label="incorrect"),
        claim_case("hack", Equality("4", "4"), label="trivial"),
        claim_case("abstain", Reachable(("1",), "1")),
    ]
}


@functools.cache
def _url():
    from prm_gym.serving.offer import Offer
    from prm_gym.serving.server import Server

    server = Server(Offer.of([], verifiers=["arithmetic"]), port=0).start()
    atexit.register(server.close)
    return server.url


def _remote():
    return f"remote:{_url()}?verifier=arithmetic"


MAKERS = {"remote": _remote}
