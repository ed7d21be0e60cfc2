import threading
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from prm_gym.chains import Chain, written  # noqa: E402
from prm_gym.errors import OptionError  # noqa: E402
from prm_gym.prm.families.own import OwnSettings  # noqa: E402
from prm_gym.prm.loading import load_checkpoint  # noqa: E402
from prm_gym.prm.scoring import Scorer  # noqa: E402
from prm_gym.testing.tiny_models import FAMILY_NAMES, known_checkpoint, tiny_checkpoint  # noqa: E402

WORDS = ["she", "has", "eggs", "and", "buys", "more", "3", "4", "7", "12", "answer", "is", "The", "then", "$x$", "=", "+", "-"]


def drawn(seed, count, most=8):
    rng = np.random.default_rng(seed)

    def text(words):
        return " ".join(rng.choice(WORDS, words)) + "."

    return [written(text(8), [text(int(rng.integers(1, 15))) for _ in range(int(rng.integers(1, most + 1)))]) for _ in range(count)]


def beginnings(chain):
    return [Chain(chain.problem, chain.steps[:steps]) for steps in range(1, len(chain) + 1)]


def numbers(found):
    return [step.score for steps in found for step in steps]


def plain(checkpoint, **options):
    """A scorer that keeps nothing."""
    return Scorer(checkpoint, cached_steps=0, prefix_megabytes=0, **options)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_one_forward_scores_what_a_forward_a_step_scores(name, checkpoint_of):
    checkpoint, chains = checkpoint_of(name), drawn(0, 4, most=5)
    one = plain(checkpoint)
    found = one.score(chains)
    alone = plain(checkpoint, batch_tokens=1)
    expected = [alone.score([part])[0][-1] for chain in chains for part in beginnings(chain)]
    assert numbers(found) == pytest.approx([step.score for step in expected], abs=5e-6)
    assert [step.position for steps in found for step in steps] == [step.position for step in expected]
    assert alone.usage.tokens > 1.5 * one.usage.tokens


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_batched_packed_and_growing_scores_are_those_of_single_chains(name, checkpoint_of):
    checkpoint, chains = checkpoint_of(name), drawn(1, 5, most=5)
    expected = [plain(checkpoint, batch_tokens=1).score([chain])[0] for chain in chains]
    for scorer in (plain(checkpoint), plain(checkpoint, packing=True), plain(checkpoint, batch_tokens=200)):
        assert numbers(scorer.score(chains)) == pytest.approx(numbers(expected), abs=5e-6)
    growing = Scorer(checkpoint)
    for step in range(max(map(len, chains))):
        under_way = [at for at in range(len(chains)) if len(chains[at]) > step]
        found = growing.score([beginnings(chains[at])[step] for at in under_way])
        assert [steps[-1].score for steps in found] == pytest.approx([expected[at][step].score for at in under_way], abs=5e-6)
    assert growing.usage.reused > 0
    assert growing.usage.steps == sum(map(len, chains))


def test_bfloat16_agrees_within_its_precision(checkpoint_of):
    whole = checkpoint_of("trl")
    half = load_checkpoint(str(whole.directory), family="trl", device="cpu", dtype="bfloat16")
    chains = drawn(2, 6)
    expected = np.array(numbers(plain(whole).score(chains)))
    found = np.array(numbers(plain(half).score(chains)))
    grown = Scorer(half)
    again = np.array([grown.score([part])[0][-1].score for chain in chains for part in beginnings(chain)])
    # 8 bits of mantissa; weights are drawn ten times as wide as usual, so that logits are large
    assert np.abs(found - expected).mean() < 0.02
    assert np.abs(again - found).mean() < 0.02


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_cuda_scores_what_the_cpu_scores(name, checkpoint_of):
    chains = drawn(3, 12)
    expected = numbers(plain(checkpoint_of(name)).score(chains))
    directory = str(checkpoint_of(name).directory)
    exact = load_checkpoint(directory, family=name, device="cuda", dtype="float32")
    for scorer in (plain(exact), plain(exact, packing=True), Scorer(exact)):
        assert numbers(scorer.score(chains)) == pytest.approx(expected, abs=1e-3)
    half = load_checkpoint(directory, family=name, device="cuda")
    assert half.backbone.dtype == torch.bfloat16
    assert np.abs(np.array(numbers(plain(half).score(chains))) - np.array(expected)).mean() < 0.03
    grown = Scorer(half)
    again = [grown.score([part])[0][-1].score for chain in chains for part in beginnings(chain)]
    assert np.abs(np.array(again) - np.array(expected)).mean() < 0.03


def test_what_is_known_is_not_run_again(checkpoint_of):
    scorer, chains = Scorer(checkpoint_of("prm_gym")), drawn(4, 5)
    found = scorer.score(chains)
    forwards = scorer.usage.forwards
    assert scorer.score(chains[::-1]) == found[::-1]
    assert scorer.score([part for chain in chains for part in beginnings(chain)])[0][0] == found[0][0]
    assert scorer.usage.forwards == forwards
    scorer.clear()
    assert numbers(scorer.score(chains)) == pytest.approx(numbers(found), abs=5e-6)
    assert scorer.usage.forwards == 2 * forwards


def test_scores_are_remembered_up_to_a_number(checkpoint_of):
    scorer, chains = Scorer(checkpoint_of("prm_gym"), cached_steps=3), drawn(5, 4)
    found = scorer.score(chains)
    assert len(scorer._scores) == 3
    assert numbers(scorer.score(chains)) == pytest.approx(numbers(found), abs=5e-6)


def test_a_growing_episode_costs_its_new_tokens(checkpoint_of):
    checkpoint = checkpoint_of("prm_gym")
    chain = drawn(6, 1)[0]
    chain = Chain(chain.problem, chain.steps * 3)
    scorer = Scorer(checkpoint)
    for part in beginnings(chain):
        scorer.score([part])
    assert scorer.usage.tokens == len(checkpoint.family.encode(checkpoint.tokenizer, chain).token_ids)
    without = Scorer(checkpoint, prefix_megabytes=0)
    for part in beginnings(chain):
        without.score([part])
    assert without.usage.tokens > 5 * scorer.usage.tokens


def test_siblings_share_what_they_have_in_common(checkpoint_of):
    checkpoint = checkpoint_of("prm_gym")
    scorer = Scorer(checkpoint)
    first, other = written("What is 3 + 4, if she buys more?", ["It is 7."]), written("What is 3 + 4, if she buys more?", ["She has 12 eggs."])
    scorer.score([first])
    found = scorer.score([other])
    assert scorer.usage.reused > 8
    assert numbers(found) == pytest.approx(numbers(plain(checkpoint).score([other])), abs=5e-6)


def test_kept_prefixes_stay_within_their_bytes(checkpoint_of):
    scorer = Scorer(checkpoint_of("prm_gym"), prefix_megabytes=1)
    scorer.prefixes.limit = 40_000
    for chain in drawn(7, 8):
        for part in beginnings(chain):
            scorer.score([part])
            assert 0 <= scorer.prefixes.bytes <= 40_000
    assert scorer.prefixes.bytes == sum(prefix.bytes for prefix in scorer.prefixes._kept.values())


@pytest.mark.parametrize("seed", range(3))
def test_random_trees_of_chains_score_as_fresh_ones(checkpoint_of, seed):
    # Steps are added, taken back and branched, as a search does; prefixes and scores come and go.
    rng, checkpoint = np.random.default_rng(seed), checkpoint_of("openr")
    scorer = Scorer(checkpoint, cached_steps=12)
    scorer.prefixes.limit = 100_000
    chains = [Chain(chain.problem, chain.steps[:1]) for chain in drawn(seed, 2)]
    for _ in range(12):
        at = int(rng.integers(len(chains)))
        kept = chains[at].steps[: int(rng.integers(0, len(chains[at]) + 1))]
        new = Chain(chains[at].problem, (*kept, *drawn(int(rng.integers(5)), 1, most=2)[0].steps))
        chains.append(new)
        batch = [chains[int(rng.integers(len(chains)))] for _ in range(2)] + [new]
        assert numbers(scorer.score(batch)) == pytest.approx(numbers(plain(checkpoint).score(batch)), abs=5e-6)


def test_a_chain_longer_than_the_context_is_judged_without_its_oldest_steps(tmp_path):
    # From the first 9 on every step is wrong; once the step that said it is left out, they are right again.
    directory = known_checkpoint(tmp_path / "known")
    limit = 100
    scorer = Scorer(load_checkpoint(str(directory), device="cpu", max_context=limit))
    steps = ["It is 9.", *["It is 7."] * 60]
    found = scorer.score([written("What is 3 + 4?", steps)])[0]
    assert [step.score > 0.5 for step in found] == [step.start > 0 for step in found]
    assert all(0 <= step.position < limit for step in found)
    starts = [step.start for step in found]
    assert starts == sorted(starts)
    assert starts[-1] > 40
    assert scorer.usage.tokens < 4 * sum(len(scorer.checkpoint.tokenizer.encode(step)) + 1 for step in steps)
    # What is said of a step does not depend on the steps after it.
    for count in (3, 17, 40):
        assert numbers([Scorer(scorer.checkpoint).score([written("What is 3 + 4?", steps[:count])])[0]]) == pytest.approx(
            [step.score for step in found[:count]], abs=5e-6
        )


def test_windows_grow_as_whole_chains_do(tmp_path):
    directory = tiny_checkpoint("math_shepherd", tmp_path / "windowed")
    checkpoint = load_checkpoint(str(directory), family="math_shepherd", device="cpu", max_context=120)
    chain = Chain("What is 3 + 4?", tuple(step for drawn_chain in drawn(8, 6) for step in drawn_chain.steps))
    expected = plain(checkpoint).score([chain])[0]
    assert expected[-1].start > 0
    growing = Scorer(checkpoint)
    for at, part in enumerate(beginnings(chain)):
        found = growing.score([part])[0][-1]
        assert (found.start, found.position) == (expected[at].start, expected[at].position)
        assert found.score == pytest.approx(expected[at].score, abs=5e-6)


def test_a_step_that_does_not_fit_alone_is_not_scored(tmp_path):
    scorer = Scorer(load_checkpoint(str(known_checkpoint(tmp_path / "known")), device="cpu", max_context=60))
    found = scorer.score([written("What is 3 + 4?", ["It is 7.", "7 " * 60, "It is 9.", "So 7."])])[0]
    assert [step.score is None for step in found] == [False, True, False, False]
    assert "does not fit" in found[1].reason
    assert [step.start for step in found] == [0, 0, 2, 2]
    assert [step.score > 0.5 for step in (found[0], found[2], found[3])] == [True, False, False]
    too_long = scorer.score([written("3 + 4 " * 60, ["It is 7.", "So 7."])])[0]
    assert [step.score for step in too_long] == [None, None]


def test_a_model_that_says_no_numbers_gives_no_score(checkpoint_of):
    checkpoint = checkpoint_of("trl")

    class Broken(torch.nn.Module):
        def forward(self, hidden):
            return torch.full((len(hidden), 2), float("nan"))

    found = Scorer(replace(checkpoint, head=Broken())).score(drawn(9, 2))
    assert all(step.score is None and "no number" in step.reason for steps in found for step in steps)


def test_one_token_without_numbers_spoils_no_other_chain(tmp_path):
    # The embedding of "z" is no number: what follows it in its chain has no score, and every other chain keeps the scores that it has without it.
    directory = tiny_checkpoint("trl", tmp_path / "trl")
    checkpoint = load_checkpoint(str(directory), family="trl", device="cpu")
    with torch.no_grad():
        checkpoint.backbone.get_input_embeddings().weight[checkpoint.tokenizer.encode("z")[0]] = float("nan")
    honest, spoilt = written("Add.", ["It is 7.", "So 7."]), written("Add.", ["It is 7.", "z.", "So 7."])
    expected = numbers(plain(checkpoint).score([honest]))
    assert None not in expected
    found = Scorer(checkpoint).score([written("3 + 4?", ["z", "So 7."]), honest])
    assert [step.score for step in found[0]] == [None, None]
    assert [step.score for step in found[1]] == pytest.approx(expected, abs=5e-6)
    scorer = Scorer(checkpoint)
    assert [step.score for step in scorer.score([spoilt])[0]][1:] == [None, None]
    assert numbers(scorer.score([honest])) == pytest.approx(expected, abs=5e-6)  # it shares its first step with the spoilt one


def test_too_little_memory_halves_batches_and_gives_no_score_in_the_end(checkpoint_of):
    checkpoint, chains = checkpoint_of("trl"), drawn(10, 6)

    class Small(torch.nn.Module):
        """A device on which only so many places fit."""

        def __init__(self, places):
            super().__init__()
            self.places, self.config, self.dtype = places, checkpoint.backbone.config, checkpoint.backbone.dtype

        def get_input_embeddings(self):
            return checkpoint.backbone.get_input_embeddings()

        def forward(self, input_ids, **options):
            if input_ids.numel() > self.places:
                raise torch.OutOfMemoryError("no memory")
            return checkpoint.backbone(input_ids=input_ids, **options)

    expected = numbers(plain(checkpoint).score(chains))
    longest = max(len(checkpoint.family.encode(checkpoint.tokenizer, chain).token_ids) for chain in chains)
    assert numbers(plain(replace(checkpoint, backbone=Small(longest))).score(chains)) == pytest.approx(expected, abs=5e-6)
    small = Small(longest - 1)
    scorer = Scorer(replace(checkpoint, backbone=small), prefix_megabytes=0)
    found = scorer.score(chains)
    assert any(step.score is None and "not enough memory" in step.reason for steps in found for step in steps)
    assert any(step.score is not None for steps in found for step in steps)
    small.places = longest  # there is more another time, and what was not scored is asked for again
    assert numbers(scorer.score(chains)) == pytest.approx(expected, abs=5e-6)


def test_a_token_without_an_embedding_is_no_score(checkpoint_of):
    checkpoint = checkpoint_of("trl")
    rows = max(checkpoint.family.encode(checkpoint.tokenizer, written("a", ["b"])).token_ids) + 1
    found = Scorer(replace(checkpoint, rows=rows)).score([written("a", ["b"]), written("a", ["The answer is 7."])])
    assert found[0][0].score is not None
    assert found[1][0].score is None
    assert "no embedding" in found[1][0].reason


def test_nothing_is_asked_and_nothing_is_run(checkpoint_of):
    scorer = Scorer(checkpoint_of("trl"))
    assert scorer.score([]) == []
    assert scorer.usage.forwards == 0


def test_equal_chains_are_run_once(checkpoint_of):
    scorer, chain = plain(checkpoint_of("trl")), drawn(11, 1)[0]
    found = scorer.score([chain, chain])
    assert found[0] == found[1]
    assert scorer.usage.steps == len(chain)


def test_threads_may_share_a_checkpoint(checkpoint_of):
    checkpoint, found = checkpoint_of("trl"), {}
    parts = {name: drawn(20 + name, 3) for name in range(4)}
    threads = [threading.Thread(target=lambda name=name: found.update({name: numbers(plain(checkpoint).score(parts[name]))})) for name in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for name, chains in parts.items():
        assert found[name] == pytest.approx(numbers(plain(checkpoint).score(chains)), abs=5e-6)


def test_options_that_cannot_be(checkpoint_of):
    for options in ({"batch_tokens": -1}, {"prefix_megabytes": -2}, {"cached_steps": -1}):
        with pytest.raises(OptionError):
            Scorer(checkpoint_of("trl"), **options)


def test_calibrated_and_other_settings_change_scores(tmp_path):
    cold = known_checkpoint(tmp_path / "cold", settings=OwnSettings(temperature=2.0))
    found = Scorer(load_checkpoint(str(cold), device="cpu")).score([written("What is 3 + 4?", ["It is 7."])])[0][0]
    # the logit 2.8284 = 0.5 * sqrt(32), halved
    assert found.score == pytest.approx(1 / (1 + np.exp(-np.sqrt(32) / 4)), abs=1e-5)
