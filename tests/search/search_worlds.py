"""Worlds whose searches can be worked out by hand, agents of known skill, and verifiers that count what they are asked."""

import numpy as np

import prm_gym
from prm_gym import Situation, StepEnv, Task, Transition
from prm_gym.agent import Action
from prm_gym.errors import ContractError, EnvironmentFault
from prm_gym.search import Draft, DraftingAgent
from prm_gym.verdict import Verdict
from prm_gym.verifier import Verifier


class PathEnv(StepEnv):
    """`depth` steps, each one of the listed words; the outcome is that of the path in `leaves`, else whether all steps were "right"."""

    default_max_steps = 16
    steps_taken = 0

    def __init__(self, *, depth=3, words=("right", "wrong"), leaves=None, **options):
        super().__init__(**options)
        self.depth, self.words, self.leaves = depth, tuple(words), leaves

    def begin(self, options):
        self.number, self.path = int(self.np_random.integers(1 << 30)), []
        return Task(key=f"path {self.number}", instructions="", question=""), self.look()

    def look(self):
        return Situation(observation=" ".join(self.path), state_key=" ".join(self.path), actions=self.words)

    def advance(self, action):
        type(self).steps_taken += 1
        self.path.append(self.said(action))
        over = len(self.path) == self.depth
        return Transition(situation=self.look(), terminated=over, outcome=self.value() if over else None)

    def said(self, action):
        return action

    def value(self):
        return float(all(word == "right" for word in self.path)) if self.leaves is None else self.leaves[" ".join(self.path)]

    def save_state(self):
        return [self.number, self.path]

    def load_state(self, state):
        self.number, self.path = state[0], list(state[1])

    def solution(self):
        return ["right"] * self.depth


class LuckyPathEnv(PathEnv):
    """Likewise, and what is done is another word in one of four cases."""

    def said(self, action):
        return action if self.np_random.random() < 0.75 else "wrong"


class LivePathEnv(PathEnv):
    """Likewise, and cannot be saved."""

    def save_state(self):
        raise ContractError("a live site cannot be saved")


class BrokenPathEnv(PathEnv):
    """Every step breaks the infrastructure."""

    def advance(self, action):
        raise EnvironmentFault("gone")


class LostPathEnv(PathEnv):
    """A state that is to be put back is lost in `broken` of every 12 tries."""

    tries = 0

    def __init__(self, *, broken=12, **options):
        super().__init__(**options)
        self.broken = broken

    def load_state(self, state):
        type(self).tries += 1
        if type(self).tries % 12 < self.broken:
            raise EnvironmentFault("the session is gone")
        super().load_state(state)


class OneLostPathEnv(PathEnv):
    """The state that the first word "wrong" leads to cannot be put back."""

    def load_state(self, state):
        if list(state[1]) == ["wrong"]:
            raise EnvironmentFault("the session is gone")
        super().load_state(state)


class UnsavedPathEnv(PathEnv):
    """No state but the first can be saved, for the moment."""

    def save_state(self):
        if self.path:
            raise EnvironmentFault("the server has no room")
        return super().save_state()


class AbsentPathEnv(PathEnv):
    """No episode can be begun."""

    def begin(self, options):
        raise EnvironmentFault("nobody there")


for kind in (AbsentPathEnv, PathEnv, LuckyPathEnv, LivePathEnv, BrokenPathEnv, LostPathEnv, OneLostPathEnv, UnsavedPathEnv):
    prm_gym.register(f"test_search/{kind.__name__}", f"{__name__}:{kind.__name__}")


class PathAgent(DraftingAgent):
    """Right with a known probability, whatever came before; a token is a letter."""

    seeded = True

    def __init__(self, skill=0.5, tokens=True):
        self.id, self.skill, self.tokens, self.prompts, self.batches, self.written = f"path:{skill}", skill, tokens, 0, 0, 0

    def word(self, prompt):
        return "right" if np.random.default_rng(prompt.seed).random() < self.skill else "wrong"

    def act(self, prompts):
        self.prompts, self.batches = self.prompts + len(prompts), self.batches + 1
        return [self.action(self.word(prompt)) for prompt in prompts]

    def action(self, text):
        self.written += len(text)
        return Action(text=text, token_ids=tuple(map(ord, text)) if self.tokens else None)

    def draft(self, prompts, most_tokens):
        self.prompts += len(prompts)
        texts = [self.word(prompt)[:most_tokens] for prompt in prompts]
        self.written += sum(map(len, texts))
        return [Draft(text, tuple(map(ord, text))) for text in texts]

    def complete(self, prompts, drafts):
        whole = [next(word for word in ("right", "wrong") if word.startswith(draft.text)) for draft in drafts]
        self.written -= sum(len(draft.text) for draft in drafts)
        return [self.action(text) for text in whole]


class SayingAgent(PathAgent):
    """Says given texts, one after the other."""

    seeded = False

    def __init__(self, *texts):
        super().__init__()
        self.texts = list(texts)

    def word(self, prompt):
        return self.texts.pop(0)


class MarksVerifier(Verifier):
    """Scores a step by its text, by the path that it ends, or by the outcome."""

    id, version = "marks", "1"

    def __init__(self, marks=None, outcome=False):
        self.marks, self.outcome, self.asked, self.batches = marks or {"right": 1.0, "ri": 1.0, "wrong": 0.0, "wr": 0.0}, outcome, 0, 0

    def __repr__(self):  # stored with the trajectories
        return "marks"

    def verify(self, steps):
        self.asked, self.batches = self.asked + len(steps), self.batches + 1
        return [self.verdict(step) for step in steps]

    def verdict(self, step):
        path = " ".join([*(past.action for past in step.previous), step.action])
        score = step.outcome if self.outcome else self.marks.get(path, self.marks.get(step.action))
        return Verdict(status="abstain") if score is None else Verdict(status="ok", label="correct" if score >= 0.5 else "incorrect", score=score)
