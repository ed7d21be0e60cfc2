"""Our environments as TRL's `environment_factory` takes them: objects whose public methods are the tools of the agent.

Source: TRL 1.16, `GRPOTrainer` (`environment_factory`): every public method but `reset` and `get_reward` is a tool; instances are made once and reset often;
what `reset` returns is put behind the last message of the user. The attribute `rewards` has the name that TRL's own adapter of OpenReward gives it.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from prm_gym.env import StepEnv
from prm_gym.errors import ContractError, OptionError
from prm_gym.integrations.completions import reset_options
from prm_gym.integrations.episodes import EnvironmentPool, PlayedEpisode, begin
from prm_gym.integrations.packages import package
from prm_gym.tools import Tool, call_text

OVER = "The episode has ended; nothing more can be done in it."
_TYPES: dict[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool, "array": list[Any], "object": dict[str, Any]}
_TAKEN = ("reset", "get_reward", "close", "reward", "rewards", "calls", "episode", "fault")


class ToolEnvironment:
    """An environment for TRL. Its subclasses, which `environment_factory` makes, have the tools as public methods.

    Attributes:
        reward: earned so far; None where the infrastructure has spoilt the episode.
        rewards: of each step; None of one that was spoilt.
        calls: of each call of a tool the place of the step that it was; None of one after the end, which was none.
        episode: as it was recorded; None before the first `reset`, and where none could be begun.
        fault: why none could be begun; empty where one was.
    """

    _env_id: ClassVar[str]
    _env_options: ClassVar[Mapping[str, Any]]
    _instructions: ClassVar[bool]
    _pool: ClassVar[EnvironmentPool]
    _made: ClassVar[int]

    def __init__(self) -> None:
        kind = type(self)
        kind._made += 1
        self._env: StepEnv = self._pool.take(kind._made)[-1]
        self.calls: list[int | None] = []
        self.episode: PlayedEpisode | None = None
        self.fault = ""

    def reset(self, **row: Any) -> str:
        """Begin the episode of a row of the data set, and say what there is to do.

        Args:
            **row: its columns; `seed` or `task_index` says which task.

        Raises:
            OptionError: it has neither.
        """
        ((seed, options),) = reset_options({name: [value] for name, value in row.items()}, 1)
        self.calls, self.episode = [], None
        (self.fault,) = begin([self._env], [seed], [options])
        if self.fault:  # the fault is not the agent's, and not its business
            return "The environment is not available."
        self.episode = PlayedEpisode(self._env, self._env_id, self._env_options, seed, "trl")
        observation = self._env.situation.observation
        return f"{self._env.task.instructions}\n\n{observation}" if self._instructions else observation

    def get_reward(self) -> float | None:
        """What the episode has earned; one that was not brought to an end is worth what running out of steps is. None where it is not valid."""
        return None if self.episode is None else self.episode.total_reward

    @property
    def reward(self) -> float | None:
        """Sum of the rewards so far; None where the episode is not valid."""
        return sum(step.reward for step in self.episode.steps) if self.episode is not None and self.episode.valid else None

    @property
    def rewards(self) -> list[float | None]:
        """Of each step; None of one that the infrastructure spoilt, which is the last."""
        if self.episode is None:
            return []
        rewards: list[float | None] = [step.reward for step in self.episode.steps]
        return rewards if self.episode.valid else [*rewards[:-1], None]

    @classmethod
    def close(cls) -> None:
        """Close the environments of all instances, and their verifiers. TRL takes no class methods for tools."""
        cls._pool.close()

    def _act(self, text: str) -> str:
        if self.episode is None or self.episode.ended:
            self.calls.append(None)
            return OVER
        self.calls.append(len(self.episode.steps))
        self.episode.step(text)
        if not self.episode.valid:
            return OVER
        observation = self._env.situation.observation
        return f"{observation}\n{OVER}" if self.episode.ended else observation


def environment_factory(
    env_id: str, env_options: Mapping[str, Any] | None = None, *, tool: str = "step", message: str | None = None, instructions: bool = True
) -> type[ToolEnvironment]:
    """A class for TRL's `environment_factory`: its public methods are the environment's tools, or one method that takes an action text.

    The data set says by a column `seed` (or `task_index`) which task a row is about (`environment_dataset`), so that all attempts of a group are at one task.

    Args:
        env_id: a registered id.
        env_options: its keyword options; verifiers are made once and shared by all instances.
        tool: name of the method that takes an action text, where the environment has no tools.
        message: where it has tools and one may also write to somebody (a customer): name of one more tool that does so; None for none.
        instructions: what `reset` returns begins with the instructions of the task.

    Raises:
        UnknownNameError: there is no such environment.
        OptionError: a name cannot be that of a method.
    """
    options = dict(env_options or {})
    pool = EnvironmentPool(env_id, options)
    (first,) = pool.take(1)
    first.reset(seed=0)
    tools = first.tools
    methods: dict[str, Callable[..., str]] = {}
    if not tools:
        methods[tool] = _text_method(tool, "Take the next step.", "action", "The step, written as the instructions say.")
    elif message is not None:
        methods[message] = _text_method(message, "Write a message instead of calling a tool.", "text", "The message.")
    for each in tools:
        if each.name in methods:
            raise OptionError(f"{each.name!r} is a tool of {env_id} already; choose another name for the message")
        methods[each.name] = _tool_method(each)
    for name in methods:
        if not name.isidentifier() or name.startswith("_") or name in _TAKEN:
            taken = ", ".join(_TAKEN)
            raise OptionError(f"the tool {name!r} of {env_id} cannot be a method for TRL: its name has to be an identifier, and none of {taken}")
    short = env_id.rpartition("/")[2].partition("-v")[0]
    body = {"_env_id": env_id, "_env_options": options, "_instructions": instructions, "_pool": pool, "_made": 0}
    return type(f"{short}Environment", (ToolEnvironment,), {"__doc__": f"{env_id} for TRL.", **body, **methods})


def environment_dataset(numbers: Iterable[int], *, prompt: str = "", column: str = "seed") -> Any:
    """A `datasets.Dataset` with one row a task, for `environment_factory`: a chat whose last message what `reset` says is put behind.

    Args:
        numbers: seeds, or places of tasks in the environment's file.
        prompt: text of the message before that.
        column: "seed" or "task_index".

    Raises:
        MissingExtraError: the package datasets is not installed.
        OptionError: another column.
    """
    if column not in ("seed", "task_index"):
        raise OptionError(f"column is 'seed' or 'task_index', got {column!r}")
    rows = [{"prompt": [{"role": "user", "content": prompt}], column: int(number)} for number in numbers]
    return package("datasets", "trl").Dataset.from_list(rows)


def _text_method(name: str, summary: str, parameter: str, described: str) -> Callable[..., str]:
    def method(self: ToolEnvironment, **arguments: Any) -> str:
        return self._act(str(arguments.get(parameter, "")))  # pyright: ignore[reportPrivateUsage]

    return _dressed(method, name, summary, {parameter: (str, described, True)})


def _tool_method(tool: Tool) -> Callable[..., str]:
    schema = tool.arguments_schema()
    properties: dict[str, Any] = schema.get("properties", {})
    required = schema.get("required", [])
    parameters = {name: (_annotation(each), _flat(each.get("description")) or f"The {name}.", name in required) for name, each in properties.items()}
    for name in parameters:
        if not name.isidentifier():
            raise OptionError(f"the argument {name!r} of the tool {tool.name!r} cannot be one of a method")

    def method(self: ToolEnvironment, **arguments: Any) -> str:
        return self._act(call_text(tool.name, **arguments))  # pyright: ignore[reportPrivateUsage]

    return _dressed(method, tool.name, _flat(tool.description) or tool.name, parameters)


def _dressed(method: Any, name: str, summary: str, parameters: Mapping[str, tuple[Any, str, bool]]) -> Callable[..., str]:
    """A method with the signature and docstring that the tool's schema is read from; whatever a call says reaches the environment, which judges it."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    order = sorted(parameters, key=lambda each: not parameters[each][2])
    signature = [inspect.Parameter("self", kind)]
    annotations: dict[str, Any] = {}
    for each in order:
        annotation, _, required = parameters[each]
        annotations[each] = annotation if required else annotation | None
        signature.append(inspect.Parameter(each, kind, annotation=annotations[each], default=inspect.Parameter.empty if required else None))
    lines = [summary, "", *(["Args:"] if order else []), *(f"    {each}: {parameters[each][1]}" for each in order), "", "Returns:", "    What is seen then."]
    method.__name__, method.__qualname__, method.__doc__ = name, name, "\n".join(lines)
    method.__annotations__ = {**annotations, "return": str}
    method.__signature__ = inspect.Signature(signature, return_annotation=str)
    return method


def _annotation(schema: Any) -> Any:
    kind: Any = schema.get("type") if isinstance(schema, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if kind == "array":
        inner = _annotation(schema.get("items", {}))
        return list[inner]
    return _TYPES.get(kind, Any) if isinstance(kind, str) else Any


def _flat(text: Any) -> str:
    return " ".join(str(text or "").split())


def require_environment(environment: object) -> ToolEnvironment:
    """The environment, where it is one of ours.

    Raises:
        ContractError: it is not.
    """
    if not isinstance(environment, ToolEnvironment):
        raise ContractError(f"steps are known of environments of prm_gym (environment_factory), got {type(environment).__name__}")
    return environment
