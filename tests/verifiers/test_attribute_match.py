"""The formula of WebShop, by hand; and what it is worth as a potential."""

import pytest

from prm_gym.claims import CartMatch, Offer, WantedItem
from prm_gym.envs.web.shop import ShopEnv
from prm_gym.task import Task
from prm_gym.verifier import StepContext
from prm_gym.verifiers.attribute_match import AttributeMatchVerifier, match, matched

PATH = ("Kitchen", "Mugs", "travel mug")
WANTED = WantedItem(PATH, {"material": "steel", "brand": "Norvik"}, {"colour": "blue"}, 2000)


@pytest.mark.parametrize(
    ("path", "material", "colour", "price", "score"),
    [
        # Two attributes, one option and the price: quarters.
        (PATH, "steel", "blue", 2000, 1.0),
        (PATH, "glass", "blue", 2000, 0.75),
        (PATH, "glass", "red", 2000, 0.5),
        (PATH, "glass", "red", 2001, 0.25),
        (("Kitchen", "Mugs", "tea mug"), "steel", "blue", 2000, 0.5),
        (("Kitchen", "Pans", "saucepan"), "steel", "blue", 2000, 0.1),
        (("Home", "Lamps", "desk lamp"), "steel", "blue", 2000, 0.0),
    ],
)
def test_the_formula(path, material, colour, price, score):
    assert match(WANTED, Offer(path, {"material": material, "brand": "Norvik"}, {"colour": colour}, price)) == pytest.approx(score)


def test_without_a_limit_any_price_keeps_it_and_without_wishes_the_type_alone_counts():
    offer = Offer(PATH, {}, {}, 99_999)
    assert match(WantedItem(PATH), offer) == 1.0
    assert match(WantedItem(PATH, {"brand": "Norvik"}), offer) == 0.5


def test_an_offer_counts_for_one_thing_and_the_best_pairs_come_first():
    blue, red = (Offer(PATH, {}, {"colour": colour}, 1) for colour in ("blue", "red"))
    wants_blue, wants_any = WantedItem(PATH, {}, {"colour": "blue"}), WantedItem(PATH)
    assert matched([wants_any, wants_blue], [blue]) == [1.0, 0.0]
    assert matched([wants_any, wants_blue], [red, blue]) == [1.0, 1.0]
    assert matched([wants_blue, wants_blue], [blue, red]) == [1.0, 0.5]


def test_the_score_is_the_mean_over_the_things():
    claim = CartMatch((WANTED, WantedItem(PATH, {"brand": "Tallow"})), (), Offer(PATH, {"brand": "Tallow"}, {}, 1))
    step = StepContext(task=Task(key="t", instructions="", question=""), observation="", action="", claims=(claim,))
    verdict = AttributeMatchVerifier().check(claim, step)
    assert (verdict.label, verdict.score, verdict.evidence["scores"]) == ("neutral", 0.5, [0.0, 1.0])


def test_the_potential_of_a_purchase_rises_to_one_and_is_given_back_at_the_end():
    env = ShopEnv(difficulty=3, verifiers=["state", "attribute_match"], reward={"id": "potential", "verifier": "attribute_match"})
    seed = next(seed for seed in range(500) if env.reset(seed=seed) and env.scenario.kind.startswith("buy/attributes/"))
    env.reset(seed=seed)
    scores, rewards = [], []
    for action in env.solution():
        _, reward, _, _, info = env.step(action)
        rewards.append(reward)
        scores.append(info["verdicts"]["attribute_match"].score)
    known = [score for score in scores if score is not None]
    assert known == sorted(known)
    assert (known[0], known[-1]) == (0.0, 1.0)
    assert sum(rewards) == pytest.approx(1.0)  # the outcome; the terms of the potential sum to nothing
    assert any(0.0 < reward < 1.0 for reward in rewards[:-1])


def test_nothing_is_said_where_nothing_is_bought():
    env = ShopEnv(difficulty=1, verifiers=["attribute_match"])
    seed = next(seed for seed in range(500) if env.reset(seed=seed) and env.scenario.kind.startswith("wishlist"))
    env.reset(seed=seed)
    info = env.step(env.solution()[0])[-1]
    assert info["verdicts"]["attribute_match"].score is None
