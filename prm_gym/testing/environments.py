"""The contract of environments."""

import pickle
import random
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, cast, get_args

import gymnasium
import msgspec
import numpy as np
from gymnasium.utils.env_checker import check_env

from prm_gym.env import StepEnv, StepResult
from prm_gym.errors import ContractError
from prm_gym.testing.playing import EnvSource, checked_play, checked_reset, checked_step, env_name, is_malformed, make_env, quoted
from prm_gym.testing.requirement import first_difference, require
from prm_gym.testing.texts import NO_STEPS, STRANGE, disfigured


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
        with _global_randomness_untouched(f"{env_name(make_env(make))}, seed {seed}"):
            solution = _check_solution(make, seed)
            _check_nothing_sealed_is_shown(make, seed, solution)
            walk = _random_walk(make, seed, solution, max_steps)
            for actions in (walk, solution):
                _check_determinism(make, seed, actions)
                _check_going_on(make, seed, actions)
            _check_hostile_texts(make, seed, solution)
            _check_step_limit(make, seed, max_steps)
            _check_listed_actions(make, seed)


def _check_by_gymnasium(make: EnvSource) -> None:
    env = make_env(make)
    try:
        env.step("")
    except gymnasium.error.ResetNeeded:
        pass
    else:
        raise ContractError(f"{env_name(env)}: a step before the first reset raises gymnasium.error.ResetNeeded, got a result. Leave `step` to StepEnv.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_env(env, skip_render_check=env.spec is None)
    except Exception as error:  # check_env raises bare AssertionErrors, warnings, and whatever the environment raises
        raise ContractError(f"{env_name(env)} fails gymnasium.utils.env_checker.check_env: {type(error).__name__}: {error}") from error
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
    require(same, subject, "the global generators of random and numpy are neither used nor seeded", "another state after the episode", remedy)


def _check_solution(make: EnvSource, seed: int) -> list[str]:
    env = make_env(make)
    checked_reset(env, seed)
    subject = f"{env_name(env)}, seed {seed}"
    actions = env.solution()
    listed = isinstance(actions, list) and bool(actions) and all(isinstance(action, str) for action in actions)
    require(listed, subject, "solution() is a list of actions, at least one", actions, "Give the actions that earn the outcome 1.")
    require(len(actions) <= env.max_steps, subject, f"the solution fits into max_steps={env.max_steps}", f"{len(actions)} actions", "Raise the step limit.")
    for place, action in enumerate(actions):
        same = env.solution() == actions
        require(same, subject, "solution() stays what it is while the episode goes on", f"another after {place} steps", "Solve the task from its beginning.")
        _, _, terminated, truncated, info = checked_step(env, action)
        taken = not is_malformed(env)
        require(taken, subject, "every action of the solution is a step", f"Malformed for {quoted(action)}", "Let advance read what solution writes.")
        last = place == len(actions) - 1
        ended = (terminated, truncated, info["outcome"])
        as_planned = ended == ((True, False, 1.0) if last else (False, False, None))
        expected = "the last action of the solution terminates with the outcome 1, none before it"
        require(as_planned, subject, expected, f"{ended} after {place + 1} of {len(actions)} actions", "Mend the solver, or the outcome.")
    try:
        env.step(actions[-1])
    except gymnasium.error.ResetNeeded:
        return actions
    raise ContractError(f"{subject}: a step after the end raises gymnasium.error.ResetNeeded, got a result. Leave `step` to StepEnv.")


def _check_nothing_sealed_is_shown(make: EnvSource, seed: int, solution: Sequence[str]) -> None:
    """What is obvious: a sealed list or record printed into what the agent sees, or the whole of a solution of several steps."""
    env = make_env(make)
    observation, info = checked_reset(env, seed)
    seen = _unspaced(f"{observation}\n{info!r}")
    subject = f"{env_name(env)}, seed {seed}"
    for value in (env.task.sealed, *env.task.sealed.values()):
        if isinstance(value, dict | list) and value:
            sealed = cast("object", value)
            shown = _unspaced(repr(sealed)) in seen or _unspaced(msgspec.json.encode(sealed).decode()) in seen
            require(not shown, subject, "neither observation nor info print what is sealed", sealed, "Put into the question only what is public.")
    shown = len(solution) > 1 and all(action in observation for action in solution)
    require(not shown, subject, "the first observation does not hold the solution", observation, "Put into the observation only what is public.")


def _unspaced(text: str) -> str:
    return "".join(text.split())


def _random_walk(make: EnvSource, seed: int, solution: Sequence[str], max_steps: int) -> list[str]:
    """Texts to play: one that is no step, then listed actions at random, or steps of the solution where none are listed."""
    env = make_env(make)
    checked_reset(env, seed)
    rng = np.random.default_rng(seed)
    actions = [""]
    _, _, terminated, truncated, _ = checked_step(env, "")
    while not (terminated or truncated) and len(actions) < max_steps:
        texts = env.situation.actions or solution
        actions.append(texts[int(rng.integers(len(texts)))])
        _, _, terminated, truncated, _ = checked_step(env, actions[-1])
    return actions


def _check_determinism(make: EnvSource, seed: int, actions: Sequence[str]) -> None:
    one, other = make_env(make), make_env(make)
    first = [checked_reset(one, seed), *checked_play(one, actions)]
    _require_equal(one, f"seed {seed}, another instance", first, [checked_reset(other, seed), *checked_play(other, actions)], "Draw from self.np_random alone.")
    if one.origin is not None:
        _require_equal(one, f"seed {seed}, rewound to its origin", first[:1], [other.rewind(one.origin)], "Let begin draw from self.np_random alone.")
    checked_reset(one, seed + 1)
    checked_play(one, actions)
    _require_equal(one, f"seed {seed}, a second time", first, [checked_reset(one, seed), *checked_play(one, actions)], "Let begin set all of the state.")


def _check_going_on(make: EnvSource, seed: int, actions: Sequence[str]) -> None:
    """From snapshots and pickles at the beginning, after one step, in the middle and before the last step."""
    for cut in sorted({0, min(1, len(actions) - 1), len(actions) // 2, len(actions) - 1}):
        env = make_env(make)
        checked_reset(env, seed)
        checked_play(env, actions[:cut])
        place = f"seed {seed}, after {cut} steps"
        saved, standing = env.snapshot(), _standing(env)
        copies = {"a snapshot in a fresh instance": make_env(make), "a pickle": _pickled(env, place)}
        copies["a snapshot in a fresh instance"].restore(saved)
        rest = [*checked_play(env, actions[cut:]), env.reset()]
        env.restore(saved)
        copies["a snapshot in the instance that went on"] = env
        for how, copy in copies.items():
            remedy = "Let save_state and load_state (and __getstate__, if there is one) hold everything that the episode depends on."
            _require_equal(copy, f"{place}, {how}: where it stands", standing, _standing(copy), remedy)
            _require_equal(copy, f"{place}, {how}: how it goes on", rest, [*checked_play(copy, actions[cut:]), copy.reset()], remedy)


def _standing(env: StepEnv) -> tuple[Any, ...]:
    return env.task, env.situation, env.past_steps, env.solution()


def _pickled(env: StepEnv, place: str) -> StepEnv:
    try:
        return pickle.loads(pickle.dumps(env))
    except Exception as error:  # pickling runs the code of whatever the environment holds
        raise ContractError(
            f"{env_name(env)}, {place}: the environment can be pickled, got {type(error).__name__}: {error}. "
            "Make what cannot be pickled (processes, solvers, lambdas) when it is first needed, and leave it out of __getstate__."
        ) from error


def _require_equal(env: StepEnv, where: str, expected: Sequence[Any], came: Sequence[Any], remedy: str) -> None:
    difference = first_difference([_comparable(env, result) for result in expected], [_comparable(env, result) for result in came])
    require(not difference, f"{env_name(env)}, {where}", "the same results", difference, remedy)


def _comparable(env: StepEnv, result: object) -> object:
    """A result of `step` without what impure verifiers may change; anything else as it is."""
    impure = {verifier.id for verifier in env.verifiers if not verifier.pure}
    if not impure or not isinstance(result, tuple) or len(cast("tuple[object, ...]", result)) != len(get_args(StepResult)):
        return cast("object", result)
    observation, reward, terminated, truncated, info = cast("StepResult", result)
    kept = {name: verdict for name, verdict in info["verdicts"].items() if name not in impure}
    return observation, 0.0 if env.reward_scheme.needs_verdicts else reward, terminated, truncated, {**info, "verdicts": kept}


def _check_hostile_texts(make: EnvSource, seed: int, solution: Sequence[str]) -> None:
    env = make_env(make)
    checked_reset(env, seed)
    beginning = env.snapshot()
    for name, text in NO_STEPS.items():
        checked_step(env, text)
        subject = f"{env_name(env)}, seed {seed}"
        remedy = "Claim Malformed for whatever is no step, and return the situation as it was."
        require(is_malformed(env), subject, f"a Malformed claim for the text that is {name}", env.past_steps[-1].claims, remedy)
        env.restore(beginning)
    for text in (*STRANGE, *disfigured(solution[0])):
        checked_step(env, text)
        env.restore(beginning)


def _check_step_limit(make: EnvSource, seed: int, max_steps: int) -> None:
    env = make_env(make)
    if env.max_steps > max_steps:
        return
    limit = env.max_steps
    checked_reset(env, seed)
    cut = [truncated for _, _, _, truncated, _ in checked_play(env, [""] * (limit + 1))]
    expected = f"an episode of texts that are no steps is truncated after max_steps={limit} of them, and not before"
    require(cut == [False] * (limit - 1) + [True], f"{env_name(env)}, seed {seed}", expected, f"truncated={cut}", "Leave the step limit to StepEnv.")


def _check_listed_actions(make: EnvSource, seed: int) -> None:
    """Where actions are listed, one at least is a step; some may be wrong on purpose."""
    env = make_env(make)
    _, info = checked_reset(env, seed)
    beginning, steps = env.snapshot(), 0
    for action in info["actions"]:
        checked_step(env, action)
        steps += not is_malformed(env)
        env.restore(beginning)
    remedy = "List what advance reads."
    require(bool(steps) or not info["actions"], f"{env_name(env)}, seed {seed}", "at least one of the listed actions is a step", info["actions"], remedy)
