"""The errors of prm_gym: one family, each saying what was expected, what came and what to do.

    PrmGymError
    ├── UnknownNameError        a name that no registry holds (with the near miss)
    ├── DuplicateNameError      two plug-ins under one name
    ├── OptionError             an option or specification that cannot be honoured
    ├── MissingExtraError       an optional dependency that is not installed
    ├── ContractError           a plug-in or environment that breaks its contract
    ├── FormulaError            text that is no formula
    ├── ProblemError            a constraint problem or board that is not well formed
    ├── CreditError             a batch that an assigner cannot work on
    ├── StoreError              a trajectory file that cannot be read
    ├── CheckpointError         a model or run on disk that cannot be gone on with
    ├── DivergedError           a training whose numbers are no longer finite
    ├── SandboxError            no sandbox of the tier that is asked for can be had here
    ├── WorkerError             worker processes that cannot start, or a pool that is closed
    ├── EngineError             an engine that cannot be had, or jobs whose workers keep dying
    │   └── LostJobError        a job over which workers die
    ├── ServingError            a server of environments that cannot be reached, or refuses
    ├── RefusedError            a tool of a service refuses a call; the agent is told, and nothing is changed
    └── EnvironmentFault        the infrastructure failed; the episode is invalid and trains nobody

What a policy writes never raises: a malformed action is a step with a `malformed` verdict.
"""

import difflib
from collections.abc import Iterable


class PrmGymError(Exception):
    """Root of every error that this package raises on purpose."""


NEAR = 0.65  # similarity from which a name is offered: 'trained' must not get 'random' (0.62)


def _nearest(name: str, known: Iterable[str]) -> str:
    """The name that was probably meant, whatever its case, separators and namespace: one that begins so, or looks like it; "" for none."""
    plain = {part.lower().replace("_", "-"): each for each in known for part in (each.rpartition("/")[2], each)}
    said = name.lower().replace("_", "-")
    begins = [each for each in plain if len(said) >= 3 and each.startswith(said)]
    near = begins if len(begins) == 1 else difflib.get_close_matches(said, plain, n=1, cutoff=NEAR)
    return plain[near[0]] if near else ""


class UnknownNameError(PrmGymError, LookupError):
    """A name was asked for that the registry does not hold."""

    def __init__(self, kind: str, name: str, known: Iterable[str], advice: str = "") -> None:
        """Say which names exist and which one was probably meant.

        Args:
            kind: what was looked up, in words ("verifier", "credit assigner").
            name: the name that was asked for.
            known: the names that exist.
            advice: what to do where no name is like the one that was asked for; a sentence.
        """
        self.kind, self.name, self.known, self.advice = kind, name, sorted(known), advice
        near = _nearest(name, self.known)
        hint = f" Did you mean {near!r}?" if near else f" {advice}" if advice else ""
        listed = ", ".join(self.known) or "none"
        super().__init__(f"There is no {kind} named {name!r}.{hint} Known: {listed}.")

    def __reduce__(self) -> tuple[type["UnknownNameError"], tuple[str, str, list[str], str]]:
        """Rebuild from the constructor's own arguments, so that the error crosses processes."""
        return (UnknownNameError, (self.kind, self.name, self.known, self.advice))


class DuplicateNameError(PrmGymError):
    """Two plug-ins claim one name; neither may win in silence."""


class OptionError(PrmGymError, ValueError):
    """An option has a value that cannot be honoured."""


class MissingExtraError(PrmGymError, ImportError):
    """An optional dependency is needed and absent; the message names the extra to install."""

    def __init__(self, package: str, extra: str) -> None:
        """Name the missing package and the extra that brings it."""
        self.package, self.extra = package, extra
        super().__init__(f"This needs the package {package!r}. Install it with: pip install 'prm-gym[{extra}]'")

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str]]:
        """Rebuild from the constructor's own arguments."""
        return (MissingExtraError, (self.package, self.extra))


class ContractError(PrmGymError):
    """A plug-in, an environment or an agent does not keep the contract it declares."""


class FormulaError(PrmGymError, ValueError):
    """A text is no formula of the notation; the message says where and why."""


class ProblemError(PrmGymError, ValueError):
    """A constraint problem, an assignment or a board that is not well formed or beyond the bounds; the message says where."""


class CreditError(PrmGymError, ValueError):
    """A batch that an assigner cannot work on; the message names the column and the rows."""


class StoreError(PrmGymError, ValueError):
    """A trajectory file that cannot be read or written."""


class CheckpointError(PrmGymError, ValueError):
    """A model's checkpoint that cannot be loaded or does not fit what is asked of it; the message says what is missing."""


class DivergedError(PrmGymError):
    """A loss, its gradient or what a policy says of its next token is NaN or infinite.

    The message says where and, from a training run, which checkpoint is the last good one.
    """


class WorkerError(PrmGymError):
    """Worker processes cannot be started, or their pool is closed; what a job does is no error but a result."""


class EngineError(PrmGymError):
    """An engine cannot be had or is not the one that was meant, or a job's workers have died too often; the message names the job and the last cause."""


class LostJobError(EngineError):
    """The workers of a job have died too often, whatever it is: nothing was raised in them."""


class ServingError(PrmGymError):
    """A server of environments or verifiers cannot be reached, or refuses what it is asked."""

    def __init__(self, message: str, code: str = "unreachable", retry_after: float | None = None) -> None:
        """Say why.

        Args:
            message: for a person.
            code: the server's, for programs (see `prm_gym.serving.problems`); "unreachable" where none has answered, "timeout" where none has in time.
            retry_after: seconds after which it may go better; None where nobody says.
        """
        super().__init__(message)
        self.message, self.code, self.retry_after = message, code, retry_after

    def __reduce__(self) -> tuple[type["ServingError"], tuple[str, str, float | None]]:
        """Rebuild from the constructor's own arguments, so that the error crosses processes."""
        return (ServingError, (self.message, self.code, self.retry_after))


class RefusedError(PrmGymError):
    """Raised by a tool of a service that refuses a call. What it did is undone, and the agent reads the message."""


class SandboxError(PrmGymError):
    """No sandbox of the tier that is asked for can be had on this machine, or it is closed; what untrusted code does is no error but a result."""


class EnvironmentFault(PrmGymError):  # noqa: N818 - the field's word; it marks the episode, it is not a bug
    """Raised by an environment when its infrastructure spoilt the step.

    The episode ends truncated with `info["valid"] = False`, no outcome and reward 0; such an episode trains nobody.
    """
