"""Every environment, verifier and assigner of ours keeps its contract; and every check of `prm_gym.testing` bites."""

import json
import multiprocessing
import random
import subprocess
import sys
import threading
import tomllib
from functools import partial
from pathlib import Path

import gymnasium as gym
import msgspec
import numpy as np
import pytest
from gymnasium.envs.registration import load_env_creator
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

import prm_gym
from prm_gym import Claim, ClaimVerifier, Malformed, Situation, StepContext, StepEnv, Task, Transition, Verdict, Verifier
from prm_gym.claims import (
    Assignment,
    Consequence,
    Consistent,
    Decision,
    Entailment,
    Equality,
    Equivalent,
    FinalAnswer,
    Identity,
    Progress,
    Reachable,
    ReasoningGymAnswer,
    Safest,
    SameSolutions,
    Solution,
    Statement,
)
from prm_gym.credit import ASSIGNERS, Credit, StepBatch, assigner
from prm_gym.csp import AllDifferent, Is, Linear, Not, Or, Problem, Variable, exactly
from prm_gym.env import option_names
from prm_gym.errors import ContractError
from prm_gym.registration import ENVIRONMENTS
from prm_gym.rewards import OutcomeReward
from prm_gym.testing import VerifierCase, check_assigner, check_step_env, check_verifier, play_episode
from prm_gym.verdict import abstained, judged
from prm_gym.verifier import VERIFIERS

ROOT = Path(__file__).parents[1]
ENTRY_POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
WORDS = ("red", "green", "blue", "black")


class WordsEnv(StepEnv):
    """Say the word that you see, twice: the smallest environment that has every part."""

    default_max_steps = 6

    def begin(self, options):
        self.words = [WORDS[int(i)] for i in self.np_random.permutation(4)[:2]]
        self.said = []
        task = Task(key="-".join(self.words), instructions="Say the word.", question="Two words.", sealed={"words": self.words})
        return task, self.look(task)

    def look(self, task):
        place = len(self.said)
        shown = f"say {self.words[place]}" if place < 2 else "over"
        return Situation(observation=shown, state_key=f"{task.key} {self.said}", actions=WORDS if place < 2 else ())

    def advance(self, action):
        if action not in WORDS:
            return Transition(situation=self.situation, claims=(Malformed("no word"),))
        self.said = [*self.said, action]
        over = len(self.said) == 2
        return Transition(situation=self.look(self.task), terminated=over, outcome=float(self.said == self.words) if over else None)

    def save_state(self):
        return {"said": self.said}

    def load_state(self, state):
        self.words, self.said = self.task.sealed["words"], state["said"]

    def solution(self):
        return list(self.words)


def test_the_smallest_environment_keeps_the_contract():
    check_step_env(WordsEnv)


# Ours.

LEVELS = [
    pytest.param(env_id, {"difficulty": level}, id=f"{env_id}-{level}")
    for env_id, entry_point in ENVIRONMENTS.items()
    if "difficulty" in option_names(load_env_creator(entry_point))
    for level in range(1, 6)
]


@pytest.mark.parametrize(("env_id", "options"), [*(pytest.param(env_id, {}, id=env_id) for env_id in ENVIRONMENTS), *LEVELS])
def test_environments(env_id, options):
    check_step_env(partial(gym.make, env_id, **options) if options else env_id)


@pytest.mark.parametrize("reward", sorted(ENTRY_POINTS["prm_gym.rewards"]))
@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_environments_with_every_reward(env_id, reward):
    check_step_env(partial(gym.make, env_id, reward=reward), seeds=[0])


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_environments_without_verifiers(env_id):
    check_step_env(partial(gym.make, env_id, verifiers=[]), seeds=[0])


@pytest.fixture(scope="module")
def spawned():
    """One process that has imported nothing and hashes strings in another way."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        yield pool


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_a_seed_gives_the_same_episode_in_another_process(env_id, spawned):
    for seed in (0, 1, 2):
        env = gym.make(env_id).unwrapped
        _, info = env.reset(seed=seed)
        actions = ["nonsense", *info["actions"][:2], *env.solution()]
        there = spawned.apply_async(play_episode, (f"prm_gym:{env_id}", {}, seed, actions)).get(timeout=120)
        assert there == play_episode(env_id, {}, seed, actions)
        assert len(there.results) >= 2


def test_an_episode_that_breaks_the_contract_is_told_across_processes(spawned):
    # CartPole is no step environment; the error must come back, not hang the pool.
    with pytest.raises(ContractError, match="StepEnv"):
        spawned.apply_async(play_episode, ("CartPole-v1", {}, 0, [])).get(timeout=120)


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_make_without_an_import(env_id, tmp_path):
    program = f"import gymnasium as gym; env = gym.make('prm_gym:{env_id}'); print(repr(env.reset(seed=7)[0]))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() == repr(gym.make(env_id).reset(seed=7)[0])


def test_register_envs_for_linters():
    gym.register_envs(prm_gym)
    assert set(ENVIRONMENTS) <= set(gym.registry)


def _plans(env_id, seeds):
    """For every seed: a text that is no step, the solution, and texts for the steps after the end."""
    plans = []
    for seed in seeds:
        env = gym.make(env_id, verifiers=[]).unwrapped
        env.reset(seed=seed)
        plans.append(["nonsense", *env.solution(), *["nonsense"] * 8][:8])
    return list(zip(*plans, strict=True))


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_gymnasiums_own_vector_env_takes_our_environments(env_id):
    envs = SyncVectorEnv([partial(gym.make, env_id)] * 3)
    ours = gym.make_vec(env_id, num_envs=3, vectorization_mode="vector_entry_point")
    assert envs.reset(seed=0)[0] == ours.reset(seed=0)[0]
    for actions in _plans(env_id, (0, 1, 2)):
        theirs, mine = envs.step(actions), ours.step(actions)
        assert theirs[0] == mine[0]
        for one, other in zip(theirs[1:4], mine[1:4], strict=True):
            assert one.tolist() == other.tolist()
    envs.close()
    ours.close()


@pytest.mark.slow
@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_gymnasiums_vector_env_over_processes_takes_our_environments(env_id):
    makers = [partial(gym.make, f"prm_gym:{env_id}")] * 2
    envs = AsyncVectorEnv(makers, shared_memory=False, context="spawn")
    try:
        ours = gym.make_vec(env_id, num_envs=2, vectorization_mode="vector_entry_point")
        envs.reset_async(seed=0)
        assert tuple(envs.reset_wait(timeout=120)[0]) == ours.reset(seed=0)[0]
        for actions in _plans(env_id, (0, 1)):
            envs.step_async(actions)
            theirs, mine = envs.step_wait(timeout=120), ours.step(actions)
            assert tuple(theirs[0]) == mine[0]
            for one, other in zip(theirs[1:4], mine[1:4], strict=True):
                assert one.tolist() == other.tolist()
            assert theirs[4]["state_key"].tolist() == mine[4]["state_key"].tolist()
    finally:
        envs.close(terminate=True)


# Our verifiers.

TASK = Task(key="t", instructions="", question="")


def _context(*claims):
    return StepContext(task=TASK, observation="", action="", claims=claims)


def _case(kind, *claims, label=None):
    return VerifierCase(kind=kind, step=_context(*claims), label=label, name=str(claims))


def _follows(formula, *cited, known=("{A}", "{A} -> {B}")):
    facts = tuple(Statement(f"fact{i}", text) for i, text in enumerate(known, start=1))
    return Entailment(Statement("int1", formula, cited), facts)


MALFORMED = _case("malformed", Malformed("no step"), label="malformed")
ARITHMETIC = [
    _case("full", Equality("2 + 2", "4"), label="correct"),
    _case("full", Equality("8 / 3", "8/3")),
    _case("zero", Equality("2 + 2", "5"), label="incorrect"),
    _case("full", Equality("2 + 2", "4", rounded=True), label="correct"),
    _case("zero", Equality("8 / 3", "2.67"), label="incorrect"),
    _case("zero", Equality("8 / 3", "2.66", rounded=True), label="incorrect"),
    _case("hack", Equality("8 / 3", "2.67", rounded=True), label="neutral"),
    _case("hack", Equality("4", "4"), label="trivial"),
    _case("hack", Equality("1/0", "1/0")),
    _case("abstain", Reachable(("1",), "1")),
    _case("abstain", Equality("1" * 5_000, "1")),
    MALFORMED,
]
# 4 * 6 = 24 can be made from 4 and 6; from 1 and 1 comes 2 at most.
REACHABLE = [_case("full", Reachable(("4", "6"), "24")), _case("zero", Reachable(("1", "1"), "24")), _case("abstain", Equality("1", "1")), MALFORMED]
Z3 = [
    _case("full", _follows("{B}", "fact1", "fact2"), label="correct"),
    _case("zero", _follows("{B}", "fact2"), label="incorrect"),
    _case("hack", _follows("{A} v ¬{A}", "fact1"), label="trivial"),
    _case("hack", _follows("{A}", "fact1"), label="trivial"),
    _case("hack", _follows("{B}", "fact1", "fact2", known=("{A}", "¬{A}")), label="vacuous"),
    _case("hack", _follows("{B}", "fact1", "fact9"), label="incorrect"),
    _case("full", Decision("UNKNOWN", "{C}", _follows("{B}").known)),
    _case("hack", Decision("PROVED", "{B}", _follows("{B}").known), label="incorrect"),
    _case("full", Consistent(("{A}", "{A} -> {B}")), label="correct"),
    _case("zero", Consistent(("{A}", "¬{A}")), label="incorrect"),
    _case("full", Equivalent("{A} -> {B}", "¬{B} -> ¬{A}"), label="correct"),
    _case("zero", Equivalent("{A} -> {B}", "{B} -> {A}"), label="incorrect"),
    _case("malformed", Equivalent("{A} -> {B}", "(assert false)"), label="malformed"),
    _case("abstain", Equality("1", "1")),
    MALFORMED,
]
# Two of a, b and c are 1 (the other 0), and a and b differ: so c = 1, and of a and b either may be it.
_ABC = tuple(Is(name, 1) for name in "abc")
TWO_OF_THREE = Problem(tuple(Variable(name, (0, 1)) for name in "abc"), (exactly(2, _ABC), AllDifferent(("a", "b"))))
# Nine pigeons in eight holes: there is no solution, and no short proof of that by search.
_PIGEONS = [[Is(f"p{pigeon}h{hole}", 1) for hole in range(8)] for pigeon in range(9)]
PIGEONS = Problem(
    tuple(Variable(atom.variable, (0, 1)) for row in _PIGEONS for atom in row),
    (
        *(Or(tuple(row)) for row in _PIGEONS),
        *(Or((Not(one[hole]), Not(other[hole]))) for hole in range(8) for i, one in enumerate(_PIGEONS) for other in _PIGEONS[:i]),
    ),
)
CONSTRAINT = [
    _case("full", Assignment(TWO_OF_THREE, (), "c", 1), label="correct"),
    _case("full", Assignment(TWO_OF_THREE, (Is("a", 1),), "b", 0), label="correct"),
    _case("full", Solution(TWO_OF_THREE, (Is("a", 1), Is("b", 0), Is("c", 1))), label="correct"),
    _case("zero", Assignment(TWO_OF_THREE, (), "c", 0), label="incorrect"),
    _case("zero", Assignment(TWO_OF_THREE, (Is("a", 1),), "b", 1), label="incorrect"),
    _case("zero", Solution(TWO_OF_THREE, (Is("a", 1), Is("b", 1), Is("c", 0))), label="incorrect"),
    _case("hack", Assignment(TWO_OF_THREE, (), "a", 1), label="neutral"),
    _case("hack", Assignment(TWO_OF_THREE, (), "a", 1, follows=True), label="incorrect"),
    _case("hack", Assignment(TWO_OF_THREE, (Is("c", 1),), "c", 1), label="trivial"),
    _case("hack", Assignment(TWO_OF_THREE, (Is("a", 1), Is("b", 1)), "c", 1), label="vacuous"),
    _case("hack", Assignment(TWO_OF_THREE, (Is("a", 1), Is("a", 0)), "c", 1), label="vacuous"),
    _case("hack", Solution(TWO_OF_THREE, (Is("a", 1), Is("b", 0))), label="incorrect"),
    _case("hack", Solution(TWO_OF_THREE, (Is("a", 1), Is("a", 0), Is("b", 0), Is("c", 1))), label="incorrect"),
    _case("hack", Solution(TWO_OF_THREE, (Is("a", 1), Is("b", 0), Is("c", 1)), derived=(Is("c", 1),)), label="incorrect"),
    _case("abstain", Assignment(TWO_OF_THREE, (), "d", 1)),
    _case("abstain", Assignment(PIGEONS, (), "p0h0", 1)),
    _case("abstain", Equality("1", "1")),
    MALFORMED,
]
# One mine among a and b, two among all six: a has 1/2, the other four cells share one mine.
MINES = Problem(tuple(Variable(name, (0, 1)) for name in "abcdef"), (exactly(1, _ABC[:2]), Linear(tuple("abcdef"), (1,) * 6, "=", 2)))
NO_MINES = Problem(MINES.variables, (*MINES.constraints, exactly(0, _ABC[:2])))
POSTERIOR = [
    _case("full", Safest(MINES, tuple("abcdef"), "d", 1), label="correct"),
    _case("full", Safest(MINES, tuple("ab"), "a", 1), label="correct"),
    _case("zero", Safest(MINES, tuple("abcdef"), "a", 1), label="incorrect"),
    _case("hack", Safest(MINES, tuple("abcdef"), "g", 1), label="incorrect"),
    _case("hack", Safest(NO_MINES, tuple("abcdef"), "a", 1), label="vacuous"),
    _case("abstain", Safest(MINES, ("a", "z"), "a", 1)),
    _case("abstain", Safest(PIGEONS, ("p0h0",), "p0h0", 1)),
    _case("abstain", Equality("1", "1")),
    MALFORMED,
]


def _corridor(cells):
    return "#######\n#     #\n#" + cells + "#\n#######"


# Two rows, the boxes in the lower one: they move left and right, and one in a corner is lost. Two pushes, one push, none; and away from the goal.
TWO, ONE, NONE, AWAY, LOST = map(_corridor, ("@$ . ", " @$. ", "  @* ", " $@. ", "$@ . "))
SEARCH = [
    _case("full", Progress("sokoban", TWO, ONE), label="correct"),
    _case("full", Progress("sokoban", ONE, NONE, (TWO,)), label="correct"),
    _case("zero", Progress("sokoban", AWAY, LOST), label="incorrect"),
    _case("zero", Progress("sokoban", TWO, NONE), label="incorrect"),
    _case("hack", Progress("sokoban", TWO, TWO), label="incorrect"),
    _case("hack", Progress("sokoban", ONE, AWAY, (TWO,)), label="neutral"),
    _case("hack", Progress("sokoban", AWAY, ONE, (TWO, ONE)), label="trivial"),
    _case("hack", Progress("sokoban", _corridor("$@$.."), _corridor("$ @*.")), label="vacuous"),
    _case("abstain", Progress("hanoi", "", "")),
    _case("abstain", Progress("sokoban", "no board", "at all")),
    _case("abstain", Equality("1", "1")),
    MALFORMED,
]
# The two equations have the one solution A = 7, B = 15.
_BEAM = ("A + B = 22", "10B = 150")
ALGEBRA = [
    _case("full", Consequence(_BEAM, "A = 7"), label="correct"),
    _case("full", Consequence(("price = 3", "total = 4 * price"), "total = 12"), label="correct"),
    _case("full", Consequence(_BEAM, "A + B - 22 = 0", earlier=()), label="correct"),
    _case("zero", Consequence(_BEAM, "A = 8"), label="incorrect"),
    _case("full", Identity("2(x + 3)", "2x + 6"), label="correct"),
    _case("full", SameSolutions(("x^2 = 9",), ("x = 3 or x = -3",)), label="correct"),
    _case("full", SameSolutions(("x + y = 3", "x - y = 1"), ("x = 2", "y = 1")), label="correct"),
    _case("zero", Identity("(x + 1)^2", "x^2 + 1"), label="incorrect"),
    _case("zero", SameSolutions(("x^2 = 9",), ("x = 3",)), label="incorrect"),
    _case("hack", SameSolutions(("x = 1",), ("0 = 0",)), label="incorrect"),
    _case("hack", SameSolutions(("x = 1",), ("x + 0 = 1 * 1",)), label="trivial"),
    _case("hack", SameSolutions(("2x = 2",), ("x = 1",), earlier=(("x = 1",),)), label="trivial"),
    _case("hack", Identity("x^2 - 1", "(x - 1)(x + 1)", earlier=("(x + 1)(x - 1)",)), label="trivial"),
    _case("hack", Identity("1/(x - x)", "1/(x - x)"), label="incorrect"),
    _case("hack", Consequence(_BEAM, "22 = B + A"), label="trivial"),
    _case("hack", Consequence(_BEAM, "A = 7", earlier=_BEAM), label="trivial"),
    _case("hack", Consequence(_BEAM, "A - A = 0"), label="trivial"),
    _case("hack", Consequence(("x = 1", "x = 2"), "y = 3"), label="vacuous"),
    _case("hack", Consequence(_BEAM, "__import__('os')"), label="malformed"),
    _case("abstain", Consequence(_BEAM, "A = " + "1+" * 5_000 + "1")),
    _case("abstain", Consequence(_BEAM, "A = 9^(99999)")),
    _case("abstain", Identity("1/2x", "x/2")),
    _case("abstain", Equality("1", "1")),
    MALFORMED,
]
BOTH = [
    _case("full", Equality("2 * 3", "6"), Reachable(("4", "6"), "24")),
    _case("zero", Equality("2 * 3", "7"), Reachable((), "24")),
    MALFORMED,
]


def _answered(dataset, answer, gold, **metadata):
    return ReasoningGymAnswer(dataset, json.dumps({"question": "", "answer": gold, "metadata": metadata}), answer)


_LEGS = partial(_answered, "leg_counting", gold="164")
_INTEGRAL = partial(_answered, "simple_integration", gold="x**2 + C", integrand="2*x", variable="x")
_SUM = partial(_answered, "countdown", gold="2 * 3 * 4", numbers=[2, 3, 4], target=24)
_SORTED = partial(_answered, "number_sorting", gold="['1', '2']", direction="ascending")
REASONING_GYM = [
    _case("full", _LEGS("164"), label="correct"),
    _case("full", _INTEGRAL("x**2 + 7"), label="correct"),
    _case("full", _SUM("4*3*2"), label="correct"),
    _case("full", _SORTED("['1', '2']"), label="correct"),
    _case("zero", _LEGS("163"), label="incorrect"),
    _case("zero", _INTEGRAL("x**3"), label="incorrect"),
    _case("zero", _SUM("4*3*2*1"), label="incorrect"),
    _case("hack", _LEGS(""), label="incorrect"),
    _case("hack", _LEGS(" ".join(map(str, range(1000)))), label="incorrect"),
    _case("hack", _SUM("2.3 * 4 + 14.8"), label="incorrect"),
    _case("hack", _SORTED("[NaN, NaN]"), label="incorrect"),
    _case("hack", _answered("complex_arithmetic", "nan", "1 + 2i", result=[1.0, 2.0]), label="incorrect"),
    _case("hack", _INTEGRAL("Integral(2*x, x)"), label="malformed"),
    _case("hack", _SUM("__import__('os').getpid()"), label="malformed"),
    _case("hack", _answered("string_insertion", "[chr(65)]", "A"), label="incorrect"),
    _case("abstain", _INTEGRAL("9**9**9**9")),
    _case("abstain", _answered("prime_factorization", "x", "2 × 3")),  # its scorer raises
    _case("abstain", ReasoningGymAnswer("leg_counting", "no JSON", "1")),
    _case("abstain", Equality("1", "1")),
    MALFORMED,
]
# What has to be compared in a worker needs the extra `math`, which may be missing; these cases do without.
EQUIVALENCE = [
    _case("full", FinalAnswer("7", "7"), label="correct"),
    _case("full", FinalAnswer(r"So \boxed{\frac{2}{4}}. The answer is 0.5.", r"\frac12"), label="correct"),
    _case("full", FinalAnswer(r"\sqrt{12}", r"2\sqrt{3}"), label="correct"),
    _case("zero", FinalAnswer(r"\boxed{8}", "7"), label="incorrect"),
    _case("hack", FinalAnswer(r"\boxed{8=7}", "7"), label="incorrect"),
    _case("hack", FinalAnswer(r"\boxed{7} ... wait the answer is 9", "7"), label="incorrect"),
    _case("hack", FinalAnswer("7 or 8", "7"), label="incorrect"),
    _case("hack", FinalAnswer(r"\boxed{\sum_{k=1}^{100} k}", "5050"), label="incorrect"),
    _case("hack", FinalAnswer("2e-8", "1e-8"), label="incorrect"),
    _case("hack", FinalAnswer("10", r"10\%"), label="incorrect"),
    _case("hack", FinalAnswer("1,2", "(1,2)"), label="incorrect"),
    _case("hack", FinalAnswer("10 m", r"10\text{ cm}"), label="incorrect"),
    _case("hack", FinalAnswer("3x+4y+14=0", "3x-y+13=0"), label="incorrect"),
    _case("hack", FinalAnswer(r"\boxed{9^{9^{9^9}}}", "7"), label="incorrect"),
    _case("hack", FinalAnswer("(1+x)^2", "x^2+2x+1", "Expand $(x+1)^2$."), label="incorrect"),
    _case("malformed", FinalAnswer("I do not know.\nReally not.", "7"), label="malformed"),
    _case("abstain", FinalAnswer("7", "")),
    _case("abstain", FinalAnswer("tomorrow there is rain", "it rains tomorrow")),
    _case("abstain", Equality("1", "1")),
    MALFORMED,
]
CASES = {
    "algebra": ALGEBRA,
    "arithmetic": ARITHMETIC,
    "constraint": CONSTRAINT,
    "cvc5": Z3,
    "equivalence": EQUIVALENCE,
    "posterior": POSTERIOR,
    "reachable": REACHABLE,
    "reasoning_gym": REASONING_GYM,
    "search": SEARCH,
    "z3": Z3,
}


@pytest.mark.parametrize("name", sorted(ENTRY_POINTS["prm_gym.verifiers"]))
def test_verifiers(name):
    assert name in CASES, "give the new verifier its cases above: full, zero, malformed, abstain, hack"
    check_verifier(name, CASES[name])


@pytest.mark.parametrize(
    ("spec", "cases"),
    [
        ("cached(arithmetic)", ARITHMETIC),
        ("isolated(arithmetic)", ARITHMETIC),
        ("sequence(arithmetic, reachable)", BOTH),
        ("all(arithmetic, reachable)", BOTH),
        ("any(arithmetic, reachable)", BOTH),
        ("consensus(arithmetic, reachable)", BOTH),
        ("all(cached(arithmetic), sequence(reachable, z3))", BOTH),
    ],
)
def test_compositions(spec, cases):
    check_verifier(spec, cases)


# Our assigners.


@pytest.mark.parametrize("name", sorted(ENTRY_POINTS["prm_gym.credit"]))
def test_assigners(name):
    assert name in ASSIGNERS.names()
    check_assigner(name)


def test_an_assigner_on_a_batch_of_ones_own():
    batch = StepBatch([0.0, 1.0, 0.0], [0, 2, 3], ["g", "g"], [1.0, 0.0], [False, False], {"state_key": ["s", "u", "s"]})
    check_assigner("gigpo", batch)
    with pytest.raises(ContractError, match=r"a batch with the columns .* none called \['action_key', 'next_state_key'\]"):
        check_assigner("salt", batch)


# The checks bite: every one of these is broken in one place.


class Broken(Claim, msgspec.Struct, frozen=True, tag="test_contracts.broken"):
    """A claim that does not survive storage: a tuple in a field that does not say so."""

    values: object


class OutOfRange(OutcomeReward):
    def reward(self, step, previous):
        return 2.0


class NotAStepEnv(gym.Env):
    pass


class IgnoresTheSeed(WordsEnv):
    def begin(self, options):
        self.np_random = np.random.default_rng()
        return super().begin(options)


class Deprecated(WordsEnv):
    def seed(self, seed=None):
        """Gymnasium warns of this method."""


class StepsBeforeReset(WordsEnv):
    def step(self, action):
        if not self._running:
            self.reset()
        return super().step(action)


class DrawsFromOutside(WordsEnv):
    def advance(self, action):
        transition = super().advance(action)
        if not transition.terminated:
            return transition
        situation = msgspec.structs.replace(transition.situation, observation=f"over {np.random.default_rng().random()}")
        return msgspec.structs.replace(transition, situation=situation)


class DrawsFromTheGlobalGenerator(WordsEnv):
    def advance(self, action):
        random.random()
        return super().advance(action)


class SeedsTheGlobalGenerator(WordsEnv):
    def begin(self, options):
        np.random.seed(0)
        return super().begin(options)


class RemembersTheLastEpisode(WordsEnv):
    episodes = 0

    def advance(self, action):
        transition = super().advance(action)
        self.episodes += transition.terminated
        shown = f"{transition.situation.observation} {min(self.episodes, 3)}" if transition.terminated else transition.situation.observation
        return msgspec.structs.replace(transition, situation=msgspec.structs.replace(transition.situation, observation=shown))

    def save_state(self):
        return {**super().save_state(), "episodes": self.episodes}

    def load_state(self, state):
        super().load_state(state)
        self.episodes = state["episodes"]


class ForgetsItsState(WordsEnv):
    def save_state(self):
        return {}

    def load_state(self, state):
        self.words = self.task.sealed["words"]
        self.said = getattr(self, "said", [])


class ForgetsWhenPickled(WordsEnv):
    def __getstate__(self):
        return {**self.__dict__, "said": []}


class HoldsALock(WordsEnv):
    def __init__(self, **options):
        super().__init__(**options)
        self.lock = threading.Lock()


class EmptySolution(WordsEnv):
    def solution(self):
        return []


class WrongSolution(WordsEnv):
    def solution(self):
        return [self.words[0], self.words[0]]


class MalformedSolution(WordsEnv):
    def solution(self):
        return [self.words[0].upper(), self.words[1]]


class ShrinkingSolution(WordsEnv):
    def solution(self):
        return self.words[len(self.said) :]


class LongSolution(WordsEnv):
    def solution(self):
        return ["red"] * 7


class RaisesOnMarks(WordsEnv):
    def advance(self, action):
        if "\u202e" in action:
            raise ValueError("not for me")
        return super().advance(action)


class TakesAnything(WordsEnv):
    def advance(self, action):
        return super().advance(action if action in WORDS or not action.isprintable() else "red")


class PunishesTheMalformed(WordsEnv):
    def advance(self, action):
        if action in WORDS:
            return super().advance(action)
        self.said = [*self.said, "nothing"]
        situation = msgspec.structs.replace(self.situation, state_key=f"{self.task.key} {self.said}")
        return Transition(situation=situation, claims=(Malformed("no word"),))


class GreatOutcome(WordsEnv):
    def advance(self, action):
        transition = super().advance(action)
        return msgspec.structs.replace(transition, outcome=2.0) if transition.terminated else transition


class NoValidInInfo(WordsEnv):
    def step(self, action):
        *rest, info = super().step(action)
        return (*rest, {key: value for key, value in info.items() if key != "valid"})


class NumpyReward(WordsEnv):
    def step(self, action):
        observation, reward, *rest = super().step(action)
        return (observation, np.float64(reward), *rest)


class NoVerdicts(WordsEnv):
    default_verifiers = ("arithmetic",)

    def step(self, action):
        *rest, info = super().step(action)
        return (*rest, {**info, "verdicts": {}})


class EndsTwice(WordsEnv):
    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated, truncated or terminated, info


class NeverEnds(WordsEnv):
    def step(self, action):
        self.max_steps += 1
        return super().step(action)


class GoesOnAfterTheEnd(WordsEnv):
    def step(self, action):
        result = super().step(action)
        self._running = True
        return result


class PrintsWhatIsSealed(WordsEnv):
    def look(self, task):
        situation = super().look(task)
        return msgspec.structs.replace(situation, observation=f"{situation.observation}\n{json.dumps(task.sealed)}")


class TellsTheSolution(WordsEnv):
    def look(self, task):
        situation = super().look(task)
        return msgspec.structs.replace(situation, observation=f"{situation.observation} ({self.words[0]}, then {self.words[1]})")


class ListsDoubles(WordsEnv):
    def look(self, task):
        return msgspec.structs.replace(super().look(task), actions=("red", "red"))


class ListsNoSteps(WordsEnv):
    def look(self, task):
        return msgspec.structs.replace(super().look(task), actions=("rouge", "vert"))


class TupleInTheTask(WordsEnv):
    def begin(self, options):
        task, situation = super().begin(options)
        return msgspec.structs.replace(task, metadata={"pair": (1, 2)}), situation


class NumpyInTheTask(WordsEnv):
    def begin(self, options):
        task, situation = super().begin(options)
        return msgspec.structs.replace(task, metadata={"rank": np.int64(1)}), situation


class TupleInAClaim(WordsEnv):
    def advance(self, action):
        return msgspec.structs.replace(super().advance(action), claims=(Broken((1, 2)),))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (NotAStepEnv, "the environment is a prm_gym.StepEnv, got NotAStepEnv"),
        (IgnoresTheSeed, "check_env: AssertionError"),
        (Deprecated, "check_env: UserWarning: .*`seed` function is dropped"),
        (StepsBeforeReset, "a step before the first reset raises"),
        (DrawsFromOutside, r"another instance: the same results, got results\[.*: over 0\..* and over 0\."),
        (DrawsFromTheGlobalGenerator, "global generators of random and numpy are neither used nor seeded"),
        (SeedsTheGlobalGenerator, "global generators of random and numpy are neither used nor seeded"),
        (RemembersTheLastEpisode, "a second time: the same results"),
        (ForgetsItsState, "a snapshot in a fresh instance"),
        (ForgetsWhenPickled, "a pickle: "),
        (HoldsALock, "can be pickled, got TypeError: cannot pickle '_thread.lock'"),
        (EmptySolution, r"solution\(\) is a list of actions, at least one, got \[\]"),
        (WrongSolution, r"terminates with the outcome 1, none before it, got \(True, False, 0.0\) after 2 of 2 actions"),
        (MalformedSolution, "every action of the solution is a step, got Malformed for '[A-Z]+'"),
        (ShrinkingSolution, r"solution\(\) stays what it is while the episode goes on, got another after 1 steps"),
        (LongSolution, "the solution fits into max_steps=6, got 7 actions"),
        (RaisesOnMarks, r"step\('.*u202e.*'\): a step never raises, whatever an agent writes, got ValueError: not for me"),
        (TakesAnything, "a Malformed claim for the text that is empty"),
        (PunishesTheMalformed, "a Malformed step changes nothing and ends nothing"),
        (GreatOutcome, r"the outcome is in \[0, 1\]"),
        (lambda: WordsEnv(reward=OutOfRange()), r"reward_range \[0.0, 1.0\], got 2.0"),
        (NumpyReward, "the reward is a Python number"),
        (NoValidInInfo, r"info has the keys and types that StepEnv documents, got none or another type under \['valid'\]"),
        (NoVerdicts, r"a Verdict of each of the verifiers \['arithmetic'\]"),
        (EndsTwice, "not both True"),
        (NeverEnds, "is truncated after max_steps=6 of them"),
        (GoesOnAfterTheEnd, "a step after the end raises"),
        (PrintsWhatIsSealed, "neither observation nor info print what is sealed"),
        (TellsTheSolution, "the first observation does not hold the solution"),
        (ListsDoubles, "the listed actions are distinct texts"),
        (ListsNoSteps, "at least one of the listed actions is a step"),
        (TupleInTheTask, r"task\['metadata'\]\['pair'\]: \(1, 2\) and \[1, 2\]"),
        (NumpyInTheTask, "what is stored holds JSON values alone"),
        (TupleInAClaim, "claims are the same after storage as JSON"),
    ],
)
def test_the_check_of_environments_bites(make, says):
    with pytest.raises(ContractError, match=f"(?s){says}"):
        check_step_env(make)


class Judge(ClaimVerifier):
    """Right in everything; its children are broken in one place each."""

    id = "judge"
    version = "1"
    claims = (Equality,)

    def check(self, claim, step):
        return judged("correct", 1.0, "") if claim.left == claim.right else judged("incorrect", 0.0, "")


SAME = [
    _case("full", Equality("1", "1"), label="correct"),
    _case("zero", Equality("1", "2"), label="incorrect"),
    _case("abstain", Reachable((), "1")),
    MALFORMED,
]


def test_the_right_judge_keeps_the_contract():
    check_verifier(Judge, SAME)
    check_verifier(Judge(), SAME)


class NoVersion(Judge):
    version = ""


class ClaimsWithoutComma(Judge):
    claims = Equality


class MaybePure(Judge):
    pure = None


class Raises(Judge):
    def check(self, claim, step):
        raise KeyError("left")


class ReturnsATuple(Judge):
    def verify(self, steps):
        return tuple(super().verify(steps))


class TooFew(Judge):
    def verify(self, steps):
        return super().verify(steps)[:-1]


class ReturnsNumbers(Judge):
    def verify(self, steps):
        return [1.0 for _ in steps]


class OddLabel(Judge):
    def check(self, claim, step):
        return msgspec.structs.replace(super().check(claim, step), label="right")


class NumpyEvidence(Judge):
    def check(self, claim, step):
        return judged("correct", 1.0, "", logits=np.zeros(2))


class TupleEvidence(Judge):
    def check(self, claim, step):
        verdict = super().check(claim, step)
        return msgspec.structs.replace(verdict, evidence={"pair": (1, 2)})


class ChangesTheStep(Judge):
    def check(self, claim, step):
        step.task.metadata["seen"] = True
        return super().check(claim, step)


class NothingForNothing(Judge):
    def verify(self, steps):
        return super().verify(steps) or [abstained("nothing")]


class TimeTraveller(Judge):
    def check(self, claim, step):
        return msgspec.structs.replace(super().check(claim, step), run_seconds=-1.0)


class JudgesMalformed(Verifier):
    id = "judge"
    version = "1"
    claims = (Equality,)

    def verify(self, steps):
        equal = [any(isinstance(claim, Equality) and claim.left == claim.right for claim in step.claims) for step in steps]
        return [judged("correct", 1.0, "") if right else judged("incorrect", 0.0, "") for right in equal]


class JudgesForeign(Judge):
    def verify(self, steps):
        return [judged("correct", 1.0, "") if verdict.score is None else verdict for verdict in super().verify(steps)]


class HoldsALockToo(Judge):
    def __init__(self):
        self.lock = threading.Lock()


class SaysWhyNot(HoldsALockToo):
    def __reduce__(self):
        raise ContractError("it holds a solver of this process; make it again in the other")


class Tires(Judge):
    asked = 0

    def check(self, claim, step):
        self.asked += 1
        return msgspec.structs.replace(super().check(claim, step), reason=f"question {self.asked}")


class LooksAtItsNeighbours(Judge):
    def verify(self, steps):
        return [msgspec.structs.replace(verdict, reason=f"first of {len(steps)}") for verdict in super().verify(steps)]


class LooksAtTheClock(Judge):
    """Declared impure, so that it may."""

    pure = False
    asked = 0

    def check(self, claim, step):
        self.asked += 1
        return msgspec.structs.replace(super().check(claim, step), reason=f"question {self.asked}")


class ForgetsItself(Judge):
    def __init__(self):
        self.strict = True

    def __getstate__(self):
        return {"strict": False}

    def check(self, claim, step):
        return super().check(claim, step) if self.strict else judged("correct", 1.0, "")


class ClosesOnce(Judge):
    def close(self):
        del self.id


@pytest.mark.parametrize("verifier", [SaysWhyNot, LooksAtTheClock])
def test_what_a_verifier_may_do_when_it_says_so(verifier):
    check_verifier(verifier, SAME)


@pytest.mark.parametrize(
    ("verifier", "says"),
    [
        (NoVersion, "an id and a version that are not empty"),
        (ClaimsWithoutComma, "claims is a tuple of Claim types"),
        (MaybePure, "pure is True or False, got None"),
        (Raises, "verify never raises, got KeyError: 'left'"),
        (ReturnsATuple, "a list of Verdicts"),
        (ReturnsNumbers, r"a list of Verdicts, got \[1.0, 1.0"),
        (TooFew, "4 verdicts for 4 steps, got 3"),
        (NumpyEvidence, "what is stored holds JSON values alone"),
        (TupleEvidence, r"verdict\['evidence'\]\['pair'\]: \(1, 2\) and \[1, 2\]"),
        (ChangesTheStep, "the steps stay as they are"),
        (NothingForNothing, "no verdicts for no steps"),
        (TimeTraveller, "a time not below 0"),
        (HoldsALockToo, "it can be pickled, or raises a PrmGymError that says why not, got TypeError"),
        (Tires, "step 0, asked again: the same verdict"),
        (LooksAtItsNeighbours, "step 0, asked one by one: the same verdict"),
        (ForgetsItself, "step 1, asked after pickling: the same verdict"),
    ],
)
def test_the_check_of_verifiers_bites(verifier, says):
    with pytest.raises(ContractError, match=f"(?s){says}"):
        check_verifier(verifier, SAME)


def test_a_label_that_there_is_not_is_refused():
    with pytest.raises(ContractError, match="right"):
        check_verifier(OddLabel, SAME)


@pytest.mark.parametrize(("verifier", "says"), [(JudgesMalformed, "'malformed' and the score 0 for Malformed"), (JudgesForeign, "does not understand")])
def test_claims_that_every_verifier_must_answer_are_tried_without_a_case(verifier, says):
    with pytest.raises(ContractError, match=says):
        check_verifier(verifier, SAME[:2])


def test_close_is_called_twice():
    with pytest.raises(AttributeError, match="id"):
        check_verifier(ClosesOnce(), SAME)


RIGHT, WRONG, OTHER = (case.step for case in SAME[:3])


@pytest.mark.parametrize(
    ("kind", "step", "label", "says"),
    [
        ("full", WRONG, None, "full case 1: a score above 0.5"),
        ("full", OTHER, None, "full case 1: a score above 0.5"),
        ("full", RIGHT, "trivial", "full case 1: the label 'trivial'"),
        ("zero", RIGHT, None, "zero case 1: a score below 0.5"),
        ("zero", OTHER, None, "zero case 1: a score below 0.5"),
        ("malformed", WRONG, None, "malformed case 1: the label 'malformed' and the score 0"),
        ("abstain", WRONG, None, "abstain case 1: no score"),
        ("hack", RIGHT, None, r"hack case 1: no score, or one below that of every full case \(1.0\)"),
    ],
)
def test_every_kind_of_case_bites(kind, step, label, says):
    with pytest.raises(ContractError, match=says):
        check_verifier(Judge, [SAME[0], VerifierCase(kind=kind, step=step, label=label), SAME[1]])


def test_cases_must_stand_on_both_sides():
    for cases in ([], SAME[:1], SAME[1:]):
        with pytest.raises(ContractError, match="a full case and one of another kind"):
            check_verifier(Judge, cases)
    with pytest.raises(ContractError, match="kind is one of full, zero, malformed, abstain, hack, got 'good'"):
        VerifierCase(kind="good", step=RIGHT)


def _flat(batch, value=1.0):
    """The same for every step."""
    flat = np.full(batch.rewards.size, value)
    return Credit(flat, flat, np.ones(flat.size, dtype=np.bool_), {})


def centres_in_place(batch):
    """Writes into the batch."""
    batch.rewards[:] -= batch.rewards.mean() if batch.rewards.size else 0.0
    return _flat(batch)


def half_as_exact(batch):
    """Advantages in float32."""
    credit = _flat(batch)
    return Credit(credit.advantages.astype(np.float32), credit.returns, credit.keep, {})


def keeps_numbers(batch):
    """A mask of ones instead of True."""
    credit = _flat(batch)
    return Credit(credit.advantages, credit.returns, np.ones(batch.rewards.size), {})


def throws_dice(batch):
    """Another credit every time."""
    return _flat(batch, np.random.default_rng().random())


def favours_the_first(batch):
    """Looks at places instead of keys."""
    credit = _flat(batch)
    credit.advantages[:1] += 1.0
    return credit


def reads_on_the_sly(batch):
    """Needs a column that it does not declare."""
    return _flat(batch, float(batch.column("score").size > 0))


def divides(batch):
    """Fails without steps."""
    return _flat(batch, float(batch.rewards.max()))


def reports_in_numpy(batch):
    """Diagnostics that JSON cannot hold."""
    credit = _flat(batch)
    return Credit(credit.advantages, credit.returns, credit.keep, {"mean": np.float64(1.0)})


def returns_an_array(batch):
    """No Credit."""
    return [1.0]


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (centres_in_place, "the batch stays as it is"),
        (half_as_exact, "in float64, keep in bool, got .*float32"),
        (keeps_numbers, "in float64, keep in bool"),
        (throws_dice, "the same advantages for the same batch"),
        (favours_the_first, "advantages that follow their trajectories into another order"),
        (reads_on_the_sly, r"works with the columns of needs=\(\), got CreditError: The batch has no column 'score'"),
        (divides, "0 steps: a credit, got ValueError"),
        (reports_in_numpy, "diagnostics are Python numbers"),
    ],
)
def test_the_check_of_assigners_bites(function, says):
    with pytest.raises(ContractError, match=says):
        check_assigner(assigner()(function))


def test_what_is_no_assigner_is_refused():
    with pytest.raises(ContractError, match="an Assigner, got function"):
        check_assigner(_flat)


def test_verdicts_of_an_impure_verifier_are_not_compared():
    class Moody(Verifier):
        id, version, pure = "moody", "1", False
        asked = 0

        def verify(self, steps):
            self.asked += 1
            return [Verdict(status="ok", score=1.0 / self.asked) for _ in steps]

    # check_env compares everything, so Gymnasium's part fails; what is ours leaves the moody verdicts out.
    with pytest.raises(ContractError, match="check_env"):
        check_step_env(lambda: WordsEnv(verifiers=[Moody()]))


def test_names_declared_here_are_the_names_there_are():
    assert set(ENTRY_POINTS["prm_gym.verifiers"]) <= set(VERIFIERS.names())
