"""RolloutEstimator: the value of prefixes from roll-outs of an agent, many prefixes at once.

    with RolloutEstimator("random", "prm_gym/Countdown-v0", {"difficulty": 2}, seed=7) as estimator:
        for estimate in estimator.estimate(prefixes_of(trajectory), 16):
            estimate.soft, estimate.interval(), estimate.hard

It knows neither labels nor verdicts: what is to be made of the values is said in `prm_gym.montecarlo.labels`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from prm_gym.agent import Agent, make_agent, prompt_of, take
from prm_gym.env import StepEnv
from prm_gym.errors import ContractError, OptionError
from prm_gym.montecarlo.estimate import SUCCESS, Estimate, Rollout
from prm_gym.montecarlo.prefix import Prefix
from prm_gym.montecarlo.standing import Places, UnreachableError, reseed
from prm_gym.random_state import derived_seed
from prm_gym.rollout import make_envs


class Budget(msgspec.Struct, frozen=True):
    """What may be spent in all; None for no bound.

    No roll-out begins once a bound is reached; those under way are finished, or what is long would be missing among the outcomes.

    Attributes:
        rollouts: roll-outs, spoilt ones too.
        steps: of the environment: those of the roll-outs and those that were replayed.
    """

    rollouts: int | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        """Refuse what allows nothing.

        Raises:
            OptionError: a bound is no number from 1 on.
        """
        for name in ("rollouts", "steps"):
            bound = getattr(self, name)
            if bound is not None and (type(bound) is not int or bound < 1):
                raise OptionError(f"{name} of a budget is a number from 1 on, or None for no bound, got {bound!r}")


class Spent(msgspec.Struct):
    """What was spent so far.

    Attributes:
        rollouts: that were begun.
        steps: that they took.
        replayed: steps that were taken to stand where roll-outs begin.
        spoilt: roll-outs that the infrastructure spoilt.
        prompts: how often the agent was asked for an action.
        batches: in how many calls.
    """

    rollouts: int = 0
    steps: int = 0
    replayed: int = 0
    spoilt: int = 0
    prompts: int = 0
    batches: int = 0


class _Drawing:
    """What is drawn of one prefix."""

    def __init__(self, prefix: Prefix) -> None:
        self.prefix, self.key = prefix, prefix.key
        self.outcome: float | None = None
        self.reason = ""
        self.drawn: dict[int, Rollout] = {}
        self.spoilt = 0
        self.steps = 0

    @property
    def settled(self) -> bool:
        return self.outcome is not None or bool(self.reason)


class _Job(msgspec.Struct, frozen=True):
    """A roll-out to be played: the number of its prefix's drawing, its own number, how often it was spoilt."""

    drawing: int
    number: int
    attempt: int = 0


class _Running:
    """A roll-out under way."""

    def __init__(self, job: _Job, env: StepEnv, seed: int, privileged: bool) -> None:
        self.job, self.env, self.seed, self.privileged = job, env, seed, privileged
        self.begin = len(env.past_steps)
        self.taken = 0
        self.ended = False
        self.outcome: float | None = None

    def prompt(self) -> Any:
        # A number of its own for every step: the agent's generator mixes it.
        return prompt_of(self.env, self.privileged, seed=self.seed + 1 + self.taken)

    def record(self, result: Any) -> None:
        _, _, terminated, truncated, info = result
        self.taken += 1
        self.ended, self.outcome = terminated or truncated, info["outcome"] if info["valid"] else None

    def finished(self, prefix: Prefix) -> Rollout | None:
        """The roll-out; None if the infrastructure spoilt it."""
        if self.outcome is None:
            return None
        past = self.env.past_steps[self.begin :]
        actions, observations = tuple(step.action for step in past), tuple(step.observation for step in past)
        return Rollout(prefix=prefix, seed=self.seed, actions=actions, observations=observations, outcome=self.outcome)


class RolloutEstimator:
    """Estimates the value of prefixes: the probability that an agent succeeds from there.

    The roll-outs of all prefixes that are asked about run together: the agent acts once on the prompts of a batch, the environments step in one batch, and
    a slot that ends takes the next roll-out at once. Roll-out i of a prefix has a seed that depends on the estimator's seed, the prefix and i alone. So
    an agent that is `seeded` gives the same estimate again, alone or in any batch; one that is not gives another each time.

    A roll-out that the infrastructure spoils is drawn again with another seed, and is no failure of the agent.

    Attributes:
        agent: that continues.
        spent: what was spent so far.
        watch: called with the number of steps just taken, after every batch of them; None where nobody looks.
    """

    def __init__(
        self,
        agent: str | Agent,
        env_id: str,
        env_options: Mapping[str, Any] | None = None,
        *,
        num_envs: int = 32,
        seed: int = 0,
        success: float = SUCCESS,
        most_redraws: int = 3,
        budget: Budget | None = None,
        snapshots: int = 4_096,
    ) -> None:
        """Make the agent and the environments.

        Args:
            agent: an agent or its specification.
            env_id: a registered id.
            env_options: of the environment, as the trajectories were made with; verifiers and rewards are left out, for outcomes are all that counts here.
            num_envs: roll-outs that run at once, >= 1.
            seed: of all roll-outs, >= 0.
            success: the least outcome that counts as a success, in (0, 1].
            most_redraws: how often a spoilt roll-out is drawn again, >= 0.
            budget: what may be spent in all.
            snapshots: how many are kept, >= 0; 0 replays every prefix from its beginning.

        Raises:
            OptionError: an option out of range, or one that the environment does not take.
            UnknownNameError: no such agent or environment.
        """
        if not 0.0 < success <= 1.0:
            raise OptionError(f"success is an outcome in (0, 1], got {success!r}")
        for name, value in (("seed", seed), ("most_redraws", most_redraws), ("snapshots", snapshots)):
            if not isinstance(value, int) or value < 0:
                raise OptionError(f"{name} must be an integer from 0 on, got {value!r}")
        self.agent = make_agent(agent)
        self.env_id = env_id
        self.env_options: dict[str, Any] = {**(env_options or {}), "verifiers": [], "reward": "outcome"}
        self.envs = make_envs(env_id, num_envs, self.env_options)
        self.seed, self.success, self.most_redraws = seed, success, most_redraws
        self.budget = budget or Budget()
        self.spent = Spent()
        self.watch: Callable[[int], None] | None = None
        self._places = Places(snapshots)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the environments."""
        self.envs.close()

    def forget(self) -> None:
        """Drop the snapshots: what is drawn next takes as many steps as in a new estimator."""
        self._places = Places(self._places.limit)

    def estimate(self, prefixes: Sequence[Prefix], k: int, first: int = 0) -> list[Estimate]:
        """One estimate a prefix, in order, each from k roll-outs; equal prefixes are drawn once.

        Args:
            prefixes: of any tasks of the environment.
            k: roll-outs of each, >= 1.
            first: number of the first one: those from 4 on are others than the first four, and both together are the first eight.

        Returns:
            [len(prefixes)]; fewer roll-outs than k where the budget was used up or the infrastructure kept failing, none with a `reason` where there are none.
        """
        _require_rollouts(k)
        drawings, rows = self._drawings(prefixes)
        self._play(drawings, [_Job(row, number) for row in range(len(drawings)) for number in range(first, first + k)])
        return [self._estimate(drawings[row], prefix, k, False) for row, prefix in zip(rows, prefixes, strict=True)]

    def reach(self, prefixes: Sequence[Prefix], k: int, first: int = 0) -> list[Estimate]:
        """One hard estimate a prefix: roll-outs until the first success, k at most, in waves of 1, 1, 2, 4, ... over all prefixes.

        Where successes are frequent this takes a few roll-outs where `estimate` takes k. The share of successes is not known then: `soft` is None.

        Args:
            prefixes: of any tasks of the environment.
            k: roll-outs of each at most, >= 1.
            first: number of the first one.
        """
        _require_rollouts(k)
        drawings, rows = self._drawings(prefixes)
        done, wave = 0, 1
        while done < k:
            last = min(k, done + wave)
            pending = [row for row, drawing in enumerate(drawings) if not drawing.settled and not self._succeeded(drawing)]
            self._play(drawings, [_Job(row, first + number) for row in pending for number in range(done, last)])
            done, wave = last, last
        return [self._estimate(drawings[row], prefix, k, self._succeeded(drawings[row])) for row, prefix in zip(rows, prefixes, strict=True)]

    def _drawings(self, prefixes: Sequence[Prefix]) -> tuple[list[_Drawing], list[int]]:
        drawings: list[_Drawing] = []
        rows: dict[str, int] = {}
        found: list[int] = []
        for prefix in prefixes:
            key = prefix.key
            if key not in rows:
                rows[key] = len(drawings)
                drawings.append(_Drawing(prefix))
            found.append(rows[key])
        return drawings, found

    def _succeeded(self, drawing: _Drawing) -> bool:
        return any(rollout.outcome >= self.success for rollout in drawing.drawn.values())

    def _estimate(self, drawing: _Drawing, prefix: Prefix, asked: int, stopped: bool) -> Estimate:
        reason = drawing.reason
        if not reason and drawing.outcome is None and not drawing.drawn:
            reason = "the infrastructure spoilt every roll-out" if drawing.spoilt else "the budget was used up before a roll-out"
        return Estimate(
            prefix=prefix,
            asked=asked,
            rollouts=tuple(drawing.drawn[number] for number in sorted(drawing.drawn)),
            outcome=drawing.outcome,
            stopped=stopped,
            spoilt=drawing.spoilt,
            steps=drawing.steps,
            reason=reason,
            success=self.success,
        )

    def _play(self, drawings: Sequence[_Drawing], jobs: Iterable[_Job]) -> None:
        waiting = deque(jobs)
        free = list(reversed(self.envs.envs))
        running: list[_Running] = []
        while waiting or running:
            while waiting and free:
                job = waiting.popleft()
                begun = self._begun(job, drawings[job.drawing], free[-1])
                if begun is not None:
                    free.pop()
                    running.append(begun)
            if not running:
                continue
            self._step(running)
            for run in [run for run in running if run.ended]:
                free.append(run.env)
                self._settle(run, drawings[run.job.drawing], waiting)
            running = [run for run in running if not run.ended]

    def _begun(self, job: _Job, drawing: _Drawing, env: StepEnv) -> _Running | None:
        """Bring an environment to where a roll-out begins; None where there is nothing to be drawn."""
        if drawing.settled or self._is_used_up:
            return None
        try:
            standing = self._places.bring(env, drawing.prefix)
        except UnreachableError as error:
            drawing.reason = str(error)
            return None
        self.spent.replayed += standing.replayed
        if standing.outcome is not None:
            drawing.outcome = standing.outcome
            return None
        if self._is_used_up:
            return None
        seed = derived_seed(self.seed, drawing.key, job.number, job.attempt)
        try:
            reseed(env, seed)
        except UnreachableError as error:
            drawing.reason = str(error)
            return None
        self.spent.rollouts += 1
        return _Running(job, env, seed, self.agent.privileged)

    @property
    def _is_used_up(self) -> bool:
        rollouts, steps = self.budget.rollouts, self.budget.steps
        return (rollouts is not None and self.spent.rollouts >= rollouts) or (steps is not None and self.spent.steps + self.spent.replayed >= steps)

    def _step(self, running: Sequence[_Running]) -> None:
        actions = self.agent.act([run.prompt() for run in running])
        if len(actions) != len(running):
            raise ContractError(f"agent {self.agent.id!r} gave {len(actions)} actions for {len(running)} prompts")
        results = take([run.env for run in running], actions)
        self.spent.prompts += len(running)
        self.spent.steps += len(running)
        self.spent.batches += 1
        for run, result in zip(running, results, strict=True):
            run.record(result)
        if self.watch is not None:
            self.watch(len(running))

    def _settle(self, run: _Running, drawing: _Drawing, waiting: "deque[_Job]") -> None:
        """Keep an ended roll-out, or have it drawn again."""
        drawing.steps += run.taken
        rollout = run.finished(drawing.prefix)
        if rollout is not None:
            drawing.drawn[run.job.number] = rollout
            return
        drawing.spoilt += 1
        self.spent.spoilt += 1
        if run.job.attempt < self.most_redraws:
            waiting.appendleft(msgspec.structs.replace(run.job, attempt=run.job.attempt + 1))


def _require_rollouts(k: int) -> None:
    if not isinstance(k, int) or k < 1:
        raise OptionError(f"k is a number of roll-outs from 1 on, got {k!r}")
