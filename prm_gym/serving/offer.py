"""What a server offers: environments, options, verifiers and limits, as its operator names them. Whatever is not named here cannot be had.

A client chooses among names and plain values alone. Of an option it gives a number, true, false or null, or one of the values that the operator has listed, so
that nothing which names a file, a command, an address or a class can come from a client.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
from gymnasium.envs.registration import load_env_creator

from prm_gym.env import StepEnv, option_names
from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.plugins import split_options
from prm_gym.rewards import REWARDS
from prm_gym.rollout import step_env_spec
from prm_gym.serving.problems import Problem

ALWAYS = ("verifiers", "reward", "max_steps")  # options with rules of their own
MOST_STEPS = 10_000
MOST_NAME = 200  # characters of a name that a client gives


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Of a server.

    Attributes:
        sessions: open at once, each with a process of its own.
        session_envs: environments of one session.
        idle_seconds: after which a session that nothing is asked of is closed.
        request_seconds: that a request may work; then its process is killed and its episodes are spoilt.
        verify_seconds: that one chunk of steps may take of a verifier; then its process is killed.
        verify_workers: processes of each verifier.
        verify_steps: of one request.
        verify_requests: that may wait or work at once.
        body_bytes: of one request.
        body_seconds: until the body of a request has come.
        snapshot_bytes: of all snapshots together; beyond it the one that was used longest ago goes.
        memory_mb: MiB that the process of a session may use beyond what is in use at its start; None for no cap (Chromium needs that).
    """

    sessions: int = 64
    session_envs: int = 256
    idle_seconds: float = 900.0
    request_seconds: float = 60.0
    verify_seconds: float = 30.0
    verify_workers: int = 1
    verify_steps: int = 4096
    verify_requests: int = 32
    body_bytes: int = 8 << 20
    body_seconds: float = 30.0
    snapshot_bytes: int = 256 << 20
    memory_mb: int | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise OptionError(f"{name} is a number above 0, got {value!r}")


class Choice(msgspec.Struct, frozen=True):
    """An option that clients may choose.

    Attributes:
        name: of the option.
        values: those to choose from; empty for any number, true, false or null.
    """

    name: str
    values: tuple[Any, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Choice":
        """What an operator writes: NAME, or NAME=VALUE,VALUE.

        Raises:
            OptionError: it has no name, or gives the verifiers, reward or step limit away, which have rules of their own.
        """
        name, separator, listed = text.partition("=")
        if not name.isidentifier() or name in ALWAYS or (separator and not listed):
            raise OptionError(f"a client's option is NAME, or NAME=VALUE,VALUE, and none of {', '.join(ALWAYS)}; got {text!r}")
        return cls(name, tuple(_read(value) for value in listed.split(",")) if separator else ())

    def shown(self) -> Any:
        """As clients are told: the values, or true for any number."""
        return list(self.values) or True

    def taken(self, value: Any) -> Any:
        """The value that a client gave.

        Raises:
            Problem: it may not.
        """
        if self.values:
            if any(type(value) is type(known) and value == known for known in self.values):
                return value
            raise Problem("bad_option", f"{self.name} is one of {', '.join(map(repr, self.values))}, got {_quoted(value)}")
        if _plain(value):
            return value
        raise Problem("bad_option", f"{self.name} is a number, true, false or null here, got {_quoted(value)}")


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What is served.

    Attributes:
        envs: options that the operator has fixed, by environment.
        choices: options that clients may choose, by environment.
        classes: of the environments.
        verifiers: specification by the name that clients use.
        limits: see `Limits`.
        solutions: whether clients are told scripted solutions. For demonstrations and tests: they give the answers away.
    """

    envs: dict[str, dict[str, Any]]
    choices: dict[str, tuple[Choice, ...]]
    classes: dict[str, type[StepEnv]]
    verifiers: dict[str, str] = {}
    limits: Limits = Limits()
    solutions: bool = False

    @classmethod
    def of(
        cls,
        envs: Sequence[str],
        *,
        env_options: Mapping[str, Any] | None = None,
        client_options: Sequence[str] = (),
        verifiers: Sequence[str] = (),
        limits: Limits | None = None,
        solutions: bool = False,
    ) -> "Offer":
        """What an operator's words mean.

        Args:
            envs: ids.
            env_options: fixed for each of the environments that knows them.
            client_options: NAME or NAME=VALUE,VALUE each, likewise.
            verifiers: specifications, or NAME=SPECIFICATION where clients are to use another name (and not to see the specification).
            limits: of the server.
            solutions: see the class.

        Raises:
            UnknownNameError: there is no such environment or option.
            OptionError: nothing is served, or something is named twice or in a wrong way.
        """
        if not envs and not verifiers:
            raise OptionError("nothing to serve: name environments (--env) or verifiers (--verifier)")
        classes = {env_id: _class_of(env_id) for env_id in envs}
        known = {env_id: option_names(env_class) for env_id, env_class in classes.items()}
        choices = [Choice.parse(text) for text in client_options]
        fixed = dict(env_options or {})
        for name in [*fixed, *(choice.name for choice in choices)]:
            if not any(name in options for options in known.values()):
                raise UnknownNameError("option of the environments that are served", name, {each for options in known.values() for each in options})
        return cls(
            envs={env_id: {name: value for name, value in fixed.items() if name in options} for env_id, options in known.items()},
            choices={env_id: tuple(choice for choice in choices if choice.name in options and choice.name not in fixed) for env_id, options in known.items()},
            classes=classes,
            verifiers=_named(verifiers),
            limits=limits or Limits(),
            solutions=solutions,
        )

    def options(self, env_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """All options of an environment that a client asks for.

        Args:
            env_id: that it asks for.
            given: what it chooses.

        Raises:
            Problem: it may not.
        """
        fixed = self.envs.get(env_id)
        if fixed is None:
            raise Problem("not_offered", str(UnknownNameError("environment on this server", env_id[:200], self.envs)))
        choices = {choice.name: choice for choice in self.choices[env_id]}
        options = dict(fixed)
        for name, value in given.items():
            if name in fixed or (name not in choices and name not in ALWAYS):
                may = [name for name in (*choices, *ALWAYS) if name not in fixed]
                raise Problem("not_offered", f"clients of this server may not set {_quoted(name)} of {env_id}; they may set {', '.join(may)}")
            options[name] = self._special(env_id, name, value) if name in ALWAYS else choices[name].taken(value)
        return options

    def verifiers_for(self, env_id: str) -> dict[str, str]:
        """Specification by name of the verifiers that clients may choose for an environment: its own, and those that are served."""
        return {**{name: name for name in self.classes[env_id].default_verifiers}, **self.verifiers}

    def _special(self, env_id: str, name: str, value: Any) -> Any:
        if name == "max_steps":
            if type(value) is not int or not 1 <= value <= MOST_STEPS:
                raise Problem("bad_option", f"max_steps is a whole number from 1 to {MOST_STEPS}, got {_quoted(value)}")
            return value
        if name == "reward":
            return _reward(value)
        if value is None:
            return None
        if not isinstance(value, list):
            raise Problem("bad_option", f"verifiers is a list of names, got {_quoted(value)}")
        may = self.verifiers_for(env_id)
        return [may[_offered("verifier", each, may)] for each in cast("list[Any]", value)]


def _plain(value: Any) -> bool:
    """Whether a client's value is null, true, false or a number of a size that arithmetic bears."""
    return value is None or (isinstance(value, int | float) and abs(value) < 1e15)


def _reward(value: Any) -> Any:
    """A registered scheme, with plain options."""
    if not isinstance(value, str | dict):
        raise Problem("bad_option", f"reward is a name, or an object with an id, got {_quoted(value)}")
    given = cast("str | dict[str, Any]", value)
    name, options = split_options(given) if isinstance(given, str) else (given.get("id"), {k: v for k, v in given.items() if k != "id"})
    _offered("reward scheme", name, REWARDS.names())
    for option, each in options.items():
        if option == "verifier" and isinstance(each, str):
            if len(each) > MOST_NAME:
                raise Problem("bad_option", f"a verifier has at most {MOST_NAME} characters, got {len(each):,}")
        elif not _plain(each):
            raise Problem("bad_option", f"{_quoted(option)} of a reward scheme is a number, true, false or null, got {_quoted(each)}")
    return given


def _offered(kind: str, name: Any, known: Mapping[str, Any] | Sequence[str]) -> str:
    if not isinstance(name, str):
        raise Problem("bad_option", f"a {kind} is named by a text, got {_quoted(name)}")
    if name not in known:
        raise Problem("not_offered", str(UnknownNameError(f"{kind} on this server", name[:200], known)))
    return name


def _named(specs: Sequence[str]) -> dict[str, str]:
    """Specification by name."""
    found: dict[str, str] = {}
    for text in specs:
        name, separator, spec = text.partition("=")
        named = bool(separator) and name.replace("-", "_").isidentifier()  # `z3?timeout=2` is a specification alone
        key, value = (name, spec) if named else (text, text)
        if not value or key in found:
            raise OptionError(f"a verifier is SPECIFICATION or NAME=SPECIFICATION, each name once; got {text!r}")
        found[key] = value
    return found


def _class_of(env_id: str) -> type[StepEnv]:
    """The class of an environment."""
    env_class = load_env_creator(str(step_env_spec(env_id).entry_point))
    if not (isinstance(env_class, type) and issubclass(env_class, StepEnv)):
        raise OptionError(f"{env_id} is made by {env_class!r}, which is no class of step environments, and cannot be served")
    return env_class


def _read(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _quoted(value: Any) -> str:
    """A client's value as it is told back: in ASCII, and not all of it."""
    text = ascii(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
