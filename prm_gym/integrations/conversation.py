"""An environment of ours as a conversation, which is what the loops of other projects hold: messages out, replies in."""

from collections.abc import Mapping
from typing import Any

from prm_gym.env import StepEnv
from prm_gym.integrations.episodes import PlayedEpisode
from prm_gym.judging.reading import without_thoughts
from prm_gym.rollout import make_envs
from prm_gym.trajectory import Step

Message = dict[str, str]

LISTED = "Admissible actions, one a line:"


class Conversation:
    """Episodes of one environment, one after the other, driven by replies in text.

        talk = Conversation("prm_gym/Countdown-v0", {"reward": "dense"})
        messages = talk.begin(seed=3)          # a system message with the instructions, a user message with what is seen
        while not talk.episode.ended:
            text = ask(messages)
            talk.reply(text)                   # a `Step`
            messages += [{"role": "assistant", "content": text}, {"role": "user", "content": talk.seen()}]

    Some environments and verifiers are bound to the thread that made them: a loop that runs in several puts it into an `OwnThread`.

    Attributes:
        env: the environment.
        env_id: as it was named.
        episode: that runs, or has run last; one without steps before the first.
    """

    def __init__(self, env_id: str, options: Mapping[str, Any] | None = None, *, list_actions: bool = True) -> None:
        """Make the environment.

        Args:
            env_id: as `gymnasium.make` takes it: "prm_gym/Deduction-v0", or "my_package:mine/Puzzle-v0".
            options: keyword options of the environment.
            list_actions: admissible actions are shown after what is seen, where the environment lists them.

        Raises:
            UnknownNameError: no environment has that id; says the near miss.
            OptionError: it does not take such an option, or the module before the colon cannot be imported.
            ContractError: the id belongs to something else than a step environment.
        """
        self.env_id, self._options, self._list_actions = env_id, dict(options or {}), list_actions
        self.env: StepEnv = make_envs(env_id, 1, self._options).envs[0]
        self.episode = self._recorded(None)

    def begin(self, seed: int | None = None, options: dict[str, Any] | None = None) -> list[Message]:
        """Begin an episode.

        Args:
            seed: of `reset`.
            options: of `reset`.

        Returns:
            The system message, which says how an action is written, and the user's, which holds what is seen.
        """
        self.env.reset(seed=seed, options=options)
        self.episode = self._recorded(seed)
        return [{"role": "system", "content": self.env.task.instructions}, {"role": "user", "content": self.seen()}]

    def reply(self, text: str) -> Step:
        """Take the step that a reply names: what it says after its thoughts; all of it where a thought is not ended, which is no step.

        Raises:
            gymnasium.error.ResetNeeded: the episode has ended, or none has begun.
        """
        return self.episode.step(action_of(text))

    def seen(self) -> str:
        """What the agent sees now, as the content of a user message."""
        situation = self.env.situation
        if not (self._list_actions and situation.actions):
            return situation.observation
        return "\n".join([situation.observation, "", LISTED, *situation.actions])

    def close(self) -> None:
        """Close the environment and its verifiers."""
        self.env.close()

    def _recorded(self, seed: int | None) -> PlayedEpisode:
        return PlayedEpisode(self.env, self.env_id, self._options, seed, "conversation")


def action_of(reply: str) -> str:
    """The action of a model's reply: what comes after its thoughts, without blanks around it; all of it where a thought is not ended, which is no step.

    >>> action_of("<think>3 * 8 = 24</think> 3 * 8")
    '3 * 8'
    """
    said = without_thoughts(reply)
    return (reply if said is None else said).strip()
