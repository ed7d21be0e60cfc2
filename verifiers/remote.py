"""`remote`: a verifier of a server, asked over HTTP."""

from collections.abc import Sequence

from prm_gym.errors import OptionError, ServingError, UnknownNameError
from prm_gym.serving.client import types_of
from prm_gym.serving.connection import Connection
from prm_gym.serving.wire import Verdicts, Verifiers, VerifyRequest
from prm_gym.verdict import Verdict, failed
from prm_gym.verifier import StepContext, Verifier

MOST_STEPS = 512  # of one request


class RemoteVerifier(Verifier):
    """Has steps judged by a verifier that a server offers (`prm-gym serve --verifier`): `remote:http://127.0.0.1:8000?verifier=z3`.

    Its id, version, claims and purity are those of the verifier there. The whole step is sent, with the sealed part of its task: the server sees it, the agent
    does not. Where no verdict comes, the status is `timeout` or `error`, without a score; the next batch asks again.
    """

    def __init__(self, url: str, *, verifier: str, id: str = "", token_file: str | None = None, timeout: float = 120.0) -> None:
        """Ask the server what it offers.

        Args:
            url: of the server.
            verifier: its name there.
            id: key of its verdicts; the id that it has there unless given.
            token_file: path of a file whose first line is the token; the variable PRM_GYM_TOKEN unless given.
            timeout: seconds to wait for the verdicts of a request. More than a request may take on the server.

        Raises:
            OptionError: the address is none, or the server has no such verifier.
            ServingError: the server cannot be reached, or refuses.
        """
        self._connection = Connection(url, token_file=token_file, timeout=timeout)
        offered = {each.name: each.card for each in self._connection.get("/v1/verifiers", Verifiers).verifiers}
        if verifier not in offered:
            raise OptionError(str(UnknownNameError(f"verifier at {url}", verifier, offered)))
        card = offered[verifier]
        self._name, self._wants_claims = verifier, card.wants_claims
        self.id, self.version, self.pure = id or card.id, card.version, card.pure
        self.claims = types_of(card)  # pyright: ignore[reportAttributeAccessIssue] - those of the verifier there

    @property
    def wants_claims(self) -> bool:
        """Whether the verifier there judges claims."""
        return self._wants_claims

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict per step, in order, of as few requests as will do."""
        verdicts: list[Verdict] = []
        for start in range(0, len(steps), MOST_STEPS):
            verdicts += self._verified(list(steps[start : start + MOST_STEPS]))
        return verdicts

    def _verified(self, steps: list[StepContext]) -> list[Verdict]:
        try:
            found = self._connection.post("/v1/verify", VerifyRequest(verifier=self._name, steps=steps), Verdicts).verdicts
        except ServingError as error:
            if error.code in ("too_large", "bad_request") and len(steps) > 1:  # one of them may be the cause
                half = len(steps) // 2
                return [*self._verified(steps[:half]), *self._verified(steps[half:])]
            lost = Verdict(status="timeout", reason=error.message) if error.code == "timeout" else failed(error.message)
            return [lost] * len(steps)
        except (TypeError, ValueError) as error:  # what JSON cannot carry: lone surrogates, an object of the user's own
            if len(steps) > 1:
                return [verdict for step in steps for verdict in self._verified([step])]
            return [failed(f"the step cannot be sent: {error}")]
        if len(found) != len(steps):
            return [failed(f"the server gave {len(found)} verdicts for {len(steps)} steps")] * len(steps)
        return found

    def close(self) -> None:
        """Hang up; it may be asked again."""
        self._connection.close()
