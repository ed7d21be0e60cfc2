"""Playing an environment with every result checked: what `reset` and `step` return keeps the contract of `StepEnv`."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import gymnasium
import msgspec

from prm_gym.claims import Malformed, decode_claims
from prm_gym.env import StepEnv, StepResult
from prm_gym.errors import ContractError
from prm_gym.task import Task
from prm_gym.testing.requirement import as_json, first_difference, require
from prm_gym.tools import described
from prm_gym.verdict import Verdict
from prm_gym.verifier import PastStep

EnvSource: TypeAlias = str | Callable[[], gymnasium.Env[str, str]]


def make_env(make: EnvSource) -> StepEnv:
    """A new environment, without Gymnasium's wrappers.

    Raises:
        ContractError: it is no `StepEnv`.
    """
    env = gymnasium.make(make).unwrapped if isinstance(make, str) else make().unwrapped
    require(isinstance(env, StepEnv), make, "the environment is a prm_gym.StepEnv", type(env).__name__, "Derive its class from StepEnv.")
    return cast("StepEnv", env)


def env_name(env: StepEnv) -> str:
    """The registered id of an environment, or the name of its class."""
    return type(env).__name__ if env.spec is None else env.spec.id


def checked_reset(env: StepEnv, seed: int | None) -> tuple[str, dict[str, Any]]:
    """What `reset` returns, checked.

    Raises:
        ContractError: it breaks the contract.
    """
    observation, info = env.reset(seed=seed)
    _check_seen(env, observation, info)
    subject = f"{env_name(env)}, reset"
    begun = (info["verdicts"], info["outcome"], info["valid"])
    require(begun == ({}, None, True), subject, "info has no verdicts, no outcome and valid=True", begun, "Nothing has been judged yet.")
    listed = not env.tools or described(env.tools) in env.task.instructions
    require(listed, subject, "the instructions list the tools", env.task.instructions, "Put prm_gym.tools.described(tools) into them.")
    again = msgspec.json.decode(as_json(subject, env.task), type=Task)
    remedy = "Use lists instead of tuples, and texts as keys of dictionaries."
    require(again == env.task, subject, "the task is the same after storage as JSON", first_difference(env.task, again, "task"), remedy)
    return observation, info


def checked_step(env: StepEnv, action: str) -> StepResult:
    """What `step` returns, checked.

    Raises:
        ContractError: it breaks the contract.
    """
    subject = f"{env_name(env)}, step({quoted(action)})"
    state_before = env.situation.state_key
    try:
        result = env.step(action)
    except Exception as error:
        raise ContractError(
            f"{subject}: a step never raises, whatever an agent writes, got {type(error).__name__}: {error}. "
            "Claim Malformed for a text that is no step; raise EnvironmentFault where the infrastructure failed."
        ) from error
    observation, reward, terminated, truncated, info = result
    _check_seen(env, observation, info)
    flags = (terminated, truncated)
    require(all(type(flag) is bool for flag in flags) and flags != (True, True), subject, "terminated and truncated are bool, not both True", flags, "")
    outcome, ended = info["outcome"], terminated or truncated
    if info["valid"]:
        fits = (type(outcome) in (float, int) and 0.0 <= outcome <= 1.0) if ended else outcome is None
        require(fits, subject, "the outcome is in [0, 1] exactly at the end of the episode", outcome, "Give it in the Transition that terminates.")
    else:
        spoilt = (truncated, reward, outcome)
        require(spoilt == (True, 0.0, None), subject, "a spoilt episode ends truncated, with reward 0 and no outcome", spoilt, "Leave `step` to StepEnv.")
    low, high = env.reward_scheme.reward_range
    inside = type(reward) in (float, int) and (low <= reward <= high or not info["valid"])
    require(inside, subject, f"the reward is a Python number in the scheme's reward_range [{low}, {high}]", reward, "Widen reward_range, or call float().")
    ids, verdicts = {verifier.id for verifier in env.verifiers}, info["verdicts"]
    judged = set(verdicts) == ids and all(isinstance(verdict, Verdict) for verdict in verdicts.values())
    require(judged, subject, f"a Verdict of each of the verifiers {sorted(ids)}", verdicts, "Leave `step` to StepEnv.")
    past = env.past_steps[-1]
    listed = not env.tools or described(env.tools) in env.task.instructions
    require(listed, subject, "the instructions list the tools", env.task.instructions, "Put prm_gym.tools.described(tools) into them.")
    again = msgspec.json.decode(as_json(subject, past), type=PastStep, dec_hook=decode_claims)
    remedy = "Let claims hold JSON values and nested structs alone."
    require(again == past, subject, "its claims are the same after storage as JSON", first_difference(past, again, "step"), remedy)
    if info["valid"] and is_malformed(env):
        unchanged = env.situation.state_key == state_before and not terminated
        require(unchanged, subject, "a Malformed step changes nothing and ends nothing", "another state_key or an end", "Return the situation as it was.")
    return result


def checked_play(env: StepEnv, actions: Sequence[str]) -> list[StepResult]:
    """The results of the actions, up to the end of the episode."""
    results: list[StepResult] = []
    for action in actions:
        results.append(checked_step(env, action))
        if results[-1][2] or results[-1][3]:
            break
    return results


def is_malformed(env: StepEnv) -> bool:
    """Whether the last step was no step: it holds a `Malformed` claim."""
    return any(isinstance(claim, Malformed) for claim in env.past_steps[-1].claims)


def quoted(action: str) -> str:
    """An action as messages show it: cut after 60 characters, in ASCII."""
    return ascii(action if len(action) <= 60 else action[:60] + "...")


def _check_seen(env: StepEnv, observation: object, info: dict[str, Any]) -> None:
    """What reset and step have in common."""
    subject = f"{env_name(env)}, reset" if not env.past_steps else f"{env_name(env)}, step({quoted(env.past_steps[-1].action)})"
    fits = observation in env.observation_space and observation == env.situation.observation
    require(fits, subject, "the observation is a text of the space, and that of the situation", observation, "Let begin and advance return it.")
    types: dict[str, type] = {"task_key": str, "state_key": str, "actions": tuple, "verdicts": dict, "valid": bool}
    wrong = [key for key, kind in types.items() if not isinstance(info.get(key), kind)] + ["outcome"] * ("outcome" not in info)
    require(not wrong, subject, "info has the keys and types that StepEnv documents", f"none or another type under {wrong}", "Add to info, never replace it.")
    keys = (info["task_key"], info["state_key"])
    remedy = "Use task.key and situation.state_key; content_key makes good ones."
    require(keys == (env.task.key, env.situation.state_key) and all(keys), subject, "the keys in info are those of the task and situation", keys, remedy)
    actions: tuple[Any, ...] = info["actions"]
    listed = all(isinstance(action, str) and action in env.action_space for action in actions) and len(set(actions)) == len(actions)
    require(listed, subject, "the listed actions are distinct texts of the action space", actions, "Remove doubles with dict.fromkeys.")
