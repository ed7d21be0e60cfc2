"""An environment with an option that spoils some of its episodes."""

from prm_gym.envs.math.countdown import CountdownEnv
from prm_gym.errors import EnvironmentFault


class FlakyEnv(CountdownEnv):
    """Countdown; where `spoils` is set, tasks with an even target end with their first step, as when a page dies."""

    def __init__(self, *, spoils=False, **options):
        super().__init__(**options)
        self.spoils = spoils

    def advance(self, action):
        if self.spoils and target(self.task) % 2 == 0:
            raise EnvironmentFault("the page is gone")
        return super().advance(action)


def target(task):
    """Of "Make 16 from 1 5 10."."""
    return int(task.question.split()[1])
