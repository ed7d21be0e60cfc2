import pickle

import gymnasium as gym
import pytest
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate

from prm_gym.errors import OptionError
from prm_gym.spaces import TextSpace


@pytest.mark.parametrize("text", ["", "a", "¬{A} → ∀x", "مرحبا", "\0\n\t", "👩\u200d🔬", "\ud800", "a" * 10])
def test_every_text_within_the_bound_belongs(text):
    assert text in TextSpace(10)
    assert TextSpace(10).contains(text)


@pytest.mark.parametrize("thing", ["a" * 11, b"a", None, 3, ["a"], ("a",)])
def test_nothing_else_does(thing):
    assert thing not in TextSpace(10)


def test_a_long_text_is_not_walked_over():
    # gymnasium.spaces.Text looks at every character; a megabyte must not take a second, nor raise.
    assert "x" * (1 << 20) in TextSpace(1 << 20)
    assert "x" * ((1 << 20) + 1) not in TextSpace(1 << 20)


def test_samples_are_short_texts_of_the_space_and_follow_the_seed():
    space = TextSpace(1000, seed=3)
    samples = [space.sample() for _ in range(300)]
    assert all(text in space and len(text) <= 32 for text in samples)
    assert "" in samples
    assert {len(text) for text in samples} == set(range(33))
    assert [TextSpace(1000, seed=3).sample() for _ in range(2)] == [samples[0]] * 2
    space.seed(3)
    assert [space.sample() for _ in range(300)] == samples
    # Whatever is sampled can be written down.
    assert all(text.encode("utf-8") for text in samples if text)
    assert any(not text.isascii() for text in samples)


def test_samples_respect_a_small_bound():
    assert {len(TextSpace(2, seed=seed).sample()) for seed in range(50)} == {0, 1, 2}


def test_masks_are_refused():
    for mask in ({"mask": 1}, {"probability": 1}):
        with pytest.raises(OptionError, match="TextSpace has no masks"):
            TextSpace(3).sample(**mask)


@pytest.mark.parametrize("bound", [0, -1])
def test_a_bound_below_one_is_refused(bound):
    with pytest.raises(OptionError, match=f"max_length >= 1, got {bound}"):
        TextSpace(bound)


def test_equality_and_repr():
    assert TextSpace(3) == TextSpace(3, seed=1)
    assert hash(TextSpace(3)) == hash(TextSpace(3))
    assert TextSpace(3) != TextSpace(4)
    assert TextSpace(3) != gym.spaces.Text(3)
    assert repr(TextSpace(3)) == "TextSpace(3)"
    assert not TextSpace(3).is_np_flattenable


def test_pickling_goes_on_with_the_same_samples():
    space = TextSpace(100, seed=5)
    space.sample()
    copy = pickle.loads(pickle.dumps(space))
    assert copy == space
    assert [copy.sample() for _ in range(5)] == [space.sample() for _ in range(5)]


def test_texts_survive_gymnasiums_json():
    space = TextSpace(100)
    texts = ["", "é\n", "∀x"]
    assert space.from_jsonable(space.to_jsonable(texts)) == texts


def test_it_can_be_batched_as_gymnasiums_vector_environments_do():
    space = TextSpace(5)
    batched = batch_space(space, 3)
    assert ("a", "", "é") in batched
    assert ("a", "") not in batched
    assert ("a", "", "abcdef") not in batched
    assert batched.sample() in batched
    assert list(iterate(batched, ("a", "b", "c"))) == ["a", "b", "c"]
    assert tuple(concatenate(space, ["a", "b", "c"], create_empty_array(space, 3))) == ("a", "b", "c")


def test_shared_memory_is_refused_in_words():
    with pytest.raises(OptionError, match='"shared_memory": False'):
        gym.make_vec("prm_gym/Deduction-v0", num_envs=2, vectorization_mode="async")
