"""Small decision problems whose policy gradient is computed exactly, and a sampler that plays thousands of attempts at once.

A problem is a set of tasks that share no states; every task starts in a state of its own. The policy is a softmax over a table of logits, one row a state:

    pi(a|s) = exp(theta[s, a]) / sum_b exp(theta[s, b])

An attempt ends in a terminal state, which pays its outcome, or after `horizon` steps, which pays nothing: the limit belongs to the task.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from prm_gym.credit.array_types import BoolArray, FloatArray, IntArray

STEP_WEIGHT, PENALTY = 0.45, 0.2
"""Of the reward for verdicts: those of the library's reward `dense`."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A finite decision problem with S states, A actions, B successors of each and G tasks.

    Attributes:
        name: of the problem.
        summary: what it is, in a line.
        successors: [S, A, B] int64, states that an action may lead to.
        probabilities: [S, A, B] float64, of the successors; sums to 1 over the last axis.
        outcomes: [S] float64, in [0, 1], what an attempt is paid that ends in this terminal state; 0 elsewhere.
        terminal: [S] bool.
        starts: [G] int64, first state of each task.
        horizon: steps after which an attempt is cut, with outcome 0.
        lean: [S, A] float64, added to the logits of every policy, so that tasks are neither hopeless nor solved.
        right: [S, A] bool, what a perfect verifier says of the step; None where there is no verifier.
        verdicts: [S, A] float64, in [0, 1], probability that the verifier calls the step right; None where there is none.
        unique_keys: no two situations after the first look the same, as in free text.
        paid: whether verdicts are a part of the reward; otherwise attempts are paid for the outcome alone, and verdicts are a column beside it.
    """

    name: str
    summary: str
    successors: IntArray
    probabilities: FloatArray
    outcomes: FloatArray
    terminal: BoolArray
    starts: IntArray
    horizon: int
    lean: FloatArray
    right: BoolArray | None = None
    verdicts: FloatArray | None = None
    unique_keys: bool = False
    paid: bool = True

    def expected_rewards(self, dense: bool) -> FloatArray:
        """[S, A] float64, expected reward of a step; with `dense` that of the verdicts too, in units of STEP_WEIGHT / horizon as the library has it."""
        entered = (self.probabilities * (self.terminal * self.outcomes)[self.successors]).sum(axis=2)
        if not dense or self.verdicts is None or not self.paid:
            return entered
        return entered + STEP_WEIGHT / self.horizon * (self.verdicts - PENALTY * (1.0 - self.verdicts))


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """What is known of a policy.

    Attributes:
        gradient: [S, A] float64, of the expected return, mean over the tasks, with respect to the logits.
        expected: expected return, mean over the tasks.
        values: [horizon + 1, S] float64, expected return from a state with that many steps taken.
    """

    gradient: FloatArray
    expected: float
    values: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Attempts:
    """K attempts as flat rows, in time order within each attempt.

    Attributes:
        states, actions, next_states, times: [N] int64.
        rewards: [N] float64.
        verdicts: [N] float64, 1 where the verifier called the step right, 0 where not; NaN without a verifier.
        offsets: [K+1] int64, attempt i owns the rows offsets[i]:offsets[i+1].
        tasks: [K] int64.
        outcomes: [K] float64.
        truncated: [K] bool.
    """

    states: IntArray
    actions: IntArray
    next_states: IntArray
    times: IntArray
    rewards: FloatArray
    verdicts: FloatArray
    offsets: IntArray
    tasks: IntArray
    outcomes: FloatArray
    truncated: BoolArray


def softmax(logits: FloatArray) -> FloatArray:
    """[S, A] float64, probabilities of the actions."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def random_policy(problem: Problem, rng: np.random.Generator, spread: float = 0.5) -> FloatArray:
    """[S, A] float64, logits: the problem's lean plus normal noise."""
    return problem.lean + rng.normal(scale=spread, size=problem.lean.shape)


def exact(problem: Problem, logits: FloatArray, dense: bool = False) -> Exact:
    """The gradient of the expected return by dynamic programming.

        dJ/dtheta[s, b] = pi(b|s) sum_t d_t(s) (Q_t(s, b) - V_t(s))

    d_t(s) is the probability of being in s after t steps, tasks drawn evenly. (The policy gradient theorem, Sutton et al. 2000, with the softmax's derivative.)

    Args:
        problem: the problem.
        logits: [S, A] float64.
        dense: of the sum of the rewards, verdicts included, instead of the outcome.
    """
    policy, rewards = softmax(logits), problem.expected_rewards(dense)
    going_on = ~problem.terminal
    values = np.zeros((problem.horizon + 1, problem.terminal.size))
    action_values = np.zeros((problem.horizon, *policy.shape))
    for step in reversed(range(problem.horizon)):
        action_values[step] = rewards + (problem.probabilities * values[step + 1][problem.successors]).sum(axis=2)
        values[step] = going_on * (policy * action_values[step]).sum(axis=1)
    present = np.bincount(problem.starts, minlength=problem.terminal.size) / problem.starts.size
    gradient = np.zeros_like(policy)
    for step in range(problem.horizon):
        acting = present * going_on
        gradient += acting[:, None] * policy * (action_values[step] - values[step][:, None])
        flow = (acting[:, None] * policy)[:, :, None] * problem.probabilities
        present = np.bincount(problem.successors.ravel(), weights=flow.ravel(), minlength=present.size)
    return Exact(gradient, float(values[0][problem.starts].mean()), values)


def play(problem: Problem, logits: FloatArray, tasks: IntArray, rng: np.random.Generator) -> Attempts:
    """One attempt at each of the given tasks, all played at once.

    Args:
        problem: the problem.
        logits: [S, A] float64.
        tasks: [K] int64, in [0, G).
        rng: draws actions, successors and verdicts.
    """
    thresholds, landing = np.cumsum(softmax(logits), axis=1), np.cumsum(problem.probabilities, axis=2)
    attempts, horizon = tasks.size, problem.horizon
    shape = (attempts, horizon)
    states, actions, following = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    alive = np.zeros(shape, dtype=np.bool_)
    current = problem.starts[tasks]
    for step in range(horizon):
        alive[:, step] = ~problem.terminal[current]
        chosen = _drawn(thresholds[current], rng)
        after = problem.successors[current, chosen, _drawn(landing[current, chosen], rng)]
        states[:, step], actions[:, step], following[:, step] = current, chosen, after
        current = np.where(alive[:, step], after, current)
    # Row-major order keeps every attempt together, in time order.
    state, action, after = states[alive], actions[alive], following[alive]
    rewards = (problem.terminal * problem.outcomes)[after]
    verdicts = np.full(state.size, np.nan)
    if problem.verdicts is not None:
        verdicts = (rng.random(state.size) < problem.verdicts[state, action]).astype(np.float64)
        if problem.paid:
            rewards = rewards + STEP_WEIGHT / horizon * (verdicts - PENALTY * (1.0 - verdicts))
    return Attempts(
        states=state,
        actions=action,
        next_states=after,
        times=np.broadcast_to(np.arange(horizon), shape)[alive],
        rewards=rewards,
        verdicts=verdicts,
        offsets=np.concatenate([[0], np.cumsum(alive.sum(axis=1))]),
        tasks=tasks,
        outcomes=(problem.terminal * problem.outcomes)[current],
        truncated=~problem.terminal[current],
    )


def _drawn(cumulative: FloatArray, rng: np.random.Generator) -> IntArray:
    """[K] int64, a choice for each row of [K, C] cumulative probabilities; the last entry counts as 1."""
    return (rng.random(cumulative.shape[0])[:, None] >= cumulative[:, :-1]).sum(axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """One task, its states numbered from 0, its first state 0, its own arrays as in `Problem`."""

    successors: IntArray
    probabilities: FloatArray
    outcomes: FloatArray
    terminal: BoolArray
    lean: FloatArray
    right: BoolArray | None = None
    start: int = 0


def joined(name: str, summary: str, tasks: Sequence[_Task], horizon: int, unique_keys: bool = False) -> Problem:
    """One problem of several tasks; no two of them share a state."""
    sizes = [task.terminal.size for task in tasks]
    firsts = np.cumsum([0, *sizes[:-1]])
    rights = [task.right for task in tasks if task.right is not None]
    return Problem(
        name=name,
        summary=summary,
        successors=np.concatenate([task.successors + first for task, first in zip(tasks, firsts, strict=True)]),
        probabilities=np.concatenate([task.probabilities for task in tasks]),
        outcomes=np.concatenate([task.outcomes for task in tasks]),
        terminal=np.concatenate([task.terminal for task in tasks]),
        starts=firsts + np.array([task.start for task in tasks]),
        horizon=horizon,
        lean=np.concatenate([task.lean for task in tasks]),
        right=np.concatenate(rights) if len(rights) == len(tasks) else None,
        unique_keys=unique_keys,
    )


def judged(problem: Problem, name: str, summary: str, false_positives: float, false_negatives: float, fixed: bool, draw: int = 20261122) -> Problem:
    """The problem with a verifier that errs at these rates.

    Args:
        problem: with `right`.
        name: of the new problem.
        summary: of the new problem.
        false_positives: share of the wrong steps that it calls right.
        false_negatives: share of the right steps that it calls wrong.
        fixed: it always errs on the same steps (drawn once, evenly), as a real verifier does; otherwise anew every time.
        draw: seed of the steps that it errs on.
    """
    if problem.right is None:
        raise ValueError(f"nothing says which steps of {problem.name} are right")
    said = np.where(problem.right, 1.0 - false_negatives, false_positives)
    if fixed:
        said = (np.random.default_rng(draw).random(said.shape) < said).astype(np.float64)
    return replace(problem, name=name, summary=summary, verdicts=said)


def _blank(states: int, actions: int) -> tuple[IntArray, FloatArray, FloatArray, BoolArray, FloatArray]:
    """Successors that stay where they are, probabilities of the first successor alone, no outcomes, nothing terminal, no lean; two successors an action."""
    stay = np.broadcast_to(np.arange(states)[:, None, None], (states, actions, 2)).copy()
    sure = np.zeros((states, actions, 2))
    sure[:, :, 0] = 1.0
    return stay, sure, np.zeros(states), np.zeros(states, dtype=np.bool_), np.zeros((states, actions))


def _lattice(goal_rows: int, depth: int = 6, width: int = 5, slip: float = 0.1, start: int | None = None) -> _Task:
    """Layers of `width` states; up, straight or down, and now and then straight after all; solved in the upper `goal_rows` of the last layer.

    Attempts begin in the row `start` of the first layer, the middle one unless given; row 0 is the uppermost.
    """
    successors, probabilities, outcomes, terminal, lean = _blank((depth + 1) * width, 3)
    for layer in range(depth):
        for row in range(width):
            for action, move in enumerate((-1, 0, 1)):
                state, onward = layer * width + row, (layer + 1) * width
                successors[state, action] = onward + min(max(row + move, 0), width - 1), onward + row
                probabilities[state, action] = 1.0 - slip, slip
    terminal[depth * width :] = True
    outcomes[depth * width : depth * width + goal_rows] = 1.0
    return _Task(successors, probabilities, outcomes, terminal, lean, start=width // 2 if start is None else start)


def _tree(share: float, seed: int, depth: int = 4, branches: int = 3) -> _Task:
    """Every action leads to a child of its own; a share of the leaves is right."""
    inner = (branches**depth - 1) // (branches - 1)
    leaves = branches**depth
    successors, probabilities, outcomes, terminal, lean = _blank(inner + leaves, branches)
    children = branches * np.arange(inner)[:, None] + 1 + np.arange(branches)
    successors[:inner] = children[:, :, None]
    terminal[inner:] = True
    outcomes[inner + np.random.default_rng(seed).permutation(leaves)[: round(share * leaves)]] = 1.0
    return _Task(successors, probabilities, outcomes, terminal, lean)


def _corridor(start: int, length: int = 7, slip: float = 0.1) -> _Task:
    """Places in a row; left, stay or right, and now and then no move; falling off on the right is solved, on the left failed."""
    successors, probabilities, outcomes, terminal, lean = _blank(length + 2, 3)
    for place in range(length):
        for action, move in enumerate((-1, 0, 1)):
            after = place + move
            successors[place, action] = (length if after < 0 else length + 1 if after == length else after), place
            probabilities[place, action] = 1.0 - slip, slip
    terminal[length:] = True
    outcomes[length + 1] = 1.0
    return _Task(successors, probabilities, outcomes, terminal, lean, start=start)


def _lock(decisions: int, steps: int = 40) -> _Task:
    """Steps in a row of which some, evenly spread, matter: a wrong choice there spoils the attempt for good and shows at once in the state."""
    successors, probabilities, outcomes, terminal, lean = _blank(2 * steps + 2, 2)
    matters = np.zeros(steps, dtype=np.bool_)
    matters[np.linspace(0, steps - 1, decisions).round().astype(np.int64)] = True
    for step in range(steps):
        for spoilt in (0, 1):
            for action in (0, 1):
                breaks = bool(matters[step]) and action == 1
                successors[2 * step + spoilt, action] = 2 * (step + 1) + max(spoilt, int(breaks))
    lean[: 2 * steps : 2, 0] = np.where(matters, 1.5, 0.0)
    terminal[2 * steps :] = True
    outcomes[2 * steps] = 1.0
    return _Task(successors, probabilities, outcomes, terminal, lean)


def _proof(length: int) -> _Task:
    """Steps towards an end: one that helps, one that is false and spoils the attempt, one that is true and leads nowhere; a verifier judges truth alone."""
    successors, probabilities, outcomes, terminal, lean = _blank(2 * length + 2, 3)
    right = np.zeros((2 * length + 2, 3), dtype=np.bool_)
    for place in range(length):
        for spoilt in (0, 1):
            state = 2 * place + spoilt
            successors[state, 0] = state + 2
            successors[state, 1] = 2 * (place + 1) + 1
            successors[state, 2] = state
    right[: 2 * length, [0, 2]] = True
    lean[: 2 * length, 0] = 0.7
    terminal[2 * length :] = True
    outcomes[2 * length] = 1.0
    return _Task(successors, probabilities, outcomes, terminal, lean, right)


def lattice() -> Problem:
    """Shared states, no loops: six moves over a lattice."""
    return joined("lattice", "6 steps over a lattice of 5 rows, states met by many attempts, outcome at the end", [_lattice(rows) for rows in (1, 2, 3, 4)], 6)


def tree() -> Problem:
    """No shared states: no two situations look the same."""
    tasks = [_tree(share, seed) for seed, share in enumerate((0.1, 0.25, 0.5, 0.75))]
    return joined("tree", "4 steps, 3 branches each, no two situations look alike, outcome at the leaf", tasks, 4, unique_keys=True)


def loop() -> Problem:
    """States come back within an attempt; lengths differ; some attempts are cut."""
    return joined("loop", "a corridor of 7 places, attempts come back to places, 1 to 20 steps", [_corridor(start) for start in (1, 2, 3, 5)], 20)


def long() -> Problem:
    """Forty steps of which 2 to 8 matter."""
    return joined("long", "40 steps of which 2 to 8 matter, outcome at the end", [_lock(decisions) for decisions in (2, 4, 6, 8)], 40)


def proof() -> Problem:
    """Up to fourteen steps, seldom solved; outcome alone."""
    return joined("proof", "4 to 10 right steps within 14, seldom solved, outcome at the end", [_proof(length) for length in (4, 6, 8, 10)], 14)


def harder_lattice() -> Problem:
    """Twelve moves over seven rows, from the lowest but one to the uppermost."""
    tasks = [_lattice(rows, depth=12, width=7, start=5) for rows in (1, 1, 2, 2)]
    return joined("lattice", "12 steps over a lattice of 7 rows from near the lowest to the upper ones, outcome at the end", tasks, 12)


def harder_tree() -> Problem:
    """Six steps, and few of the 729 leaves are right."""
    tasks = [_tree(share, seed, depth=6) for seed, share in enumerate((0.01, 0.02, 0.04, 0.08))]
    return joined("tree", "6 steps, 3 branches each, 1 to 8% of the leaves are right, no two situations look alike", tasks, 6, unique_keys=True)


def harder_loop() -> Problem:
    """A corridor of fourteen places."""
    tasks = [_corridor(start, length=14) for start in (1, 2, 3, 5)]
    return joined("loop", "a corridor of 14 places, attempts come back to places, 2 to 40 steps", tasks, 40)


def harder_long() -> Problem:
    """Forty steps of which up to eighteen matter."""
    return joined("long", "40 steps of which 6 to 18 matter, outcome at the end", [_lock(decisions) for decisions in (6, 10, 14, 18)], 40)


def harder_proof() -> Problem:
    """Up to twenty steps, hardly ever solved at first."""
    return joined("proof", "5 to 12 right steps within 20, outcome at the end", [_proof(length) for length in (5, 7, 9, 12)], 20)


def _with_verdicts(name: str, words: str, false_positives: float, false_negatives: float, fixed: bool) -> Callable[[], Problem]:
    return lambda: judged(proof(), name, f"proof with a verdict on the truth of every step, {words}", false_positives, false_negatives, fixed)


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "lattice": lattice,
    "tree": tree,
    "loop": loop,
    "long": long,
    "proof": proof,
    "dense": _with_verdicts("dense", "never wrong", 0.0, 0.0, False),
    "dense-random": _with_verdicts("dense-random", "wrong on 20% of the wrong and of the right steps, drawn anew every time", 0.2, 0.2, False),
    "dense-accepts": _with_verdicts("dense-accepts", "accepts 20% of the wrong steps, always the same", 0.2, 0.0, True),
    "dense-refuses": _with_verdicts("dense-refuses", "refuses 20% of the right steps, always the same", 0.0, 0.2, True),
    "dense-both": _with_verdicts("dense-both", "accepts 20% of the wrong and refuses 20% of the right steps, always the same", 0.2, 0.2, True),
}
"""The problems of the study, by name."""
