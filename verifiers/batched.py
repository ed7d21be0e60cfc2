"""Verifiers that judge the claims of a whole batch at once, in the sandbox."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import msgspec

from prm_gym.claims import Claim, Malformed
from prm_gym.errors import ContractError
from prm_gym.sandbox import Sandbox
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext, badness


class SandboxedVerifier(ClaimVerifier):
    """Judges the claims of a batch side by side in one sandbox, equal claims once; a step gets the verdict of its worst claim."""

    def __init__(self) -> None:
        self.sandbox = Sandbox()

    @abstractmethod
    def check_all(self, claims: Sequence[Claim]) -> list[Verdict]:
        """One verdict per claim, in order.

        Args:
            claims: distinct claims of the declared types.

        Raises:
            SandboxError: there is no sandbox here.
        """

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one claim alone."""
        if not isinstance(claim, self.claims):
            names = ", ".join(kind.__name__ for kind in self.claims)
            raise ContractError(f"the verifier {self.id!r} judges claims of the types {names}, got {type(claim).__name__}")
        return _of(claim, self._judged([claim]))

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict per step: that of its worst claim.

        Raises:
            SandboxError: there is no sandbox here.
        """
        verdicts = self._judged([claim for step in steps for claim in step.claims if isinstance(claim, self.claims)])
        return [self._worst(step, verdicts) for step in steps]

    def close(self) -> None:
        """Let go of the sandbox; its processes end when nobody else in this process uses them."""
        self.sandbox.close()
        self.sandbox = Sandbox()

    def _judged(self, claims: Sequence[Claim]) -> dict[bytes, Verdict]:
        distinct = {key: claim for claim in claims if (key := _key(claim)) is not None}
        return dict(zip(distinct, self.check_all(list(distinct.values())), strict=True)) if distinct else {}

    def _worst(self, step: StepContext, verdicts: Mapping[bytes, Verdict]) -> Verdict:
        for claim in step.claims:
            if isinstance(claim, Malformed):
                return judged("malformed", 0.0, claim.reason)
        found = [_of(claim, verdicts) for claim in step.claims if isinstance(claim, self.claims)]
        return max(found, key=badness, default=abstained("the step makes no claim of a kind that this verifier understands"))


def _of(claim: Claim, verdicts: Mapping[bytes, Verdict]) -> Verdict:
    key = _key(claim)
    return abstained("the claim holds values that cannot be stored") if key is None else verdicts[key]


def _key(claim: Claim) -> bytes | None:
    """Equal exactly for equal claims; None for what cannot be stored."""
    try:
        return msgspec.msgpack.encode(claim)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None
