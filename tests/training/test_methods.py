import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import spelling_world
from spelling_world import ENV, MEANS, Mute, Reader, Speller

from prm_gym.agent import Action, Agent, make_agent
from prm_gym.errors import ContractError, OptionError, UnknownNameError
from prm_gym.training.ground import Ground
from prm_gym.training.methods import METHODS, Practice, make_method
from prm_gym.training.methods.refinement import critique
from prm_gym.training.pairs import prompt_before, step_pairs
from prm_gym.training.splicing import SplicedAgent, corrections
from prm_gym.training.step_standing import first_wrong, is_right
from prm_gym.verdict import Verdict, abstained, judged


@pytest.fixture(autouse=True)
def _known():
    spelling_world.register()


@pytest.fixture
def ground():
    ground = Ground(ENV, {"reward": "dense"}, num_envs=4)
    yield ground
    ground.close()


def _played(ground, agent, tasks=4, attempts=1, seed=0, **agent_options):
    episodes = ground.draw(np.random.default_rng(seed), np.ones(1), tasks, attempts, "0-")
    return ground.play(agent, episodes)


def _word(trajectory):
    return trajectory.task.sealed["word"]


def _practice(ground, agent, trajectories):
    return Practice(agent, trajectories, ground, "grpo")


# Right and wrong.


def _with(step, *verdicts):
    return msgspec.structs.replace(step, verdicts={str(number): verdict for number, verdict in enumerate(verdicts)})


def test_a_step_is_right_wrong_or_neither(ground):
    step = _played(ground, Speller(), 1)[0].steps[0]
    right, wrong = judged("correct", 1.0, ""), judged("incorrect", 0.0, "")
    assert is_right(_with(step, right)) is True
    assert is_right(_with(step, wrong)) is False
    # Means of 1 and 0 with one that cannot tell: 1/2, which is right from a threshold of 1/2 on.
    assert is_right(_with(step, right, wrong, abstained("?"))) is True
    assert is_right(_with(step, right, wrong), threshold=0.6) is False
    assert is_right(_with(step, abstained("?"))) is None
    assert is_right(_with(step)) is None
    # An empty step scores 0 and is no error; a text that is no step is one.
    assert is_right(_with(step, judged("trivial", 0.0, ""))) is None
    assert is_right(_with(step, Verdict(status="ok", label="malformed", score=0.0))) is False


def test_the_first_wrong_step(ground):
    # It knows A alone and types "a" else: of "b c ..." the c is the first wrong letter.
    for trajectory in _played(ground, Speller(knows="A"), 12):
        expected = next((place for place, letter in enumerate(_word(trajectory)) if letter == "c"), None)
        assert first_wrong(trajectory) == expected
        assert trajectory.outcome == float(expected is None)


# Pairs.


def test_pairs_are_of_one_situation(ground):
    # Everywhere the first attempt knows all and the second all but B, so they part where the word has its first c, after the same letters.
    episodes = ground.draw(np.random.default_rng(3), np.ones(1), 8, 2, "0-")
    good = ground.play(Speller(knows="ABC"), [episode for episode in episodes if episode.attempt == 0])
    bad = ground.play(Speller(knows="AC"), [episode for episode in episodes if episode.attempt == 1])
    pairs = step_pairs([*good, *bad])
    expected = [(word, word.index("c")) for word in map(_word, bad) if "c" in word]
    assert len(pairs) == len(expected) > 2
    for pair, (word, place) in zip(pairs, expected, strict=True):
        assert (pair.chosen.text, pair.rejected.text) == ("c", "a")
        assert pair.prompt.observation == f"B after {word[:place] or 'nothing'}"
        assert [past.action for past in pair.prompt.history] == list(word[:place])
        assert pair.prompt.actions == ("a", "b", "c", "x")
        assert pair.prompt.instructions == "Type the word."


def test_what_comes_after_a_wrong_step_is_in_no_pair(ground):
    episodes = ground.draw(np.random.default_rng(3), np.ones(1), 6, 2, "0-")
    good = ground.play(Speller(knows="ABC"), [episode for episode in episodes if episode.attempt == 0])
    # All wrong from the first letter on: only first letters can be paired, though later ones are wrong as well.
    bad = ground.play(Speller(wrong="x"), [episode for episode in episodes if episode.attempt == 1])
    assert step_pairs([*good, *bad]) == []  # of an x nobody can tell
    worse = ground.play(Rotated(), [episode for episode in episodes if episode.attempt == 1])
    assert [len(pair.prompt.history) for pair in step_pairs([*good, *worse])] == [0] * 6
    assert step_pairs([*good, *(msgspec.structs.replace(each, valid=False) for each in worse)]) == []


class Rotated(Agent):
    """Always another letter than the right one."""

    id = "rotated"

    def act(self, prompts):
        return [Action(text={"a": "b", "b": "c", "c": "a"}[MEANS[prompt.observation[0]]]) for prompt in prompts]


def test_right_steps_of_attempts_that_fail_are_chosen_only_where_that_is_wanted(ground):
    episodes = ground.draw(np.random.default_rng(3), np.ones(1), 8, 2, "0-")
    # Both fail: the steps of one are right all the same, the other is wrong from the first one on.
    almost = [_ended(each) for each in ground.play(Speller(knows="ABC"), [episode for episode in episodes if episode.attempt == 0])]
    bad = ground.play(Rotated(), [episode for episode in episodes if episode.attempt == 1])
    assert step_pairs([*almost, *bad]) == []
    assert len(step_pairs([*almost, *bad], success=0.0)) == 8


def _ended(trajectory):
    """The same attempt, which came to nothing in the end."""
    return msgspec.structs.replace(trajectory, outcome=0.0)


def test_pairs_of_one_situation_are_bounded_and_different(ground):
    episodes = ground.draw(np.random.default_rng(3), np.ones(1), 1, 6, "0-")
    good, bad = ground.play(Speller(knows="ABC"), episodes[:3]), ground.play(Rotated(), episodes[3:])
    # Three times the same two letters are one pair.
    assert len(step_pairs([*good, *bad])) == 1
    third = next(letter for letter in "abc" if letter not in (good[0].steps[0].action, bad[0].steps[0].action))
    other = msgspec.structs.replace(bad[1], steps=(msgspec.structs.replace(bad[1].steps[0], action=third), *bad[1].steps[1:]))
    assert [pair.rejected.text for pair in step_pairs([*good, bad[0], other])] == [bad[0].steps[0].action, third]
    assert len(step_pairs([*good, bad[0], other], per_state=1)) == 1


def test_step_preferences_teach_the_letter(ground):
    agent = Speller(knows="AC", explore=0.4, seed=5)
    practice = _practice(ground, agent, _played(ground, agent, 6, 6))
    metrics = make_method("step-preferences").learn(practice)
    assert metrics["pairs"] == len(agent.preferred[0]) > 0
    assert agent.table == MEANS


def test_step_preferences_without_a_pair_teach_nothing(ground):
    agent = Speller(knows="ABC")
    assert make_method("step-preferences").learn(_practice(ground, agent, _played(ground, agent, 2, 2))) == {"pairs": 0.0}
    assert agent.preferred == []


def test_step_preferences_with_a_corrector(ground):
    # One attempt each, so the batch holds no pair; the corrected letter is preferred to the wrong one.
    agent = Speller(knows="AC")
    played = _played(ground, agent, 8)
    wrong = [each for each in played if each.outcome == 0.0]
    metrics = make_method("step-preferences?corrector=scripted").learn(_practice(ground, agent, played))
    assert metrics["corrected_pairs"] == len(wrong) > 2
    assert metrics["corrected_share"] == 1.0
    assert {(pair.chosen.text, pair.rejected.text) for pair in agent.preferred[0]} == {("c", "a")}


# Corrections.


def test_a_correction_keeps_the_right_beginning(ground):
    played = _played(ground, Speller(knows="AC"), 12)
    found = corrections(ground, played, make_agent("scripted"))
    wrong = [each for each in played if "c" in _word(each)]
    assert [each.original for each in found.corrections] == wrong
    assert (found.wrong, found.unknown, found.strayed) == (len(wrong), 0, 0)
    for each in found.corrections:
        assert each.place == _word(each.original).index("c")
        assert each.trajectory.outcome == 1.0
        assert each.trajectory.steps[: each.place] == each.original.steps[: each.place]
        assert "".join(step.action for step in each.trajectory.steps) == _word(each.original)


def test_what_cannot_be_corrected_is_counted_and_left(ground):
    played = _played(ground, Speller(knows="AC"), 12)
    wrong = [each for each in played if each.outcome == 0.0]
    # The same agent once more makes the same mistake.
    again = corrections(ground, played, Speller(knows="AC"), tries=2)
    assert (again.corrections, again.wrong, again.metrics["corrected_share"]) == ([], len(wrong), 0.0)
    # Where no verifier can tell, nobody knows where to go on from.
    blind = corrections(ground, _played(ground, Speller(wrong="x"), 6), make_agent("scripted"))
    assert (blind.corrections, blind.wrong, blind.unknown) == ([], 0, 6)
    assert np.isnan(blind.metrics["corrected_share"])


def test_more_tries_are_only_made_of_what_is_still_wrong(ground):
    played = _played(ground, Speller(knows="AC"), 12)
    wrong = sum(each.outcome == 0.0 for each in played)
    before = ground.env_steps
    assert len(corrections(ground, played, make_agent("scripted"), tries=5).corrections) == wrong
    assert ground.env_steps - before == 3 * wrong  # replayed steps are steps too


def test_a_replay_that_sees_something_else_is_no_correction(ground):
    played = [each for each in _played(ground, Speller(knows="AC"), 12) if "c" in _word(each)[1:] and _word(each)[0] != "c"]
    assert played
    other = [msgspec.structs.replace(each, steps=(msgspec.structs.replace(each.steps[0], observation="elsewhere"), *each.steps[1:])) for each in played]
    found = corrections(ground, other, make_agent("scripted"))
    assert (found.corrections, found.strayed) == ([], len(played))


def test_a_spliced_agent_seeds_those_that_keep_to_seeds(ground):
    class Seeded(Agent):
        id = "seeded"
        seeded = True

        def __init__(self):
            self.seen = []

        def act(self, prompts):
            self.seen += [(prompt.seed, prompt.environment) for prompt in prompts]
            return [Action(text="a") for _ in prompts]

    one, two = Seeded(), Seeded()
    episodes = ground.draw(np.random.default_rng(0), np.ones(1), 3, 1, "0-")
    ground.play(SplicedAgent(one, {}), episodes)
    ground.play(SplicedAgent(two, {}), episodes[::-1])
    # A number of its own for every step, whatever is in the batch; and no environment, for it is not privileged.
    assert len({seed for seed, _ in one.seen}) == 9
    assert {seed for seed, _ in one.seen} == {seed for seed, _ in two.seen}
    assert {environment for _, environment in one.seen} == {None}


def test_only_the_corrected_part_is_imitated(ground):
    agent = Speller(knows="AC")
    played = _played(ground, agent, 12)
    metrics = make_method("correction?corrector=scripted").learn(_practice(ground, agent, played))
    expected = [
        (step.observation, step.action, float(place >= word.index("c")))
        for word in (_word(each) for each in played if "c" in _word(each))
        for place, (step, _) in enumerate(zip(_right(ground, word), word, strict=True))
    ]
    assert agent.imitated == [expected]
    assert metrics["imitated_steps"] == sum(weight for _, _, weight in expected)
    assert agent.updates == 1
    assert agent.table == MEANS


def _right(ground, word):
    """The steps of an episode that types a word rightly, as (observation, action)."""
    clues = {letter: clue for clue, letter in MEANS.items()}
    return [Seen(f"{clues[letter]} after {word[:place] or 'nothing'}", letter) for place, letter in enumerate(word)]


class Seen(msgspec.Struct):
    observation: str
    action: str


def test_the_agent_itself_corrects(ground):
    agent = Speller(knows="AC", explore=0.5, seed=1)
    played = _played(ground, Speller(knows="AC"), 8)
    wrong = sum(each.outcome == 0.0 for each in played)
    metrics = make_method("correction?corrector=self&tries=30&policy_gradient=false").learn(_practice(ground, agent, played))
    # A c comes by chance once in six letters; thirty tries for at most three of them find most.
    assert metrics["corrections"] >= 0.8 * wrong
    assert agent.updates == 0
    assert agent.table["B"] == "c"


def test_mixed_goes_on_from_the_middle(ground):
    # With a skill of 1 it follows the solution as long as what came before did.
    played = _played(ground, Speller(knows="AC"), 12)
    found = corrections(ground, played, make_agent("mixed:1.0"))
    assert found.metrics["corrected_share"] == 1.0


# Expert iteration.


def test_the_best_attempts_are_imitated(ground):
    agent = Speller(knows="AC", explore=0.4, seed=2)
    played = _played(ground, agent, 4, 20)
    solved = {each.group_id for each in played if each.outcome == 1.0}
    metrics = make_method("expert-iteration").learn(_practice(ground, agent, played))
    assert metrics["imitated"] == len(solved) > 2
    assert {weight for _, _, weight in agent.imitated[0]} == {1.0}
    assert all(MEANS[observation[0]] == action for observation, action, _ in agent.imitated[0])


def test_different_attempts_are_kept_and_wrong_ways_are_not(ground):
    method = make_method("expert-iteration?keep=3")
    played = _played(ground, Speller(knows="ABC"), 1, 4)
    assert len(method.best(played)) == 1  # four times the same
    lucky = [_marked(each, number) for number, each in enumerate(played)]
    assert [each.id for each in method.best(lucky)] == [each.id for each in lucky[:3]]
    wrong = [_scored(each, 0.0) for each in lucky]
    assert method.best(wrong) == []  # a right answer by a wrong way
    assert len(make_method("expert-iteration?keep=3&verified=false").best(wrong)) == 3
    assert method.best([msgspec.structs.replace(each, valid=False) for each in lucky]) == []
    # Of equal outcomes the better scored way comes first, whatever its place.
    best = [*(_scored(each, 0.6) for each in lucky[:3]), lucky[3]]
    assert make_method("expert-iteration").best(best) == [lucky[3]]


def _marked(trajectory, number):
    """The same attempt in other words."""
    return msgspec.structs.replace(trajectory, steps=tuple(msgspec.structs.replace(step, action=f"{step.action}{number}") for step in trajectory.steps))


def _scored(trajectory, score):
    verdict = judged("correct" if score > 0.5 else "incorrect", score, "")
    return msgspec.structs.replace(trajectory, steps=tuple(msgspec.structs.replace(step, verdicts={"v": verdict}) for step in trajectory.steps))


def test_a_batch_without_success_teaches_no_expert(ground):
    agent = Speller(wrong="x")
    metrics = make_method("expert-iteration").learn(_practice(ground, agent, _played(ground, agent, 2, 2)))
    assert (metrics["imitated"], agent.imitated) == (0.0, [])


# Refinement.


def test_a_critique_says_what_the_verifiers_said(ground):
    [trajectory] = _played(ground, Speller(wrong="x"), 1)
    assert critique(trajectory) == (
        "An earlier attempt at this task, with what was found about its steps:\n"
        + "".join(f"{place}. x   [abstain: an x can be anything]\n" for place in (1, 2, 3))
        + "How it ended: outcome 0. Do better."
    )


def test_second_attempts_read_the_critique_and_are_distilled(ground):
    agent = Reader(knows="AC")
    played = _played(ground, agent, 12)
    wrong = [each for each in played if "c" in _word(each)]
    metrics = make_method("refinement").learn(_practice(ground, agent, played))
    # What was called wrong is named, so every second attempt succeeds; each group has one first attempt, of outcome 0, so the gain is 1.
    assert (metrics["refined"], metrics["refined_success"], metrics["distilled"]) == (len(wrong), 1.0, len(wrong))
    assert {weight for _, _, weight in agent.imitated[0]} == {1.0}
    assert agent.table == MEANS
    assert agent.updates == 1


def test_the_gain_is_over_the_groups_first_attempts(ground):
    # Two attempts, one of which succeeds: the baseline is 1/2, and so is the gain of a second attempt that succeeds.
    episodes = ground.draw(np.random.default_rng(3), np.ones(1), 12, 2, "0-")
    good = ground.play(Speller(knows="ABC"), [episode for episode in episodes if episode.attempt == 0])
    bad = ground.play(Speller(knows="AC"), [episode for episode in episodes if episode.attempt == 1])
    agent = Reader(knows="AC")
    make_method("refinement?policy_gradient=false").learn(_practice(ground, agent, [*good, *bad]))
    assert {weight for _, _, weight in agent.imitated[0]} == {0.5}
    assert agent.updates == 0


def test_an_agent_that_does_not_read_gains_nothing(ground):
    agent = Speller(knows="AC")
    metrics = make_method("refinement").learn(_practice(ground, agent, _played(ground, agent, 6)))
    assert (metrics["refined_success"], metrics["distilled"], agent.imitated) == (0.0, 0.0, [])


# Any method.


def test_a_prompt_is_rebuilt_as_it_was(ground):
    seen = []

    class Watching(Speller):
        def act(self, prompts):
            seen.extend(prompts)
            return super().act(prompts)

    [trajectory] = _played(ground, Watching(knows="A"), 1)
    for place, prompt in enumerate(seen):
        rebuilt = prompt_before(trajectory, place)
        assert msgspec.structs.replace(rebuilt, episode=prompt.episode) == prompt


def test_steps_that_are_not_listed_are_not_forced_on_an_agent(ground):
    agent = Mute()
    played = [_marked(each, 7) for each in _played(ground, agent, 1)]
    assert Practice(agent, played, ground).imitate(played) == {"imitated_steps": 0.0}


@pytest.mark.parametrize(
    ("method", "lacks"), [("expert-iteration", "imitate"), ("correction", "imitate"), ("refinement", "imitate"), ("step-preferences", "prefer")]
)
def test_an_agent_that_cannot_is_refused_before_anything_is_played(method, lacks):
    with pytest.raises(ContractError, match=rf"agent 'mute' has no {lacks}\(\)"):
        make_method(method).require_able(Mute())
    make_method("policy-gradient").require_able(Mute())


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        ("corection", UnknownNameError, "Did you mean 'correction'"),
        ("correction?trys=2", OptionError, "Did you mean 'tries'"),
        ("correction?tries=0", OptionError, "tries is at least 1"),
        ("correction?corrector=scriptd", UnknownNameError, "Did you mean 'scripted'"),
        ("expert-iteration?keep=0", OptionError, "keep is at least 1"),
        ("expert-iteration?keep=half", OptionError, "keep"),
        ("step-preferences?threshold=0", OptionError, "threshold lies in"),
        ("refinement?success=2", OptionError, "success lies in"),
    ],
)
def test_methods_and_options_that_there_are_not(spec, error, says):
    with pytest.raises(error, match=says):
        make_method(spec)


def test_every_method_is_there():
    assert {type(make_method(name)).__name__ for name in METHODS} == {"Correction", "ExpertIteration", "PolicyGradient", "Refinement", "StepPreferences"}
