"""Policy gradient: an advantage for every step by the run's credit assigner."""

from prm_gym.training.methods.method import Method, Practice


class PolicyGradient(Method):
    """One `agent.update` a batch."""

    def learn(self, practice: Practice) -> dict[str, float]:
        """Learn from the advantages."""
        return practice.update()
