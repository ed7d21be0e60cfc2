"""Any agent with examples from a library, which learns what it was good for."""

from collections.abc import Iterable, Sequence

from prm_gym.agent import Action, Agent, Prompt
from prm_gym.errors import OptionError
from prm_gym.experience.library import ExperienceLibrary
from prm_gym.experience.showing import found_for, with_examples
from prm_gym.trajectory import Trajectory


class ExperiencedAgent(Agent):
    """Acts as another agent does that is shown, at every step, the good steps most like what it sees.

    `learn` with the episodes it has played: the experiences that were shown in them are worth what came of it, and good steps are let in.

    The examples are no part of the stored steps: what a language model did with examples before it cannot be rebuilt for an update of that model.
    """

    privileged = False

    def __init__(self, agent: Agent, library: ExperienceLibrary, examples: int = 3) -> None:
        """Put them together; both belong to the caller.

        Args:
            agent: acts; one that reads `Prompt.instructions`.
            library: of good steps.
            examples: at each step, at most; >= 1.

        Raises:
            OptionError: the number is none, or the agent is privileged, which needs no examples.
        """
        if type(examples) is not int or examples < 1:
            raise OptionError(f"examples is an integer from 1 on, got {examples!r}")
        if agent.privileged:
            raise OptionError(f"the agent {agent.id!r} is given the environment itself: examples say nothing to it")
        self.id = f"{agent.id}+experience"
        self.agent, self.library, self.examples = agent, library, examples
        self._shown: dict[str, set[str]] = {}  # by episode: keys of the experiences

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """One action a prompt."""
        found = found_for(prompts, self.library, self.examples)
        for prompt, experiences in zip(prompts, found, strict=True):
            if prompt.episode:
                self._shown.setdefault(prompt.episode, set()).update(experience.key for experience in experiences)
        return self.agent.act([with_examples(prompt, experiences) for prompt, experiences in zip(prompts, found, strict=True)])

    def learn(self, trajectories: Iterable[Trajectory], *, verifier: str = "", least: float = 1.0, least_outcome: float = 1.0) -> int:
        """Credit what was shown in these episodes, then let in their good steps.

        Args:
            trajectories: that this agent has played, by the ids that their prompts named.
            verifier: see `ExperienceLibrary.learn`; likewise the others.
            least: likewise.
            least_outcome: likewise.

        Returns:
            How many steps were let in.
        """
        played = list(trajectories)
        for trajectory in played:
            shown = self._shown.pop(trajectory.id, set[str]())
            if trajectory.valid and trajectory.outcome is not None:
                self.library.credit(shown, trajectory.outcome)
        return self.library.learn(played, verifier=verifier, least=least, least_outcome=least_outcome)

    def report(self) -> dict[str, float]:
        """What the agent within has taken, and how many experiences there are."""
        return self.agent.report() | {"experiences": float(len(self.library))}
