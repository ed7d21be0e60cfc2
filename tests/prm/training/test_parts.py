"""Targets, losses, batches, figures and splits against values that are known."""

import itertools
import math
from functools import partial

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from prm_gym.errors import OptionError
from prm_gym.prm.training.batching import Item, Tokens, collate, items_of, plan
from prm_gym.prm.training.config import DataOptions, LossOptions, ModelOptions, RunOptions
from prm_gym.prm.training.data import Data, load, relabelled, split
from prm_gym.prm.training.domains import adapted, cosines
from prm_gym.prm.training.losses import preference_loss, step_loss, text_loss
from prm_gym.prm.training.metrics import first_error_f1, fitted_temperature, fitted_threshold, held_out, nll
from prm_gym.prm.training.optimizing import rate_at
from prm_gym.prm.training.targets import class_weights, domain_factors, targets_of, weights_of


def test_step_loss_by_hand():
    # z = 0: ln 2 whatever the target. z = ln 3, so p = 3/4: -ln(3/4) where right, -ln(1/4) where wrong, the mean of both at one half.
    z, y, w = torch.tensor([0.0, math.log(3), math.log(3), math.log(3)]), torch.tensor([0.3, 1.0, 0.0, 0.5]), torch.tensor([1.0, 2.0, 1.0, 1.0])
    expected = math.log(2) - 2 * math.log(0.75) - math.log(0.25) - 0.5 * (math.log(0.75) + math.log(0.25))
    assert step_loss(z, y, w).item() == pytest.approx(expected, rel=1e-6)


def test_bootstrapped_targets_weaken_the_gradient_of_a_label_that_the_model_is_sure_against():
    # dL/dz = p - y', y' = (1 - b) y + b p, so the gradient is (1 - b) (p - y).
    for bootstrap in (0.0, 0.5):
        z = torch.tensor([math.log(3)], requires_grad=True)
        step_loss(z, torch.tensor([0.0]), torch.tensor([1.0]), bootstrap).backward()
        assert z.grad.item() == pytest.approx((1 - bootstrap) * 0.75, rel=1e-6)


def test_preference_and_text_loss_by_hand():
    found = preference_loss(torch.tensor([math.log(3), 0.0]), torch.tensor([0.0, 0.0]), torch.tensor([1.0, 2.0]))
    assert found.item() == pytest.approx(-math.log(0.75) + 2 * math.log(2), rel=1e-6)
    # Two tokens, logits (ln 3, 0): the first has probability 3/4.
    assert text_loss(torch.tensor([[1.0]]), torch.tensor([[math.log(3)], [0.0]]), torch.tensor([1])).item() == pytest.approx(-math.log(0.25), rel=1e-6)


def test_tolerance_softens_what_stands_before_the_first_error_only():
    assert targets_of([1.0, 1.0, 0.0, 1.0], 1).tolist() == [1.0, 0.5, 0.0, 1.0]
    assert targets_of([0.8, 1.0, 0.2, 0.0], 5).tolist() == [0.8, pytest.approx(1 / 6), 0.2, 0.0]  # a soft label stays
    assert targets_of([1.0, 1.0], 3).tolist() == [1.0, 1.0]


def test_classes_weigh_the_same_and_unlabelled_steps_nothing():
    targets = targets_of([1.0, 1.0, 1.0, 0.0, None])
    weights = weights_of(targets, class_weights(targets[:4]))
    assert weights[:3].sum() == pytest.approx(weights[3])
    assert weights.sum() == pytest.approx(4.0)
    assert weights[4] == 0.0


def test_a_domain_that_is_not_there_is_refused(chain):
    assert domain_factors([chain([1.0], domain="maths")], {"maths": 2.0}) == {"maths": 2.0}
    with pytest.raises(OptionError, match="maths"):
        domain_factors([chain([1.0], domain="maths")], {"math": 2.0})


def _tokens(steps, length=3, target=1.0):
    return Tokens(np.arange(steps * length, dtype=np.int32), np.arange(1, steps + 1) * length - 1, np.full(steps, target), np.ones(steps))


def test_a_plan_holds_everything_once_within_the_budget_with_little_padding_and_is_a_function_of_seed_and_epoch():
    generator = np.random.default_rng(0)
    tokens = [_tokens(int(generator.integers(1, 40))) for _ in range(3000)]
    items = items_of(tokens, "all-steps", 0, 0)
    lengths = [len(each.ids) for each in tokens]
    found = plan(items, lengths, 1000, seed=3, epoch=1)
    assert sorted(item.index for batch in found for item in batch) == list(range(3000))
    padded = [len(batch) * max(lengths[item.index] for item in batch) for batch in found]
    assert max(padded) <= 1000
    assert sum(lengths) / sum(padded) > 0.9
    assert plan(items, lengths, 1000, seed=3, epoch=1) == found
    assert plan(items, lengths, 1000, seed=3, epoch=2) != found


def test_last_steps_are_right_and_wrong_equally_often():
    mixed = [Tokens(np.zeros(8, np.int32), np.array([3, 7]), np.array([1.0, 0.0]), np.ones(2)) for _ in range(10)]
    tokens = [*mixed, *[_tokens(3) for _ in range(90)], *[_tokens(2, target=0.0) for _ in range(20)]]
    found = items_of(tokens, "last-step-balanced", 0, 0)
    wrong = sum(tokens[item.index].targets[item.end - 1] < 0.5 for item in found)
    assert wrong == len(found) - wrong == 30
    assert all(item.end == item.first + 1 for item in found)
    assert found != items_of(tokens, "last-step-balanced", 0, 1)


def test_a_batch_reads_what_its_items_name():
    tokens = [_tokens(2), _tokens(1), Tokens(np.array([9, 9, 9], np.int32), np.array([0, 2]), np.array([np.nan, 0.0]), np.array([0.0, 2.0]))]
    found = collate([Item(0, 1, 2), Item(2, 0, 2)], tokens)
    assert found.ids.tolist() == [[0, 1, 2, 3, 4, 5], [9, 9, 9, 0, 0, 0]]
    assert (found.rows.tolist(), found.columns.tolist()) == ([0, 1, 1], [5, 0, 2])
    assert (found.targets.tolist(), found.weights.tolist(), found.tokens) == ([1.0, 0.0, 0.0], [1.0, 0.0, 2.0], 9)
    paired = collate([Item(1, 0, 1, rejected=2), Item(0, 0, 2)], tokens)
    assert paired.pairs.tolist() == [[0, 1]]
    assert paired.weights.tolist() == [0.0, 0.0, 1.0, 1.0]  # the ends of a pair are no step labels
    assert paired.columns[paired.pairs[0]].tolist() == [2, 2]


def test_the_text_that_is_predicted_is_that_of_right_steps_alone():
    step = Tokens(np.arange(9, dtype=np.int32), np.array([4, 6, 8]), np.array([1.0, 0.0, 1.0]), np.ones(3), start=2)
    assert np.flatnonzero(collate([Item(0, 0, 3)], [step]).text[0]).tolist() == [2, 3, 7]


def test_figures_by_hand():
    # Two chains: the error at 1 is found; the right one is called wrong at 0.
    z, y = [np.array([2.0, -2.0]), np.array([-1.0, 2.0])], [np.array([1.0, 0.0]), np.array([1.0, np.nan])]
    found = held_out(z, y)
    assert (found.chains, found.steps, found.accuracy) == (2, 3, pytest.approx(2 / 3))
    assert found.auc == 1.0
    # The second chain has an unlabelled step, so whether it has an error cannot be told: only one chain counts, and F1 needs both kinds.
    assert found.first_error_f1 is None
    p = [np.array([0.9, 0.1]), np.array([0.4, 0.9]), np.array([0.9])]
    assert first_error_f1(p, [np.array([1.0, 0.0]), np.array([1.0, 1.0]), np.array([1.0])], 0.5) == pytest.approx(2 * 1.0 * 0.5 / 1.5)


def test_auc_against_all_pairs():
    generator = np.random.default_rng(0)
    z, y = generator.integers(0, 6, 60).astype(float), generator.integers(0, 2, 60).astype(float)
    pairs = [(a, b) for a, b in itertools.product(z[y == 1], z[y == 0])]
    assert held_out([z], [y]).auc == pytest.approx(np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs]))


def test_a_planted_temperature_is_found_and_is_the_best():
    # Labels drawn from sigmoid(z): of 3 z the temperature is 3.
    generator = np.random.default_rng(0)
    z = generator.normal(0, 2, 20_000)
    y = (generator.random(20_000) < 1 / (1 + np.exp(-z))).astype(float)
    found = fitted_temperature([3 * z], [y])
    assert found == pytest.approx(3.0, rel=0.05)
    assert all(nll(3 * z / found, y) <= nll(3 * z / other, y) + 1e-9 for other in (0.7 * found, 0.95 * found, 1.05 * found, 1.5 * found))


def test_steps_that_are_all_told_apart_make_no_certainty():
    # 8 right at z and 8 wrong at -z: Platt's labels are 9/10 and 1/10, so sigmoid(z / T) = 9/10 and T = z / ln 9.
    z, y = np.array([30.0] * 8 + [-30.0] * 8), np.array([1.0] * 8 + [0.0] * 8)
    assert fitted_temperature([z], [y]) == pytest.approx(30.0 / math.log(9.0), rel=1e-6)


def test_the_threshold_separates_where_it_can():
    z = [np.array([3.0, 1.5]), np.array([3.0, 1.0, 2.0])]  # scores: 0.95, 0.82; 0.95, 0.73, ...
    y = [np.array([1.0, 1.0]), np.array([1.0, 0.0, 0.0])]
    assert 0.73 < fitted_threshold(z, y, 1.0) < 0.82
    assert fitted_threshold(z[:1], y[:1], 1.0) == 0.5


def test_rates_rise_and_fall():
    assert rate_at(0, 100, 0.1, "cosine") == pytest.approx(0.1)
    assert rate_at(9, 100, 0.1, "cosine") == rate_at(10, 100, 0.1, "cosine") == pytest.approx(1.0)
    assert rate_at(55, 100, 0.1, "cosine") == pytest.approx(0.55)
    assert rate_at(99, 100, 0.0, "constant") == 1.0


def test_domains_that_point_where_the_meta_problems_do_gain():
    w = torch.tensor([1.0, 0.0], requires_grad=True)

    def loss(direction):
        return partial(lambda toward: (w * toward).sum(), torch.tensor(direction))

    # Cosines with (1, 0): of (2, 0) 1, of (1, 1) 1/sqrt 2, of (-1, 0) -1; one without a batch stays.
    found = cosines([w], loss([1.0, 0.0]), [loss([2.0, 0.0]), loss([1.0, 1.0]), loss([-1.0, 0.0]), None])
    assert found == [pytest.approx(1.0), pytest.approx(2**-0.5), pytest.approx(-1.0), None]
    log_weights = adapted([0.0] * 4, found)
    assert log_weights[0] > log_weights[1] > log_weights[3] > log_weights[2]
    assert np.exp(log_weights).mean() == pytest.approx(1.0)


def test_no_problem_is_in_two_parts_whatever_its_blanks_and_capitals(chain):
    chains = [chain([1.0], problem=f"{'What' if at % 2 else ' what'} is {at // 2}  + 1?", steps=[f"s{at}"], domain="ab"[at % 3 == 0]) for at in range(200)]
    data = Data(chains=tuple(chains))
    found = split(data, DataOptions(files=("x",)), seed=0)
    problems = [{each.chain.problem.strip().lower().replace("  ", " ") for each in part.chains} for part in (found.train, found.validation, found.test)]
    assert sum(map(len, problems)) == len(set.union(*problems)) == 100
    assert 15 <= len(problems[1]) + len(problems[2]) <= 25
    assert split(data, DataOptions(files=("x",)), seed=0) == found
    held_out_data = Data(chains=tuple(chains[:20]))
    given = split(data, DataOptions(files=("x",)), seed=0, held_out=held_out_data)
    assert {each.chain.problem.strip().lower() for each in given.train.chains}.isdisjoint({each.chain.problem.strip().lower() for each in chains[:20]})


def test_a_problem_that_is_spelt_apart_is_not_in_two_parts(chain):
    chains = [chain([1.0], problem=f"What is {at // 2}{' + ' if at % 2 else '+'}1?", steps=[f"s{at}"]) for at in range(100)]
    found = split(Data(chains=tuple(chains)), DataOptions(files=("x",), validation_share=0.3, test_share=0.3), seed=0)
    problems = [{each.chain.problem.replace(" ", "") for each in part.chains} for part in (found.train, found.validation, found.test)]
    assert sum(map(len, problems)) == 50


def test_labels_after_an_error(chain):
    given = chain([1.0, 0.2, 1.0, None])
    assert relabelled(given, DataOptions(files=("x",), after_error="wrong")).labels == (1.0, 0.2, 0.0, 0.0)
    assert relabelled(given, DataOptions(files=("x",), after_error="leave-out")).labels == (1.0, 0.2, None, None)
    assert relabelled(given, DataOptions(files=("x",), labels="hard", hard_from=0.2)).labels == (1.0, 1.0, 1.0, None)


def test_repetitions_and_bad_rows_are_counted(sums_file, tmp_path):
    path = sums_file(5)
    with open(path) as file:
        lines = file.readlines()
    with open(path, "a") as file:
        file.write(lines[0] + '{"text": 1}\n')
    data = load([path], DataOptions(files=(path,)))
    (record,) = data.sources
    assert (record.chains, record.layouts, sum(record.left_out.values())) == (5, {"trl": 6}, 2)
    assert sum(record.steps.values()) == 20
    empty = tmp_path / "empty.jsonl"
    empty.write_text('{"text": 1}\n')
    with pytest.raises(OptionError, match="no labelled chain"):
        load([str(empty)], DataOptions(files=(str(empty),)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: DataOptions(files=()),
        lambda: DataOptions(files=("x",), validation_share=0.0),
        lambda: DataOptions(files=("x",), validation_share=0.6, test_share=0.4),
        lambda: ModelOptions(lora=8),
        lambda: ModelOptions(width=30),
        lambda: ModelOptions(vocabulary=100),
        lambda: LossOptions(bootstrap=1.0),
        lambda: LossOptions(domain_weights={"a": -1.0}),
        lambda: RunOptions(epochs=0),
        lambda: RunOptions(learning_rate=float("nan")),
    ],
)
def test_options_that_cannot_be_honoured_are_refused(make):
    with pytest.raises(OptionError):
        make()
