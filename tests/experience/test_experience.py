"""Libraries of good steps: what is let in, found, credited, let go of; and agents that are shown it."""

import re

import msgspec
import pytest

import prm_gym
from prm_gym import Situation, StepEnv, Transition
from prm_gym.agent import Action, Agent, Prompt, make_agent
from prm_gym.errors import OptionError, StoreError
from prm_gym.experience import Experience, ExperiencedAgent, ExperienceLibrary, PastPair, shown_examples
from prm_gym.rollout import Rollouts, groups, success_rate
from prm_gym.task import Task
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verdict import abstained, judged
from prm_gym.verifier import PastStep


def step(index, observation, action, verdict=None):
    verdicts = {} if verdict is None else {"v": verdict}
    return Step(index=index, observation=observation, action=action, state_key="", next_state_key="", reward=0.0, verdicts=verdicts)


def episode(name, outcome, *steps, valid=True):
    task = Task(key=name, instructions="", question="", sealed={})
    return Trajectory(id=name, group_id=name, task=task, seed=0, env_id="e", agent="a", outcome=outcome, valid=valid, steps=tuple(steps))


def good(observation, action="act", score=1.0, **fields):
    return Experience(observation=observation, action=action, score=score, **fields)


# What is let in.


def test_steps_of_successes_are_let_in_with_what_stands_beside_them():
    won = episode("won", 1.0, step(0, "a door", "open"), step(1, "a room", "enter"), step(2, "a chest", "take"))
    lost = episode("lost", 0.0, step(0, "a pit", "jump"))
    spoilt = episode("spoilt", None, step(0, "a cloud", "fly"), valid=False)
    library = ExperienceLibrary.from_trajectories([won, lost, spoilt])
    assert [(one.observation, one.before, one.after, one.task_key) for one in library] == [
        ("a door", None, PastPair("a room", "enter"), "won"),
        ("a room", PastPair("a door", "open"), PastPair("a chest", "take"), "won"),
        ("a chest", PastPair("a room", "enter"), None, "won"),
    ]


def test_a_verifier_tells_the_good_steps_of_failures():
    lost = episode(
        "lost",
        0.0,
        step(0, "one", "right", judged("correct", 0.9, "")),
        step(1, "two", "wrong", judged("incorrect", 0.1, "")),
        step(2, "three", "who knows", abstained("?")),
        step(3, "four", "unjudged"),
    )
    library = ExperienceLibrary()
    assert library.learn([lost], verifier="v", least=0.5) == 0  # of successes alone, by default
    assert library.learn([lost], verifier="v", least=0.5, least_outcome=0.0) == 1
    assert [(one.action, one.score) for one in library] == [("right", 0.9)]  # what cannot be told is not good


def test_only_the_best_are_let_in_at_once():
    scores = {"a": 0.5, "b": 0.9, "c": 0.7}
    played = episode("e", 1.0, *(step(at, name, "act", judged("correct", score, "")) for at, (name, score) in enumerate(scores.items())))
    library = ExperienceLibrary()
    assert library.learn([played], verifier="v", least=0.5, most=2) == 2
    assert [one.observation for one in library] == ["b", "c"]


def test_of_the_same_step_the_better_stays_with_its_history():
    library = ExperienceLibrary([good("a", score=0.5, shown=2, earned=1.0)])
    assert library.add([good("a", score=0.4)]) == 0
    assert library.add([good("a", score=0.8), good("a", "other", score=0.8)]) == 2
    assert [(one.action, one.score, one.shown, one.earned) for one in library] == [("act", 0.8, 2, 1.0), ("other", 0.8, 0, 0.0)]


# What is found.


def test_the_most_alike_come_first_and_the_same_task_is_left_out():
    library = ExperienceLibrary([good("red door", "a", task_key="x"), good("blue door here", "b", task_key="y"), good("green window", "c", task_key="x")])
    assert [one.action for one in library.search("a blue door", 3)] == ["b", "a"]  # "green window" shares no word
    assert [one.action for one in library.search("a blue door", 1)] == ["b"]
    assert [one.action for one in library.search("a blue door", 3, task_key="y")] == ["a"]
    assert ExperienceLibrary().search("a blue door", 3) == []


def test_what_was_good_for_nothing_falls_behind():
    # Two experiences that are equally alike. Value (2 * 1 + earned) / (2 + shown): after two failures 2 / 4 = 0.5, after two successes 4 / 4 = 1.
    library = ExperienceLibrary([good("door", "first"), good("door", "second")])
    first = next(iter(library))
    for _ in range(2):
        library.credit([first.key, first.key, "gone"], 0.0)
    assert next(iter(library)).value == 0.5
    assert [one.action for one in library.search("door", 2)] == ["second", "first"]
    assert [one.action for one in library.search("door", 1)] == ["second"]


def test_a_full_library_lets_go_of_the_least_value():
    library = ExperienceLibrary([good("a", score=0.2), good("b", score=0.9), good("c", score=0.5)], capacity=2)
    assert [one.observation for one in library] == ["b", "c"]
    library.credit([good("b").key], 0.0)  # (2 * 0.9 + 0) / 3 = 0.6
    library.add([good("d", score=0.59)])
    assert [one.observation for one in library] == ["b", "d"]
    assert len(library.search("a b c d", 9)) == 2  # the index goes along


def test_a_library_is_stored_and_read_back(tmp_path):
    library = ExperienceLibrary([good("a", before=PastPair("x", "y"), shown=3, earned=1.5, task_key="z"), good("ü", score=0.3)])
    library.save(tmp_path / "library.jsonl")
    assert list(ExperienceLibrary.open(tmp_path / "library.jsonl")) == list(library)
    assert len(ExperienceLibrary.open(tmp_path / "library.jsonl", capacity=1)) == 1
    with (tmp_path / "library.jsonl").open("a") as file:
        file.write('{"observation": 1}\n')
    with pytest.raises(StoreError, match=r"line 3 of .* is no experience"):
        ExperienceLibrary.open(tmp_path / "library.jsonl")
    with pytest.raises(StoreError, match="no library of experiences"):
        ExperienceLibrary.open(tmp_path / "nowhere.jsonl")


def test_bad_values():
    with pytest.raises(OptionError, match="capacity is an integer from 1 on, got 0"):
        ExperienceLibrary(capacity=0)
    with pytest.raises(OptionError, match=r"the score of an experience lies in \[0, 1\], got 1.5"):
        ExperienceLibrary([good("a", score=1.5)])
    with pytest.raises(OptionError, match="examples is an integer from 1 on"):
        ExperiencedAgent(make_agent("random"), ExperienceLibrary(), examples=0)
    with pytest.raises(OptionError, match="is given the environment itself"):
        ExperiencedAgent(make_agent("scripted"), ExperienceLibrary())


# What agents are shown.


def test_examples_stand_after_the_instructions_the_nearest_last():
    library = ExperienceLibrary([good("blue door", "b", before=PastPair("p", "q")), good("door", "a", after=PastPair("r", "s"))])
    (shown,) = shown_examples([Prompt(instructions="Do.", observation="a blue door")], library, 2)
    assert shown.instructions == (
        "Do.\n\nGood steps in similar situations of other tasks:\n\n"
        "Example 1\nThen, seen:\ndoor\ndone: a\nAfter it, seen:\nr\ndone: s\n\n"
        "Example 2\nBefore it, seen:\np\ndone: q\nThen, seen:\nblue door\ndone: b"
    )
    plain = Prompt(instructions="Do.", observation="nothing of the kind")
    assert shown_examples([plain], library, 2) == [plain]
    long = ExperienceLibrary([good("door " + "x" * 5_000)])
    assert len(shown_examples([Prompt(instructions="", observation="door")], long, 1)[0].instructions) < 2_200


class Copies(Agent):
    """Does what the last example did, where that is possible; else the first listed action."""

    id = "copies"

    def __init__(self):
        self.shown = []

    def act(self, prompts):
        self.shown += [prompt.instructions for prompt in prompts]
        done = [(re.findall(r"Then, seen:\n.*\ndone: (.*)", prompt.instructions) or [""])[-1] for prompt in prompts]
        return [Action(text=said if said in prompt.actions else prompt.actions[0]) for said, prompt in zip(done, prompts, strict=True)]


def test_an_agent_is_shown_other_tasks_and_what_it_was_shown_is_credited():
    library = ExperienceLibrary([good("at home", "go", task_key="another"), good("at home", "stay", task_key="this")])
    inner = Copies()
    agent = ExperiencedAgent(inner, library, examples=1)
    assert agent.id == "copies+experience"
    now = Prompt(instructions="", observation="at home", actions=("stay", "go"), episode="e/0", task_key="this")
    later = msgspec.structs.replace(now, history=(PastStep("at home", "wait"),))
    assert [action.text for action in agent.act([now]) + agent.act([later])] == ["go", "go"]
    assert agent.learn([episode("e/0", 0.5, step(0, "at home", "go"))]) == 0
    assert [(one.action, one.shown, one.earned) for one in library] == [("go", 1, 0.5), ("stay", 0, 0.0)]
    agent.learn([episode("e/0", 1.0, step(0, "at home", "go"))])  # it has been credited already
    assert next(iter(library)).shown == 1
    assert agent.report() == {"experiences": 2.0}


class DoorsEnv(StepEnv):
    """Three doors of four colours; each is opened by the key of its colour, and the first wrong key ends the episode with the outcome 0."""

    colours = ("red", "blue", "green", "white")

    def begin(self, options):
        self.doors, self.at = [str(self.np_random.choice(self.colours)) for _ in range(3)], 0
        self.room = int(self.np_random.integers(1 << 30))
        return Task(key=f"room {self.room}", instructions="Open.", question="", sealed={}), self.look()

    def look(self):
        colour = self.doors[min(self.at, 2)]
        keys = tuple(f"key {name}" for name in self.colours)
        return Situation(observation=f"door {self.at} of room {self.room}, {colour}", state_key=f"{self.room} {self.at}", actions=keys)

    def advance(self, action):
        right = action == f"key {self.doors[self.at]}"
        self.at += right
        over = not right or self.at == 3
        return Transition(situation=self.look(), terminated=over, outcome=float(self.at == 3) if over else None)

    def save_state(self):
        return [self.doors, self.at, self.room]

    def load_state(self, state):
        self.doors, self.at, self.room = state

    def solution(self):
        return [f"key {colour}" for colour in self.doors]


prm_gym.register("test_experience/Doors-v0", f"{__name__}:DoorsEnv")


def test_a_library_of_solved_tasks_solves_others_and_grows():
    # The colour is the rarest word that a door shares with doors of other rooms, beside its number and words that all have: whoever copies the most similar
    # step opens every door. Whoever always takes the first key, "red", opens three doors in 1 of 64 tasks.
    rollouts = Rollouts("test_experience/Doors-v0", {})
    library = ExperienceLibrary.from_trajectories(rollouts.play(make_agent("scripted"), groups(range(30), 1)))
    assert len(library) == 90
    others = groups(range(100, 140), 1)
    assert success_rate(rollouts.play(Copies(), others)) < 0.2
    agent = ExperiencedAgent(Copies(), library, examples=1)
    played = rollouts.play(agent, others)
    assert success_rate(played) == 1.0
    assert agent.learn(played) == 120
    assert {one.value for one in library} == {1.0}
    assert sum(one.shown for one in library) > 0
