"""From advantages to gradient estimates, and how far these are from the exact gradient.

The estimate of one batch of M attempts with N steps is a weighted sum over its steps, and three weightings are in use:

    g = sum_{i,t} w_{i,t} A_{i,t} grad log pi(a_{i,t}|s_{i,t})
    "attempt"     w = 1 / M            the sum over an attempt's steps, averaged over attempts: the policy gradient theorem as it stands
    "step"        w = 1 / N            every step of the batch counts the same
    "own length"  w = 1 / (M T_i)      every attempt counts the same, as in GRPO's loss

For a softmax over a table, grad log pi(a|s) with respect to theta[s, b] is 1[a = b] - pi(b|s).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tabular_problems import Attempts, Exact, Problem, play, softmax

from prm_gym.credit import StepBatch, assign, key_array
from prm_gym.credit.array_types import Column, FloatArray, IntArray

WEIGHTINGS = ("attempt", "step", "own length")
EXTRA_ROLLOUTS = 9
"""Fresh attempts behind a Monte Carlo value, as in VinePPO."""


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """What a policy played, cut into batches.

    Attributes:
        problem: what it played.
        policy: [S, A] float64, probabilities.
        attempts: all attempts, batch after batch.
        batches: one `StepBatch` a batch, with the columns that rollouts alone fill.
        batch_of_step: [N] int64.
    """

    problem: Problem
    policy: FloatArray
    attempts: Attempts
    batches: list[StepBatch]
    batch_of_step: IntArray


@dataclass(frozen=True, slots=True)
class Measures:
    """How the estimates of many batches compare with the exact gradient g; None where the mean estimate cannot be told from 0.

    Attributes:
        cosine: of the mean estimate with g, freed of the part of its length that is noise; its own noise may carry it beyond 1.
        scale: length of the mean estimate along g, in units of |g|; 1 for an unbiased one.
        bias: |mean - g| / |g|, freed of noise; what is left of it after the best scalar is sqrt(1 - cosine^2).
        signal_to_noise: |mean|^2 / trace of the covariance, of one batch.
        batch_cosine: mean over the batches of the cosine of one estimate with g; one that is 0 counts as 0.
        silent: share of the batches whose estimate is exactly 0.
        component_bias: root mean square of mean - g over the components, freed of noise.
        component_variance: mean over the components of the variance of one batch.
    """

    cosine: float | None
    scale: float
    bias: float
    signal_to_noise: float | None
    batch_cosine: float
    silent: float
    component_bias: float
    component_variance: float


def sample(problem: Problem, logits: FloatArray, batches: int, attempts: int, rng: np.random.Generator) -> Sampled:
    """Batches of `attempts` attempts at every task of the problem.

    Args:
        problem: what to play.
        logits: [S, A] float64, of the policy.
        batches: how many.
        attempts: at each task, in each batch.
        rng: draws everything.
    """
    groups = problem.starts.size
    played = play(problem, logits, np.tile(np.repeat(np.arange(groups), attempts), batches), rng)
    columns = rollout_columns(problem, softmax(logits), played)
    size = groups * attempts
    bounds = played.offsets[::size]
    parts = [_batch(played, columns, slice(b * size, (b + 1) * size), slice(int(bounds[b]), int(bounds[b + 1]))) for b in range(batches)]
    return Sampled(problem, softmax(logits), played, parts, np.repeat(np.arange(batches), np.diff(bounds)))


def _batch(played: Attempts, columns: Mapping[str, Column], own: slice, rows: slice) -> StepBatch:
    return StepBatch(
        rewards=played.rewards[rows],
        offsets=played.offsets[own.start : own.stop + 1] - rows.start,
        group_ids=played.tasks[own],
        outcomes=played.outcomes[own],
        truncated=played.truncated[own],
        columns={name: column[rows] for name, column in columns.items()},
    )


def rollout_columns(problem: Problem, policy: FloatArray, played: Attempts) -> dict[str, Column]:
    """Columns that the attempts themselves fill, [N] each.

    `belief_key` is the true state: what an agent would write that sums its situation up rightly, also where no two situations look alike. `answer_key` is the
    terminal state that the attempt ended in. `label` and `score` are the verdicts, where there is a verifier. The reference policy is uniform, a step is one
    token.
    """
    actions = policy.shape[1]
    last = played.offsets[1:] - 1
    keys, after = played.states, played.next_states
    if problem.unique_keys:
        numbers = problem.terminal.size + np.arange(keys.size)
        keys = np.where(played.times == 0, keys, numbers)
        after = np.append(keys[1:], 0)
        after[last] = numbers[-1] + 1 + last
    entropies = -(policy * np.log(policy)).sum(axis=1)  # a softmax of finite logits: no probability is 0
    answers = key_array(None if cut else state for cut, state in zip(played.truncated.tolist(), played.next_states[last].tolist(), strict=True))
    columns: dict[str, Column] = {
        "state_key": keys,
        "action_key": played.actions,
        "next_state_key": after,
        "belief_key": played.states,
        "answer_key": np.repeat(answers, np.diff(played.offsets)),
        "logprob": np.log(policy[played.states, played.actions]),
        "ref_logprob": np.full(keys.size, -np.log(actions)),
        "entropy": entropies[played.states],
        "n_tokens": np.ones(keys.size),
    }
    if problem.verdicts is not None:
        columns |= {"label": played.verdicts, "score": played.verdicts}
    return columns


def extra_columns(problem: Problem, played: Attempts, truth: Exact, rng: np.random.Generator) -> dict[str, Column]:
    """Columns that rollouts alone do not fill, [N] each: what a perfect critic says, and what fresh attempts from every state say.

    `value` is exact. `mc_value` and `potential` are the mean of `EXTRA_ROLLOUTS` fresh attempts from the same state at the same time, drawn anew for every row;
    where the reward is the outcome alone, 0 or 1, that mean is binomial with the exact value as its chance, and is drawn as such. Elsewhere they are left out.

    Args:
        problem: what was played.
        played: the attempts.
        truth: of the rewards that were paid.
        rng: draws the fresh attempts.
    """
    last = played.offsets[1:] - 1
    values = truth.values[played.times, played.states]
    ended = np.full(values.size, np.nan)
    ended[last] = 0.0  # the limit of steps belongs to the task: nothing comes after it
    columns: dict[str, Column] = {"value": values, "bootstrap_value": ended}
    if problem.verdicts is None:
        estimated = rng.binomial(EXTRA_ROLLOUTS, np.clip(values, 0.0, 1.0)) / EXTRA_ROLLOUTS
        final = np.full(values.size, np.nan)
        final[last] = played.outcomes
        columns |= {"mc_value": estimated, "bootstrap_mc_value": ended, "potential": estimated, "final_potential": final}
    return columns


def with_columns(sampled: Sampled, columns: Mapping[str, Column]) -> list[StepBatch]:
    """The batches with more columns.

    Args:
        sampled: N steps.
        columns: [N] each.
    """
    bounds = np.searchsorted(sampled.batch_of_step, np.arange(len(sampled.batches) + 1))
    return [
        batch.with_columns({name: column[bounds[index] : bounds[index + 1]] for name, column in columns.items()}) for index, batch in enumerate(sampled.batches)
    ]


def advantages_of(spec: str, batches: Sequence[StepBatch]) -> FloatArray:
    """[N] float64, advantage of every step of all batches, each batch on its own; 0 for a step that is taken out of the update."""
    credits = [assign(spec, batch) for batch in batches]
    return np.concatenate([np.where(credit.keep, credit.advantages, 0.0) for credit in credits])


def estimates(sampled: Sampled, advantages: FloatArray) -> dict[str, FloatArray]:
    """The gradient estimate of every batch: [batches, S * A] float64 by weighting."""
    played, (states, actions) = sampled.attempts, sampled.policy.shape
    batches = len(sampled.batches)
    lengths = np.diff(played.offsets)
    per_batch = played.tasks.size // batches
    steps = np.bincount(sampled.batch_of_step, minlength=batches)
    weights = {
        "attempt": np.full(played.states.size, 1.0 / per_batch),
        "step": (1.0 / steps)[sampled.batch_of_step],
        "own length": np.repeat(1.0 / (per_batch * lengths), lengths),
    }
    place = sampled.batch_of_step * states + played.states
    found: dict[str, FloatArray] = {}
    for name in WEIGHTINGS:
        weighted = weights[name] * advantages
        taken = np.bincount(place * actions + played.actions, weights=weighted, minlength=batches * states * actions).reshape(batches, states, actions)
        visited = np.bincount(place, weights=weighted, minlength=batches * states).reshape(batches, states, 1)
        found[name] = (taken - visited * sampled.policy).reshape(batches, states * actions)
    return found


def measured(estimate: FloatArray, gradient: FloatArray) -> Measures:
    """How the estimates compare with the gradient.

    |mean|^2 of B batches is too large by trace(C) / B, which is subtracted. What is left counts as different from 0 when it exceeds twice its standard error
    under a mean of 0, sqrt(2 trace(C^2)) / B.

    Args:
        estimate: [B, D] float64, one a batch.
        gradient: [D] float64.
    """
    batches = estimate.shape[0]
    truth = float(np.linalg.norm(gradient))
    mean = estimate.mean(axis=0)
    centred = estimate - mean
    noise = float((centred**2).sum()) / (batches - 1)
    gram = centred @ centred.T / (batches - 1)
    length = float(mean @ mean) - noise / batches
    known = length > 2.0 * float(np.sqrt(2.0 * (gram**2).sum())) / batches
    along = float(mean @ gradient) / truth
    lengths = np.linalg.norm(estimate, axis=1)
    silent = lengths == 0.0
    bias = float(np.sqrt(max(float(((mean - gradient) ** 2).sum()) - noise / batches, 0.0)))
    return Measures(
        cosine=along / float(np.sqrt(length)) if known else None,
        scale=along / truth,
        bias=bias / truth,
        signal_to_noise=length / noise if known and noise > 0.0 else None,
        batch_cosine=float(np.mean(estimate @ gradient / np.where(silent, 1.0, lengths))) / truth,
        silent=float(silent.mean()),
        component_bias=bias / float(np.sqrt(gradient.size)),
        component_variance=noise / gradient.size,
    )
