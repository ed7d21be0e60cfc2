"""Choosing by step scores: the best of several solutions by every aggregation, votes, and the best of several actions in an environment.

What searches further (beams, trees) stands elsewhere; this is what a process reward model is tried by.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from prm_gym.agent import Action, Agent, Prompt
from prm_gym.env import StepEnv
from prm_gym.errors import ContractError, OptionError
from prm_gym.prm.aggregation import aggregate
from prm_gym.verifier import StepContext, Verifier, verify_batch


class Candidate(msgspec.Struct, frozen=True):
    """One solution of a problem.

    Attributes:
        scores: [T] of its steps.
        answer: what it answers, in a form in which equal answers are equal; empty where it answers nothing. Only votes look at it.
    """

    scores: tuple[float | None, ...]
    answer: str = ""


def best_of_n(candidates: Sequence[Candidate], how: str = "min") -> int | None:
    """Which solution is chosen.

    "majority" takes the first one with the answer that most have; "weighted_majority" that whose answer has the largest sum of least scores (or, written
    "weighted_majority:mean", of another aggregation). Of equal ones the first is taken.

    Args:
        candidates: solutions of one problem.
        how: an aggregation, or a vote.

    Returns:
        Its place; None where none of them can be told anything of, or none answers.

    Raises:
        UnknownNameError: no such aggregation.
    """
    vote, _, inner = how.partition(":")
    if vote in ("majority", "weighted_majority"):
        return _voted(candidates, [1.0 if vote == "majority" else aggregate(each.scores, inner or "min") for each in candidates])
    values = [aggregate(each.scores, how) for each in candidates]
    known = [(value, -at) for at, value in enumerate(values) if value is not None]
    return -max(known)[1] if known else None


def _voted(candidates: Sequence[Candidate], weights: Sequence[float | None]) -> int | None:
    sums: dict[str, float] = {}
    for each, weight in zip(candidates, weights, strict=True):
        if each.answer and weight is not None:
            sums[each.answer] = sums.get(each.answer, 0.0) + weight
    if not sums:
        return None
    chosen = max(sums, key=lambda answer: sums[answer])  # of equal ones the first
    best = [(weight, -at) for at, (each, weight) in enumerate(zip(candidates, weights, strict=True)) if each.answer == chosen and weight is not None]
    return -max(best)[1]


class GuidedAgent(Agent):
    """Takes, of several actions that another agent proposes, the one that a verifier scores highest.

    The verifier is given the task, so this is for evaluation and search, not for an agent that must do without; the other agent is shown nothing more than
    usual. An action that the verifier cannot tell anything of stands behind every one that is scored above `unknown`.
    """

    privileged = True

    def __init__(self, agent: Agent, verifier: Verifier, samples: int = 4, look: Literal["text", "step"] = "text", unknown: float = 0.0) -> None:
        """Put them together; both belong to the caller.

        Args:
            agent: proposes.
            verifier: chooses.
            samples: proposals of each state, >= 1.
            look: what is scored: "text", the proposed action as it is written; "step", the step that it makes, taken in the environment and taken back by a
                snapshot: for verifiers that need claims or the outcome.
            unknown: what an action without a score counts as, in [0, 1].

        Raises:
            OptionError: an option has no such value.
        """
        if samples < 1 or look not in ("text", "step") or not 0.0 <= unknown <= 1.0:
            raise OptionError(f"samples is at least 1, look 'text' or 'step', unknown in [0, 1]; got {samples!r}, {look!r}, {unknown!r}")
        self.id = f"{agent.id}+{verifier.id}:{verifier.version}@{samples}"
        self.agent, self.verifier, self.samples, self.look, self.unknown = agent, verifier, samples, look, unknown

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """One action a prompt; all proposals are scored in one batch.

        Raises:
            ContractError: no environment came with a prompt.
        """
        if any(not isinstance(prompt.environment, StepEnv) for prompt in prompts):
            raise ContractError("a guided agent needs the environment in its prompts: play it by prm_gym.rollout")
        shown = prompts if self.agent.privileged else [msgspec.structs.replace(prompt, environment=None) for prompt in prompts]
        rounds = [self.agent.act(shown) for _ in range(self.samples)]
        proposed = [_distinct([one[at] for one in rounds]) for at in range(len(prompts))]
        asked = [
            self._context(prompt.environment, action.text) for prompt, actions in zip(prompts, proposed, strict=True) if len(actions) > 1 for action in actions
        ]
        verdicts = iter(verify_batch([self.verifier], asked))
        chosen: list[Action] = []
        for actions in proposed:
            scores = [next(verdicts)[self.verifier.id].score if len(actions) > 1 else None for _ in actions]
            values = [self.unknown if score is None else score for score in scores]
            chosen.append(actions[max(range(len(actions)), key=lambda at: values[at])])
        return chosen

    def _context(self, env: StepEnv, action: str) -> StepContext:
        if self.look == "text":
            return StepContext(task=env.task, previous=env.past_steps, observation=env.situation.observation, action=action)
        before, observation, previous = env.snapshot(), env.situation.observation, env.past_steps
        _, _, terminated, truncated, info = _stepped(env, action)
        taken = env.past_steps[-1]
        context = StepContext(
            task=env.task,
            previous=previous,
            observation=observation,
            action=taken.action,
            claims=taken.claims,
            terminated=terminated,
            truncated=truncated,
            outcome=info["outcome"],
        )
        env.restore(before)
        return context


def _distinct(proposals: Sequence[Action]) -> list[Action]:
    """The proposals of one state without repetitions and failures; one failure where there is nothing else."""
    acting = [action for action in proposals if not action.failure] or proposals[:1]
    return list({action.text: action for action in reversed(acting)}.values())[::-1]


def _stepped(env: StepEnv, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
    """A step that no verifier judges."""
    return StepEnv.step_batch([env], [action], [])[0]
