"""Somebody who does things in the mailbox of `prm_gym/Mail-v0`, for its tests."""

import itertools

from prm_gym.envs.web.mail import MailEnv
from prm_gym.envs.web.mail_tasks import LEVELS
from prm_gym.web import action_text
from prm_gym.web.scenario import resolved

ENVS = {level: MailEnv(difficulty=level) for level in LEVELS}


class Visitor:
    """Somebody who does one thing after another, and remembers the verdicts."""

    def __init__(self, env):
        self.env, self.labels, self.outcome, self.reasons = env, [], None, []

    def do(self, *steps):
        for step in steps:
            action = step if isinstance(step, str) else action_text(resolved(step, self.env.live.sight))
            *_, info = self.env.step(action)
            self.labels.append(info["verdicts"]["state"].label)
            self.reasons.append(info["verdicts"]["state"].reason)
            self.outcome = info["outcome"]
        return self

    @property
    def fine(self):
        return self.outcome == 1 and "incorrect" not in self.labels


def begun(kind, level, fits=lambda scenario: True):
    """A task of a kind at its beginning."""
    env = ENVS[level]
    for seed in itertools.count():
        env.reset(seed=seed)
        if env.scenario.kind.startswith(kind) and "+" not in env.scenario.kind and fits(env.scenario):
            return env
        assert seed < 4000, kind
    return None


def scripted(env, without=0):
    """The scripted steps, without the last ones."""
    script = env.scenario.script
    return script[: len(script) - without]
