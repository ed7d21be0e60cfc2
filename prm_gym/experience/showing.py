"""Experiences as examples in an agent's instructions."""

from collections.abc import Sequence

import msgspec

from prm_gym.agent import Prompt
from prm_gym.experience.library import Experience, ExperienceLibrary, PastPair

_HEADING = "Good steps in similar situations of other tasks:"
_LONGEST = 2_000  # characters of an observation that are shown


def found_for(prompts: Sequence[Prompt], library: ExperienceLibrary, k: int) -> list[list[Experience]]:
    """The experiences for each prompt: most like what is seen, and of other tasks."""
    return [library.search(prompt.observation, k, prompt.task_key) for prompt in prompts]


def shown_examples(prompts: Sequence[Prompt], library: ExperienceLibrary, k: int) -> list[Prompt]:
    """The prompts with examples after their instructions, as any agent reads them that reads instructions.

    Args:
        prompts: what an agent acts on.
        library: of good steps.
        k: examples a prompt, at most.
    """
    return [with_examples(prompt, found) for prompt, found in zip(prompts, found_for(prompts, library, k), strict=True)]


def with_examples(prompt: Prompt, experiences: Sequence[Experience]) -> Prompt:
    """The prompt with these examples, the most similar one last, nearest to what is seen; unchanged without any."""
    if not experiences:
        return prompt
    parts = [_HEADING, *(_example(number, experience) for number, experience in enumerate(reversed(experiences), start=1))]
    return msgspec.structs.replace(prompt, instructions="\n\n".join([prompt.instructions, *parts]))


def _example(number: int, experience: Experience) -> str:
    """One example, with the step before and after it: what an action leads to is part of its sense (TRAD's aligned decision)."""
    lines = [f"Example {number}"]
    if experience.before is not None:
        lines += _step("Before it", experience.before)
    lines += _step("Then", PastPair(experience.observation, experience.action))
    if experience.after is not None:
        lines += _step("After it", experience.after)
    return "\n".join(lines)


def _step(when: str, pair: PastPair) -> list[str]:
    seen = pair.observation if len(pair.observation) <= _LONGEST else pair.observation[:_LONGEST] + " ..."
    return [f"{when}, seen:", seen, f"done: {pair.action}"]
