import json
import os
import subprocess
import sys

import gymnasium as gym
import pytest
from gymnasium.utils.seeding import np_random

pytest.importorskip("reasoning_gym")

import prm_gym  # noqa: F401  - registers the ids
from prm_gym.claims import ReasoningGymAnswer
from prm_gym.envs.adapters.reasoning_gym import ReasoningGymEnv
from prm_gym.errors import EnvironmentFault
from prm_gym.procedural import Entry, ReasoningGymService, Source, service
from prm_gym.procedural.entries import RecentEntries

# Numbers of 18 digits are factored by trial division: at once where their factors are small, in minutes where they are not.
HARD = Source("prime_factorization", '{"max_value": 1000000000000000000, "min_value": 100000000000000000}', 0, 0, 1000)
EASY_PLACE, HARD_PLACE = 28, 1


@pytest.fixture
def alone(monkeypatch):
    """A service that remembers nothing of what others in this process have asked, and has workers of its own."""
    for name, empty in (("_POOLS", {}), ("_SCORES", type(service._SCORES)()), ("_ENTRIES", RecentEntries(4096, 1 << 25))):
        monkeypatch.setattr(service, name, empty)
    asked = ReasoningGymService()
    yield asked
    for pool in service._POOLS.values():
        pool.close()


def _claim(entry, answer):
    return ReasoningGymAnswer(entry.dataset, entry.entry, answer, entry.config, entry.difficulty)


def _kept(source, indices):
    return service._ENTRIES.unknown(source, indices) == []


# Entries.

ONE_BY_ONE = """
import json, sys
from prm_gym.procedural import worker
print(json.dumps([[worker._make((name, "{}", 0, 11, 40), place) for place in (39, 2, 17, 0)] for name in sys.argv[1:]]))
"""


def test_entries_made_together_are_those_made_one_by_one(alone):
    # Data sets that draw from the global generators, that depend on the hash seed, and that pass entries over are among them.
    names = ["chain_sum", "ransom_note", "word_ladder", "ab", "intermediate_integration", "letter_jumble", "knight_swap"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", ONE_BY_ONE, *names], env=environment, capture_output=True, text=True, timeout=120, check=True)
    sources = [Source(name, "{}", 0, 11, 40) for name in names]
    alone.prefetch([(source, place) for place in (0, 2, 17, 39) for source in sources])
    assert all(_kept(source, (0, 2, 17, 39)) for source in sources)
    for source, expected in zip(sources, json.loads(done.stdout), strict=True):
        for place, fields in zip((39, 2, 17, 0), expected, strict=True):
            fields.pop("worth")
            assert alone.entry(source, place) == Entry(**fields)


def test_the_known_answer_is_worth_what_its_scorer_gives(alone):
    for name in ("chain_sum", "sentence_reordering", "game_of_life", "countdown", "complex_arithmetic", "n_queens"):
        entry = alone.entry(Source(name, "{}", 0, 0, 10), 0)
        known = alone.score([_claim(entry, entry.gold.strip())])
        service._SCORES.clear()
        assert alone.score([_claim(entry, entry.gold.strip())]) == known
        assert known[0].score == 1.0


def test_an_entry_that_hangs_takes_none_with_it(alone, monkeypatch):
    monkeypatch.setattr(service, "MAKE_SECONDS", 3.0)
    monkeypatch.setattr(service, "AHEAD_SECONDS", 1.0)  # so that the one that hangs is begun on a busy machine too
    easy = alone.entry(HARD, EASY_PLACE, lambda: [HARD_PLACE, EASY_PLACE])
    assert easy.index == EASY_PLACE
    with pytest.raises(EnvironmentFault, match=f"makes no entry {HARD_PLACE} of 'prime_factorization'"):
        alone.entry(HARD, HARD_PLACE)
    assert alone.entry(HARD, EASY_PLACE) == easy


def test_a_batch_with_an_entry_that_hangs_leaves_it_to_whoever_asks(alone, monkeypatch):
    monkeypatch.setattr(service, "MAKE_SECONDS", 3.0)
    sums = Source("chain_sum", "{}", 0, 0, 10)
    alone.prefetch([(HARD, HARD_PLACE), (HARD, HARD_PLACE), (sums, 1), (sums, 2)])
    assert _kept(sums, (1, 2))
    assert not _kept(HARD, (HARD_PLACE,))


def test_what_is_expected_may_name_an_entry_twice(alone):
    source = Source("chain_sum", "{}", 0, 0, 10)
    entry = alone.entry(source, 3, lambda: [4, 5, 3, 4])
    assert entry.index == 3
    assert _kept(source, (3, 4, 5))


# Answers.


def test_answers_are_scored_together_as_alone(alone):
    # The scorer of prime_factorization raises at "x", and pays the product in any order.
    entry = alone.entry(Source("prime_factorization", "{}", 0, 0, 10), 0)
    answers = ["x", entry.gold, "1", "y", entry.gold + " × 1", "x"]
    together = alone.score([_claim(entry, answer) for answer in answers])
    service._SCORES.clear()
    assert [alone.score([_claim(entry, answer)])[0] for answer in answers] == together
    assert [scored.status for scored in together][:3] == ["error", "ok", "ok"]
    assert "ValueError" in together[0].reason


def test_an_answer_that_hangs_its_scorer_takes_none_with_it(alone, monkeypatch):
    monkeypatch.setattr(service, "SCORE_SECONDS", 4.0)
    entry = alone.entry(Source("simple_integration", "{}", 0, 0, 10), 0)
    name = json.loads(entry.entry)["metadata"]["variable"]
    hanging = f"({name}+1)**100*({name}+2)**100*({name}+3)**100"
    found = alone.score([_claim(entry, answer) for answer in (f"{name} + 17", hanging, entry.gold, f"{name} + 18")])
    assert [scored.status for scored in found] == ["ok", "timeout", "ok", "ok"]
    assert [scored.score for scored in found] == [0.0, None, 1.0, 0.0]


# Environments.


def _drawn(seed, count, size):
    generator = np_random(seed)[0]
    return [int(generator.integers(size)) for _ in range(count)]


def test_episodes_come_in_the_order_of_the_generator_whatever_is_made_ahead(alone):
    # Gymnasium's generator says which entries; leg_counting passes none over.
    expected = _drawn(3, 8, 500)
    env = ReasoningGymEnv(size=500, verifiers=[])
    assert [_index(env, seed=3), *(_index(env) for _ in range(2))] == expected[:3]
    assert _kept(env.source, expected)
    saved = env.snapshot()
    assert [_index(env) for _ in range(5)] == expected[3:]
    env.restore(saved)
    assert [_index(env) for _ in range(5)] == expected[3:]
    assert [_index(env, seed=seed) for seed in (20, 21, 22)] == [_drawn(seed, 1, 500)[0] for seed in (20, 21, 22)]
    assert _kept(env.source, [_drawn(seed, 1, 500)[0] for seed in range(22, 30)])
    assert [_index(env, options={"task_index": place}) for place in (7, 8, 9)] == [7, 8, 9]
    assert _kept(env.source, range(9, 20))


def _index(env, **how):
    env.reset(**how)
    return env.task.metadata["index"]


def test_a_vector_environment_has_its_episodes_made_and_scored_together(alone):
    envs = gym.make_vec("prm_gym/ReasoningGym-v0", num_envs=6, vectorization_mode="vector_entry_point", verifiers=[])
    single = ReasoningGymEnv(verifiers=[])
    envs.reset(seed=40)
    tasks = [env.task for env in envs.envs]
    for place, task in enumerate(tasks):
        single.reset(seed=40 + place)
        assert single.task == task
    actions = ["answer: 1", "answer: -5", f"answer: {tasks[2].sealed['answer']}", "a thought", "", "\ud800 <answer>3</answer>"]
    _, rewards, ended, _, _ = envs.step(actions)
    assert rewards.tolist()[1:] == [0.0, 1.0, 0.0, 0.0, 0.0]
    assert ended.tolist() == [True, True, True, False, False, False]
    envs.reset()
    drawn = [_drawn(40 + place, 2, 10_000)[1] for place in range(6)]
    assert [env.task.metadata["index"] for env in envs.envs] == drawn
    envs.close()


# What is kept.


def _made(text):
    return Entry(question="", entry=text, gold="", dataset="chain_sum", config="{}", difficulty=0, index=0)


def test_the_oldest_entries_go_first():
    source = Source("chain_sum", "{}", 0, 0, 10)
    kept = RecentEntries(most=3, most_characters=10)
    for place in range(3):
        kept.put((source, place), _made("x"))
    assert kept.get((source, 0)) is not None  # from now on the newest
    kept.put((source, 3), _made("x"))
    assert kept.unknown(source, [0, 1, 1, 2, 3]) == [1]
    kept.put((source, 3), _made("x" * 9))  # ten characters with one of the two others
    assert kept.unknown(source, [0, 2, 3]) == [2]
    kept.put((source, 4), _made("x" * 20))  # more than all may have: kept alone
    assert kept.unknown(source, [0, 3, 4]) == [0, 3]
