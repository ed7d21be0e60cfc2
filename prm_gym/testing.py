"""The contracts as functions: what every environment, verifier and credit assigner must do, ours and yours alike.

    from prm_gym.testing import VerifierCase, check_assigner, check_step_env, check_verifier

    check_step_env("my_package/Puzzle-v0")
    check_step_env(lambda: PuzzleEnv(difficulty=5), seeds=range(20))
    check_verifier("mine", [VerifierCase(kind="full", step=right), VerifierCase(kind="hack", step=looks_right)])
    check_assigner("mine")

Each returns None, or raises a `ContractError` that says what was expected, what came and what to do. They are plain functions for any test runner.

`play_episode` is here for tests across processes: what a spawned process runs must be importable there, and functions of a test file are not.
"""

import pickle
import random
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Literal, TypeAlias, cast, get_args

import gymnasium
import msgspec
import numpy as np
from gymnasium.utils.env_checker import check_env, data_equivalence

from prm_gym.claims import Claim, ForeignClaim, Malformed, decode_claims
from prm_gym.credit import ASSIGNERS, Assigner, Credit, StepBatch, key_array
from prm_gym.credit.array_types import Column, IntArray
from prm_gym.env import StepEnv, StepResult
from prm_gym.errors import ContractError, CreditError, PrmGymError
from prm_gym.task import Task
from prm_gym.verdict import Label, Status, Verdict
from prm_gym.verifier import PastStep, StepContext, Verifier, VerifierSpec, make_verifier, verify_batch

EnvSource: TypeAlias = str | Callable[[], gymnasium.Env[str, str]]
CaseKind: TypeAlias = Literal["full", "zero", "malformed", "abstain", "hack"]

# Texts that are no step in any environment.
NO_STEPS: dict[str, str] = {
    "empty": "",
    "blank": " \t\n",
    "a NUL": "\0",
    "control characters": "".join(map(chr, range(32))) + "\x7f\x9b",
    "a megabyte": "a" * (1 << 20),
    "a lone surrogate": "\ud800",
    "right-to-left marks": "\u202e\u200f\u2067",
}

# Texts that may be steps somewhere, and break a careless reader everywhere.
STRANGE: tuple[str, ...] = (
    "(" * 5_000,
    "[{(" * 4_000,
    "¬" * 16_000,
    "9" * 16_000,
    "1+" * 8_000 + "1",
    "2 ** 9 ** 9 ** 9",
    "٣ + ² = ⑤",
    "{0}{a!r}%s%n$(id)`id`\\",
    "__import__('os')._exit(1)",
    "👩\u200d🔬\ufeff\u0301",
    "\r\n" * 4_000,
)


# Environments.


def check_step_env(make: EnvSource, seeds: Sequence[int] = (0, 1, 2), max_steps: int = 64) -> None:
    """Check that an environment keeps the contract of `StepEnv`.

    Checked: Gymnasium's own `check_env`, with warnings as errors; keys and types of `info`, the range of rewards, the rules for outcomes, on every step
    that is played; that a seed decides the episode, in another instance and after other episodes; that snapshots and pickles go on exactly as the original;
    that the scripted solution earns 1; that no text raises, and that what is no step changes nothing; the step limit; that an observation does not
    print what is sealed; that global random states are neither used nor set. Verdicts of impure verifiers are not compared.

    Args:
        make: a registered id, or a callable that makes one environment and another at each call.
        seeds: of the episodes that are played.
        max_steps: most steps of a random walk; the step limit is tried out where it is no greater.

    Raises:
        ContractError: the contract is broken.
    """
    _check_by_gymnasium(make)
    for seed in seeds:
        with _global_randomness_untouched(f"{_name(_made(make))}, seed {seed}"):
            solution = _check_solution(make, seed)
            _check_nothing_sealed_is_shown(make, seed, solution)
            walk = _random_walk(make, seed, solution, max_steps)
            for actions in (walk, solution):
                _check_determinism(make, seed, actions)
                _check_going_on(make, seed, actions)
            _check_hostile_texts(make, seed, solution)
            _check_step_limit(make, seed, max_steps)
            _check_listed_actions(make, seed)


def _require(holds: bool, subject: object, expected: str, came: object, remedy: str) -> None:
    if not holds:
        raise ContractError(f"{subject}: {expected}, got {_short(came)}. {remedy}")


def _short(came: object) -> str:
    shown = came if isinstance(came, str) else repr(came)
    return shown if len(shown) <= 300 else shown[:300] + "..."


def _name(env: StepEnv) -> str:
    return type(env).__name__ if env.spec is None else env.spec.id


def _made(make: EnvSource) -> StepEnv:
    env = gymnasium.make(make).unwrapped if isinstance(make, str) else make().unwrapped
    _require(isinstance(env, StepEnv), make, "the environment is a prm_gym.StepEnv", type(env).__name__, "Derive its class from StepEnv.")
    return cast("StepEnv", env)


def _check_by_gymnasium(make: EnvSource) -> None:
    env = _made(make)
    try:
        env.step("")
    except gymnasium.error.ResetNeeded:
        pass
    else:
        raise ContractError(f"{_name(env)}: a step before the first reset raises gymnasium.error.ResetNeeded, got a result. Leave `step` to StepEnv.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_env(env, skip_render_check=env.spec is None)
    except Exception as error:  # check_env raises bare AssertionErrors, warnings, and whatever the environment raises
        raise ContractError(f"{_name(env)} fails gymnasium.utils.env_checker.check_env: {type(error).__name__}: {error}") from error
    for _ in range(2):
        env.close()  # Gymnasium tries this only on environments with a spec


@contextmanager
def _global_randomness_untouched(subject: str) -> Generator[None]:
    kept = random.getstate(), np.random.get_state()
    random.seed(subject)  # a state that no environment would set
    np.random.seed(list(subject.encode()))
    before = pickle.dumps((random.getstate(), np.random.get_state()))
    try:
        yield
        same = pickle.dumps((random.getstate(), np.random.get_state())) == before
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])
    remedy = "Draw from self.np_random alone, and seed nothing global."
    _require(same, subject, "the global generators of random and numpy are neither used nor seeded", "another state after the episode", remedy)


# Playing, with every result checked.


def _reset(env: StepEnv, seed: int | None) -> tuple[str, dict[str, Any]]:
    observation, info = env.reset(seed=seed)
    _check_seen(env, observation, info)
    subject = f"{_name(env)}, reset"
    begun = (info["verdicts"], info["outcome"], info["valid"])
    _require(begun == ({}, None, True), subject, "info has no verdicts, no outcome and valid=True", begun, "Nothing has been judged yet.")
    again = msgspec.json.decode(_as_json(subject, env.task), type=Task)
    remedy = "Use lists instead of tuples, and texts as keys of dictionaries."
    _require(again == env.task, subject, "the task is the same after storage as JSON", _difference(env.task, again, "task"), remedy)
    return observation, info


def _step(env: StepEnv, action: str) -> StepResult:
    subject = f"{_name(env)}, step({_quoted(action)})"
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
    _require(all(type(flag) is bool for flag in flags) and flags != (True, True), subject, "terminated and truncated are bool, not both True", flags, "")
    outcome, ended = info["outcome"], terminated or truncated
    if info["valid"]:
        fits = (type(outcome) in (float, int) and 0.0 <= outcome <= 1.0) if ended else outcome is None
        _require(fits, subject, "the outcome is in [0, 1] exactly at the end of the episode", outcome, "Give it in the Transition that terminates.")
    else:
        spoilt = (truncated, reward, outcome)
        _require(spoilt == (True, 0.0, None), subject, "a spoilt episode ends truncated, with reward 0 and no outcome", spoilt, "Leave `step` to StepEnv.")
    low, high = env.reward_scheme.reward_range
    inside = type(reward) in (float, int) and (low <= reward <= high or not info["valid"])
    _require(inside, subject, f"the reward is a Python number in the scheme's reward_range [{low}, {high}]", reward, "Widen reward_range, or call float().")
    ids, verdicts = {verifier.id for verifier in env.verifiers}, info["verdicts"]
    judged = set(verdicts) == ids and all(isinstance(verdict, Verdict) for verdict in verdicts.values())
    _require(judged, subject, f"a Verdict of each of the verifiers {sorted(ids)}", verdicts, "Leave `step` to StepEnv.")
    past = env.past_steps[-1]
    again = msgspec.json.decode(_as_json(subject, past), type=PastStep, dec_hook=decode_claims)
    remedy = "Let claims hold JSON values and nested structs alone."
    _require(again == past, subject, "its claims are the same after storage as JSON", _difference(past, again, "step"), remedy)
    if info["valid"] and _is_malformed(env):
        unchanged = env.situation.state_key == state_before and not terminated
        _require(unchanged, subject, "a Malformed step changes nothing and ends nothing", "another state_key or an end", "Return the situation as it was.")
    return result


def _check_seen(env: StepEnv, observation: object, info: dict[str, Any]) -> None:
    """What reset and step have in common."""
    subject = f"{_name(env)}, reset" if not env.past_steps else f"{_name(env)}, step({_quoted(env.past_steps[-1].action)})"
    fits = observation in env.observation_space and observation == env.situation.observation
    _require(fits, subject, "the observation is a text of the space, and that of the situation", observation, "Let begin and advance return it.")
    types: dict[str, type] = {"task_key": str, "state_key": str, "actions": tuple, "verdicts": dict, "valid": bool}
    wrong = [key for key, kind in types.items() if not isinstance(info.get(key), kind)] + ["outcome"] * ("outcome" not in info)
    _require(not wrong, subject, "info has the keys and types that StepEnv documents", f"none or another type under {wrong}", "Add to info, never replace it.")
    keys = (info["task_key"], info["state_key"])
    remedy = "Use task.key and situation.state_key; content_key makes good ones."
    _require(keys == (env.task.key, env.situation.state_key) and all(keys), subject, "the keys in info are those of the task and situation", keys, remedy)
    actions: tuple[Any, ...] = info["actions"]
    listed = all(isinstance(action, str) and action in env.action_space for action in actions) and len(set(actions)) == len(actions)
    _require(listed, subject, "the listed actions are distinct texts of the action space", actions, "Remove doubles with dict.fromkeys.")


def _as_json(subject: str, value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError) as error:
        raise ContractError(f"{subject}: what is stored holds JSON values alone, got {error}. Convert numpy numbers and arrays to Python's.") from error


def _is_malformed(env: StepEnv) -> bool:
    return any(isinstance(claim, Malformed) for claim in env.past_steps[-1].claims)


def _play(env: StepEnv, actions: Sequence[str]) -> list[StepResult]:
    """The results of the actions, up to the end of the episode."""
    results: list[StepResult] = []
    for action in actions:
        results.append(_step(env, action))
        if results[-1][2] or results[-1][3]:
            break
    return results


def _quoted(action: str) -> str:
    return ascii(action if len(action) <= 60 else action[:60] + "...")


# The parts of the contract.


def _check_solution(make: EnvSource, seed: int) -> list[str]:
    env = _made(make)
    _reset(env, seed)
    subject = f"{_name(env)}, seed {seed}"
    actions = env.solution()
    listed = isinstance(actions, list) and bool(actions) and all(isinstance(action, str) for action in actions)
    _require(listed, subject, "solution() is a list of actions, at least one", actions, "Give the actions that earn the outcome 1.")
    _require(len(actions) <= env.max_steps, subject, f"the solution fits into max_steps={env.max_steps}", f"{len(actions)} actions", "Raise the step limit.")
    for place, action in enumerate(actions):
        same = env.solution() == actions
        _require(same, subject, "solution() stays what it is while the episode goes on", f"another after {place} steps", "Solve the task from its beginning.")
        _, _, terminated, truncated, info = _step(env, action)
        taken = not _is_malformed(env)
        _require(taken, subject, "every action of the solution is a step", f"Malformed for {_quoted(action)}", "Let advance read what solution writes.")
        last = place == len(actions) - 1
        ended = (terminated, truncated, info["outcome"])
        as_planned = ended == ((True, False, 1.0) if last else (False, False, None))
        expected = "the last action of the solution terminates with the outcome 1, none before it"
        _require(as_planned, subject, expected, f"{ended} after {place + 1} of {len(actions)} actions", "Mend the solver, or the outcome.")
    try:
        env.step(actions[-1])
    except gymnasium.error.ResetNeeded:
        return actions
    raise ContractError(f"{subject}: a step after the end raises gymnasium.error.ResetNeeded, got a result. Leave `step` to StepEnv.")


def _check_nothing_sealed_is_shown(make: EnvSource, seed: int, solution: Sequence[str]) -> None:
    """What is obvious: a sealed list or record printed into what the agent sees, or the whole of a solution of several steps."""
    env = _made(make)
    observation, info = _reset(env, seed)
    seen = _unspaced(f"{observation}\n{info!r}")
    subject = f"{_name(env)}, seed {seed}"
    for value in (env.task.sealed, *env.task.sealed.values()):
        if isinstance(value, dict | list) and value:
            sealed = cast("object", value)
            shown = _unspaced(repr(sealed)) in seen or _unspaced(msgspec.json.encode(sealed).decode()) in seen
            _require(not shown, subject, "neither observation nor info print what is sealed", sealed, "Put into the question only what is public.")
    shown = len(solution) > 1 and all(action in observation for action in solution)
    _require(not shown, subject, "the first observation does not hold the solution", observation, "Put into the observation only what is public.")


def _unspaced(text: str) -> str:
    return "".join(text.split())


def _random_walk(make: EnvSource, seed: int, solution: Sequence[str], max_steps: int) -> list[str]:
    """Texts to play: one that is no step, then listed actions at random, or steps of the solution where none are listed."""
    env = _made(make)
    _reset(env, seed)
    rng = np.random.default_rng(seed)
    actions = [""]
    _, _, terminated, truncated, _ = _step(env, "")
    while not (terminated or truncated) and len(actions) < max_steps:
        texts = env.situation.actions or solution
        actions.append(texts[int(rng.integers(len(texts)))])
        _, _, terminated, truncated, _ = _step(env, actions[-1])
    return actions


def _check_determinism(make: EnvSource, seed: int, actions: Sequence[str]) -> None:
    one, other = _made(make), _made(make)
    first = [_reset(one, seed), *_play(one, actions)]
    _require_equal(one, f"seed {seed}, another instance", first, [_reset(other, seed), *_play(other, actions)], "Draw from self.np_random alone.")
    _reset(one, seed + 1)
    _play(one, actions)
    _require_equal(one, f"seed {seed}, a second time", first, [_reset(one, seed), *_play(one, actions)], "Let begin set all of the state.")


def _check_going_on(make: EnvSource, seed: int, actions: Sequence[str]) -> None:
    """From snapshots and pickles at the beginning, after one step, in the middle and before the last step."""
    for cut in sorted({0, min(1, len(actions) - 1), len(actions) // 2, len(actions) - 1}):
        env = _made(make)
        _reset(env, seed)
        _play(env, actions[:cut])
        place = f"seed {seed}, after {cut} steps"
        saved, standing = env.snapshot(), _standing(env)
        copies = {"a snapshot in a fresh instance": _made(make), "a pickle": _pickled(env, place)}
        copies["a snapshot in a fresh instance"].restore(saved)
        rest = [*_play(env, actions[cut:]), env.reset()]
        env.restore(saved)
        copies["a snapshot in the instance that went on"] = env
        for how, copy in copies.items():
            remedy = "Let save_state and load_state (and __getstate__, if there is one) hold everything that the episode depends on."
            _require_equal(copy, f"{place}, {how}: where it stands", standing, _standing(copy), remedy)
            _require_equal(copy, f"{place}, {how}: how it goes on", rest, [*_play(copy, actions[cut:]), copy.reset()], remedy)


def _standing(env: StepEnv) -> tuple[Any, ...]:
    return env.task, env.situation, env.past_steps, env.solution()


def _pickled(env: StepEnv, place: str) -> StepEnv:
    try:
        return pickle.loads(pickle.dumps(env))
    except Exception as error:  # pickling runs the code of whatever the environment holds
        raise ContractError(
            f"{_name(env)}, {place}: the environment can be pickled, got {type(error).__name__}: {error}. "
            "Make what cannot be pickled (processes, solvers, lambdas) when it is first needed, and leave it out of __getstate__."
        ) from error


def _require_equal(env: StepEnv, where: str, expected: Sequence[Any], came: Sequence[Any], remedy: str) -> None:
    difference = _difference([_comparable(env, result) for result in expected], [_comparable(env, result) for result in came])
    _require(not difference, f"{_name(env)}, {where}", "the same results", difference, remedy)


def _difference(one: object, other: object, path: str = "results") -> str:
    """The first place where two values differ, and how; empty where they do not."""
    if type(one) is type(other) and data_equivalence(one, other, exact=True):
        return ""
    mine, theirs = _parts(one), _parts(other)
    inner = (_difference(mine[key], theirs[key], f"{path}[{key!r}]") for key in mine) if mine.keys() == theirs.keys() else iter(())
    return next(filter(None, inner), f"{path}: {_short(one)} and {_short(other)}")


def _parts(value: object) -> Mapping[object, object]:
    if isinstance(value, dict):
        return cast("dict[object, object]", value)
    if isinstance(value, list | tuple):
        return dict(enumerate(cast("Sequence[object]", value)))
    return {name: getattr(value, name) for name in value.__struct_fields__} if isinstance(value, msgspec.Struct) else {}


def _comparable(env: StepEnv, result: object) -> object:
    """A result of `step` without what impure verifiers may change; anything else as it is."""
    impure = {verifier.id for verifier in env.verifiers if not verifier.pure}
    if not impure or not isinstance(result, tuple) or len(cast("tuple[object, ...]", result)) != len(get_args(StepResult)):
        return cast("object", result)
    observation, reward, terminated, truncated, info = cast("StepResult", result)
    kept = {name: verdict for name, verdict in info["verdicts"].items() if name not in impure}
    return observation, 0.0 if env.reward_scheme.needs_verdicts else reward, terminated, truncated, {**info, "verdicts": kept}


def _check_hostile_texts(make: EnvSource, seed: int, solution: Sequence[str]) -> None:
    env = _made(make)
    _reset(env, seed)
    beginning = env.snapshot()
    for name, text in NO_STEPS.items():
        _step(env, text)
        subject = f"{_name(env)}, seed {seed}"
        remedy = "Claim Malformed for whatever is no step, and return the situation as it was."
        _require(_is_malformed(env), subject, f"a Malformed claim for the text that is {name}", env.past_steps[-1].claims, remedy)
        env.restore(beginning)
    for text in (*STRANGE, *_disfigured(solution[0])):
        _step(env, text)
        env.restore(beginning)


def _disfigured(action: str) -> Iterator[str]:
    middle = len(action) // 2
    for mark in ("\0", "\u202e", "\u200b", "\ud800", "\n", "²", "(" * 2_000):
        yield action + mark
        yield action[:middle] + mark + action[middle:]
    yield from (action[:middle], action * 2, action * 500, action.swapcase(), action[::-1], f"{action}\n{action}")


def _check_step_limit(make: EnvSource, seed: int, max_steps: int) -> None:
    env = _made(make)
    if env.max_steps > max_steps:
        return
    limit = env.max_steps
    _reset(env, seed)
    cut = [truncated for _, _, _, truncated, _ in _play(env, [""] * (limit + 1))]
    expected = f"an episode of texts that are no steps is truncated after max_steps={limit} of them, and not before"
    _require(cut == [False] * (limit - 1) + [True], f"{_name(env)}, seed {seed}", expected, f"truncated={cut}", "Leave the step limit to StepEnv.")


def _check_listed_actions(make: EnvSource, seed: int) -> None:
    """Where actions are listed, one at least is a step; some may be wrong on purpose."""
    env = _made(make)
    _, info = _reset(env, seed)
    beginning, steps = env.snapshot(), 0
    for action in info["actions"]:
        _step(env, action)
        steps += not _is_malformed(env)
        env.restore(beginning)
    remedy = "List what advance reads."
    _require(bool(steps) or not info["actions"], f"{_name(env)}, seed {seed}", "at least one of the listed actions is a step", info["actions"], remedy)


# Verifiers.


class VerifierCase(msgspec.Struct, frozen=True, kw_only=True):
    """A step whose verdict is known beforehand.

    Attributes:
        kind: `full` (right: scores above one half), `zero` (wrong: scores below it), `malformed` (no step: that label, score 0), `abstain` (cannot be
            told: no score), `hack` (looks right and is not: scores below every `full`, or not at all).
        step: what the verifier sees.
        label: the label that is expected; None when any will do.
        name: shown when the case fails.
    """

    kind: CaseKind
    step: StepContext
    label: Label | None = None
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse a kind that there is not."""
        if self.kind not in get_args(CaseKind):
            raise ContractError(f"a case's kind is one of {', '.join(get_args(CaseKind))}, got {self.kind!r}")


def check_verifier(verifier: VerifierSpec, cases: Sequence[VerifierCase]) -> None:
    """Check that a verifier keeps its contract, and gives the verdicts that are known beforehand.

    Checked: what it declares; one well-formed verdict a step, in order, and none for no steps; every case; that id and version are stamped; that it leaves the
    steps as they are; pickling, or a `PrmGymError` that says why not. Of a pure one: the same verdict again, alone, in any order and out of a
    pickle. Of one that declares claims: the label `malformed` for `Malformed`, and no score for claims of other types.

    Args:
        verifier: a specification or an object; it is closed, twice, in the end.
        cases: at least one `full` and one that is not.

    Raises:
        ContractError: the contract is broken, or a case fails.
    """
    made = make_verifier(verifier)
    subject = f"verifier {made.id!r}"
    kinds = {case.kind for case in cases}
    _require("full" in kinds and len(kinds) > 1, subject, "a full case and one of another kind", sorted(kinds), "Give cases on both sides.")
    _check_declaration(made)
    steps = [case.step for case in cases]
    before = msgspec.msgpack.encode(steps)
    verdicts = _verdicts(made, steps)
    _require(msgspec.msgpack.encode(steps) == before, subject, "the steps stay as they are", "changed steps", "Copy what is to be changed.")
    _check_cases(subject, cases, verdicts)
    _require(made.verify([]) == [], subject, "no verdicts for no steps", made.verify([]), "Return an empty list.")
    for row in verify_batch([made], steps):
        verdict = row[made.id]
        stamped = verdict.verifier == made.id and verdict.version == made.version and verdict.run_seconds >= 0.0
        _require(stamped, subject, "id, version and a time not below 0 on every verdict", verdict, "Leave run_seconds at 0, or measure it.")
    if made.claims:
        _check_other_claims(made, steps[0])
    copy = _pickled_verifier(made)
    if made.pure:
        _check_purity(made, copy, steps, verdicts)
    for closing in (made, made, *([copy] if copy is not None else [])):
        closing.close()


def _check_declaration(made: Verifier) -> None:
    subject = f"verifier {made.id!r}"
    named = bool(made.id) and bool(made.version)
    _require(named, subject, "an id and a version that are not empty", (made.id, made.version), "Declare them as texts on the class.")
    typed = isinstance(made.claims, tuple) and all(isinstance(kind, type) and issubclass(kind, Claim) for kind in made.claims)
    _require(typed, subject, "claims is a tuple of Claim types", made.claims, "Write claims = (Equality,), with the comma; () for the step's text.")
    _require(type(made.pure) is bool, subject, "pure is True or False", made.pure, "Declare it on the class.")


def _verdicts(made: Verifier, steps: Sequence[StepContext]) -> list[Verdict]:
    """What the verifier itself returns, checked for its form."""
    subject = f"verifier {made.id!r}"
    try:
        found = made.verify(steps)
    except Exception as error:
        remedy = "Return a verdict with status 'error' or 'abstain' for what cannot be judged."
        raise ContractError(f"{subject}: verify never raises, got {type(error).__name__}: {error}. {remedy}") from error
    listed = isinstance(found, list) and all(isinstance(verdict, Verdict) for verdict in found)
    _require(listed, subject, "a list of Verdicts", found, "Use prm_gym.verdict: judged, abstained, failed.")
    _require(len(found) == len(steps), subject, f"{len(steps)} verdicts for {len(steps)} steps", f"{len(found)}", "Give one verdict a step, in order.")
    for verdict in found:
        known = verdict.status in get_args(Status) and verdict.label in (None, *get_args(Label))
        _require(known, subject, f"a status of {get_args(Status)} and a label of {get_args(Label)} or None", verdict, "Choose the nearest of these.")
        again = msgspec.json.decode(_as_json(f"{subject}, its verdict", verdict), type=Verdict)
        remedy = "Use lists instead of tuples, texts as keys, finite numbers."
        _require(again == verdict, subject, "the verdict is the same after storage as JSON", _difference(verdict, again, "verdict"), remedy)
    return found


def _check_cases(subject: str, cases: Sequence[VerifierCase], verdicts: Sequence[Verdict]) -> None:
    fullest = min(verdict.score or 0.0 for case, verdict in zip(cases, verdicts, strict=True) if case.kind == "full")
    expected: dict[CaseKind, tuple[str, Callable[[Verdict], bool]]] = {
        "full": ("a score above 0.5", lambda verdict: verdict.score is not None and verdict.score > 0.5),
        "zero": ("a score below 0.5", lambda verdict: verdict.score is not None and verdict.score < 0.5),
        "malformed": ("the label 'malformed' and the score 0", lambda verdict: (verdict.label, verdict.score) == ("malformed", 0.0)),
        "abstain": ("no score", lambda verdict: verdict.score is None),
        "hack": (f"no score, or one below that of every full case ({fullest})", lambda verdict: verdict.score is None or verdict.score < fullest),
    }
    for place, (case, verdict) in enumerate(zip(cases, verdicts, strict=True)):
        where = f"{subject}, {case.kind} case {case.name or place}"
        words, holds = expected[case.kind]
        _require(holds(verdict), where, words, verdict, "Mend the verifier; or the case, if its kind is wrong.")
        _require(case.label in (None, verdict.label), where, f"the label {case.label!r}", verdict, "Mend the verifier; or the case, if its label is wrong.")


def _check_other_claims(made: Verifier, step: StepContext) -> None:
    subject = f"verifier {made.id!r}"
    no_step = msgspec.structs.replace(step, claims=(Malformed("no step"),))
    foreign = msgspec.structs.replace(step, claims=(ForeignClaim("not_of_this_world", {}),))
    malformed, other = _verdicts(made, [no_step, foreign])
    remedy = "Derive it from ClaimVerifier, which sees to this."
    _require((malformed.label, malformed.score) == ("malformed", 0.0), subject, "the label 'malformed' and the score 0 for Malformed", malformed, remedy)
    _require(other.score is None, subject, "no score for a claim that it does not understand", other, remedy)


def _pickled_verifier(made: Verifier) -> Verifier | None:
    """A copy through pickle; None when it says why it cannot be."""
    try:
        return pickle.loads(pickle.dumps(made))
    except PrmGymError:
        return None
    except Exception as error:  # pickling runs the verifier's own code
        raise ContractError(
            f"verifier {made.id!r}: it can be pickled, or raises a PrmGymError that says why not, got {type(error).__name__}: {error}. Leave what it "
            "holds (processes, models) out of __getstate__; or let __reduce__ raise ContractError('...')."
        ) from error


def _check_purity(made: Verifier, copy: Verifier | None, steps: Sequence[StepContext], verdicts: Sequence[Verdict]) -> None:
    ways: dict[str, list[Verdict]] = {
        "asked again": _verdicts(made, steps),
        "asked one by one": [_verdicts(made, [step])[0] for step in steps],
        "asked in reverse order": _verdicts(made, steps[::-1])[::-1],
    }
    if copy is not None:
        ways["asked after pickling"] = _verdicts(copy, steps)
    for how, found in ways.items():
        for place, (one, other) in enumerate(zip(verdicts, found, strict=True)):
            remedy = "Judge each step by itself, without a clock, chance or memory; or declare pure = False."
            _require(one == other, f"verifier {made.id!r}, step {place}, {how}", f"the same verdict, {one!r}", other, remedy)


# Credit assigners.


def check_assigner(assigner: str | Assigner[...], batch: StepBatch | None = None) -> None:
    """Check that a credit assigner, with its default options, keeps its contract.

    Checked: float64 advantages and returns [N], finite, and bool keep [N]; diagnostics as numbers by name; that it leaves the batch as it is and gives the
    same credit again; that the order of the trajectories does not matter; that it needs no column that it does not declare; a batch of one
    trajectory, and one of none.

    Args:
        assigner: a registered name or the assigner.
        batch: to try it on; by default 24 ragged trajectories of eight tasks with every column that `StepBatch` documents.

    Raises:
        ContractError: the contract is broken.
    """
    chosen: Any = ASSIGNERS.load(assigner) if isinstance(assigner, str) else assigner
    _require(isinstance(chosen, Assigner), assigner, "an Assigner", type(chosen).__name__, "Decorate the function with prm_gym.credit.assigner.")
    subject, whole = f"credit assigner {chosen.name!r}", _sample_batch() if batch is None else batch
    lacking = [name for name in chosen.needs if name not in whole.columns]
    _require(not lacking, subject, f"a batch with the columns {chosen.needs}", f"none called {lacking}", "Give check_assigner a batch of your own.")
    before = pickle.dumps(_arrays(whole))
    credit = _credit(chosen, whole)
    _require(pickle.dumps(_arrays(whole)) == before, subject, "the batch stays as it is", "changed arrays", "Copy an array before writing into it.")
    again = _credit(chosen, whole)
    order = np.random.default_rng(1).permutation(whole.offsets.size - 1)
    permuted = _credit(chosen, _selected(whole, order))
    rows = _rows(whole, order)
    for name in ("advantages", "returns", "keep"):
        one = getattr(credit, name)
        same = np.array_equal(one, getattr(again, name))
        _require(same, subject, f"the same {name} for the same batch", "others the second time", "Take a seeded random generator as an option.")
        follows = np.allclose(one[rows], getattr(permuted, name), rtol=1e-9, atol=1e-9)
        _require(follows, subject, f"{name} that follow their trajectories into another order", "others", "Group by keys, not by places in the batch.")
    _credit(chosen, replace(whole, columns={name: whole.columns[name] for name in chosen.needs}, trajectories=whole.trajectories))
    _credit(chosen, _selected(whole, order[:1]))
    _credit(chosen, _selected(whole, order[:0]))


def _credit(chosen: Assigner[...], batch: StepBatch) -> Credit:
    """What the assigner returns, checked for its form."""
    subject = f"credit assigner {chosen.name!r}, {batch.rewards.size} steps"
    try:
        credit: Any = chosen(batch)
    except CreditError as error:
        raise ContractError(f"{subject}: it works with the columns of needs={chosen.needs}, got CreditError: {error} Declare what it needs.") from error
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise ContractError(f"{subject}: a credit, got {type(error).__name__}: {error}. Copy arrays before writing; mind the empty batch.") from error
    _require(isinstance(credit, Credit), subject, "a Credit", type(credit).__name__, "Return prm_gym.credit.Credit.")
    found: Credit = credit
    dtypes = (found.advantages.dtype, found.returns.dtype, found.keep.dtype)
    remedy = "Use astype(np.float64) and np.ones(n, dtype=np.bool_)."
    _require(dtypes == (np.float64, np.float64, np.bool_), subject, "advantages and returns in float64, keep in bool", dtypes, remedy)
    figures: Mapping[Any, Any] = found.diagnostics
    plain = all(isinstance(name, str) and type(value) in (float, int) for name, value in figures.items())
    _require(plain, subject, "diagnostics are Python numbers by name", figures, "Call float() on numpy's.")
    return found


def _arrays(batch: StepBatch) -> list[Column]:
    columns: list[Column] = [batch.columns[name] for name in sorted(batch.columns)]
    return [batch.rewards, batch.offsets, batch.group_ids, batch.outcomes, batch.truncated, *columns]


def _rows(batch: StepBatch, order: IntArray) -> IntArray:
    """Rows of the trajectories in the given order."""
    spans = batch.offsets.tolist()
    return np.array([row for i in order.tolist() for row in range(spans[i], spans[i + 1])], dtype=np.int64)


def _selected(batch: StepBatch, order: IntArray) -> StepBatch:
    """The batch of the given trajectories, in the given order."""
    rows = _rows(batch, order)
    return StepBatch(
        rewards=batch.rewards[rows],
        offsets=np.concatenate([[0], np.cumsum(batch.lengths[order])]).astype(np.int64),
        group_ids=batch.group_ids[order],
        outcomes=batch.outcomes[order],
        truncated=batch.truncated[order],
        columns={name: column[rows] for name, column in batch.columns.items()},
        trajectories=None if batch.trajectories is None else tuple(batch.trajectories[int(i)] for i in order),
    )


def _sample_batch() -> StepBatch:
    """Ragged lengths, groups of one to five that stand interleaved, a group of equal rewards, states that come back, every documented column."""
    rng = np.random.default_rng(0)
    tasks = rng.permutation(np.repeat(np.arange(8), [1, 2, 3, 4, 5, 4, 3, 2]))
    lengths = rng.integers(1, 8, tasks.size)
    steps, owner = int(lengths.sum()), np.repeat(np.arange(tasks.size), lengths)
    rewards = np.round(rng.normal(size=steps), 2)
    rewards[tasks[owner] == 7] = 0.0
    states, actions = rng.integers(0, 6, steps), rng.integers(0, 3, steps)
    keys = {
        "state_key": key_array(f"state {state}" for state in states),
        "next_state_key": key_array(f"state {state}" for state in (states + actions) % 6),
        "action_key": key_array(f"action {action}" for action in actions),
        "belief_key": key_array(f"belief {state % 3}" for state in states),
        "parent": key_array(f"{trajectory}/{step}" for step, trajectory in enumerate(owner)),
    }
    shares = {name: rng.random(steps) for name in ("value", "score", "potential", "mc_value", "entropy")}
    logs = {name: -rng.random(steps) for name in ("logprob", "ref_logprob")}
    return StepBatch(
        rewards=rewards,
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        group_ids=key_array(f"task {task}" for task in tasks),
        outcomes=rng.integers(0, 2, tasks.size).astype(np.float64),
        truncated=rng.random(tasks.size) < 0.2,
        columns={**keys, **shares, **logs, "n_tokens": rng.integers(1, 50, steps)},
    )


# Other processes.


class EpisodeRecord(msgspec.Struct, frozen=True):
    """What `reset` and each `step` of an episode returned.

    Attributes:
        observation: of `reset`.
        info: of `reset`.
        results: of the steps, in order.
    """

    observation: str
    info: dict[str, Any]
    results: tuple[StepResult, ...]


def play_episode(env_id: str, options: Mapping[str, Any], seed: int, actions: Sequence[str]) -> EpisodeRecord:
    """Play the actions in a new environment, to the end of the episode or of the actions.

    In a spawned process write the id with its module, `prm_gym:prm_gym/Deduction-v0`: nothing has been imported there.

    Args:
        env_id: a registered id.
        options: keyword options of the environment.
        seed: given to `reset`.
        actions: texts.

    Raises:
        ContractError: a result breaks the contract of `StepEnv`.
    """
    env = _made(partial(gymnasium.make, env_id, **options))
    try:
        observation, info = _reset(env, seed)
        return EpisodeRecord(observation, info, tuple(_play(env, actions)))
    finally:
        env.close()
