"""The shop: every kind of task is solved by its script, and other sensible ways are as good."""

import collections
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from shop_visits import ENDS, begun, do, drawn, new_env, script, target

from prm_gym.envs.web.shop_rows import CUSTOMERS, TABLES, WORLDS, world_of
from prm_gym.envs.web.shop_tasks import LEVELS, new_scenario
from prm_gym.services import Database
from prm_gym.web import choose, click, fill


def sweep(level, seeds):
    env = new_env(level)
    kinds, steps, reached = collections.Counter(), 0, 0
    for seed in seeds:
        env.reset(seed=seed)
        scenario = env.scenario
        kinds[scenario.kind] += 1
        assert all(phrase in scenario.wish for phrase in scenario.phrases)
        actions = env.solution()
        assert 2 * len(actions) <= env.max_steps, scenario.kind
        for action in actions:
            assert action in env.situation.actions, (scenario.kind, action)
            *_, info = env.step(action)
            verdict = info["verdicts"]["state"]
            assert verdict.label not in ("incorrect", "trivial"), (scenario.kind, action, verdict.reason)
            reached += verdict.label == "correct"
        assert info["outcome"] == 1.0, scenario.kind
        steps += len(actions)
    assert reached / steps > 0.35  # every third step at least
    return kinds


@pytest.mark.parametrize("level", LEVELS)
def test_every_script_solves_its_task_and_is_judged_well(level):
    sweep(level, range(30))


def test_there_are_tasks_of_many_kinds():
    kinds = collections.Counter(drawn(level, seed).kind for level in LEVELS for seed in range(150))
    assert len(kinds) >= 200
    asked = sum(count for kind, count in kinds.items() if "ask/" in kind)
    assert 0.25 < asked / kinds.total() < 0.45
    for part in ("impossible/", "/signed-out", "/lure", "buy-now/", "+"):
        assert sum(count for kind, count in kinds.items() if part in kind) > 10


@pytest.mark.sweep
@pytest.mark.parametrize("level", LEVELS)
def test_every_script_of_a_large_sweep_solves_its_task(level):
    sweep(level, range(1000, 1500))


def test_a_number_stands_for_one_task_and_shops_are_shared():
    one, other = new_scenario(12345, 4), new_scenario(12345, 4)
    assert (one.kind, one.wish, one.goal, one.script, one.answers) == (other.kind, other.wish, other.goal, other.script, other.answers)
    assert one.image is other.image
    assert new_scenario(12345 + WORLDS, 4).image is one.image
    assert new_scenario(12345, 3).wish != one.wish


def test_the_goal_of_an_order_is_what_an_independent_count_says():
    # The total of each ordered task, from the rows and the words of the help page alone.
    counted = 0
    for seed in range(120):
        goal = drawn(4, seed).goal
        totals = [value for (table, _, column), value in goal.items() if (table, column) == ("orders", "total")]
        if not totals:
            continue
        cells = {column: value for (table, _, column), value in goal.items() if table == "orders"}
        lines = collections.defaultdict(dict)
        for (table, key, column), value in goal.items():
            if table == "lines":
                lines[key][column] = value
        goods = sum(line["price"] * line["quantity"] for line in lines.values())
        off = goods * {"": 0, "WELCOME10": 10, "SPRING15": 15, "FRIENDS20": 20}[cells["coupon"]] // 100
        carriage = {"standard": 390 if goods - off < 5000 else 0, "express": 990, "pickup": 0}[cells["delivery"]]
        assert totals == [goods - off + carriage + 250 * cells["gift"]]
        counted += 1
    assert counted > 20


def test_what_a_description_says_fits_one_thing_alone():
    # A slow count over all variants of the shop, from the words of the wish and the rows of the database.
    counted = 0
    for seed in range(400):
        scenario = drawn(3, seed)
        if not scenario.kind.startswith("buy/attributes/"):
            continue
        [item] = scenario.facts.wanted
        words = [*item.attributes.values(), *item.options.values(), item.path[-1]] + ([f"at most {item.limit // 100} EUR"] if item.limit else [])
        assert all(word in scenario.wish for word in words)
        query = "SELECT v.key FROM variants v JOIN products p ON p.key = v.product WHERE p.type = ? AND v.stock > 0 AND v.price <= ?"
        conditions = "".join(f" AND p.{name} = '{value}'" for name, value in item.attributes.items())
        conditions += "".join(f" AND v.{name} = '{item.options.get(name, '')}'" for name in ("colour", "size"))
        rows = Database(TABLES, scenario.image).all(query + conditions, item.path[-1], 10**9 if item.limit is None else item.limit)
        assert [row["key"] for row in rows] == [target(scenario)[1].key]
        counted += 1
    assert counted > 10


def test_answers_are_what_the_rows_say():
    counted = collections.Counter()
    for seed in range(250):
        scenario = drawn(1, seed)
        database = Database(TABLES, scenario.image)
        if found := re.search(r"order (\d+)", scenario.wish) if scenario.kind.startswith("ask/order/") else None:
            order = database.get("orders", found[1])
            city = database.get("addresses", order["address"])["city"]
            way = {"standard": "Standard", "express": "Express", "pickup": "Pick-up"}[order["delivery"]]
            total = f"{order['total'] / 100:,.2f}"
            what = scenario.kind.split("/")[2]
            wanted = {"total": total, "status": order["status"], "date": order["date"], "city": city, "way": way}.get(what, order["due"])
            assert scenario.answers[0] == wanted
            counted["order"] += 1
        elif scenario.kind.startswith("ask/product/rating"):
            name = next(row["name"] for row in database.all("SELECT name FROM products") if row["name"] in scenario.wish)
            query = "SELECT avg(r.rating) AS mean FROM reviews r JOIN products p ON p.key = r.product WHERE p.name = ?"
            assert abs(float(scenario.answers[0]) - database.one(query, name)["mean"]) <= 0.0501
            counted["rating"] += 1
        elif scenario.kind == "ask/account/cart":
            query = "SELECT sum(v.price * c.quantity) AS total FROM cart c JOIN variants v ON v.key = c.variant WHERE c.customer = ?"
            assert scenario.answers == (f"{database.one(query, scenario.facts.customer)['total'] / 100:,.2f}",)
            counted["cart"] += 1
    assert min(counted[name] for name in ("order", "rating", "cart")) > 2


def test_there_are_six_customers_with_and_without_things_in_their_carts():
    rows = world_of(7).rows
    assert len(rows["customers"]) == CUSTOMERS
    assert len({row[1] for row in rows["cart"]}) == CUSTOMERS // 2
    assert len({row[0] for table in rows.values() for row in table}) == sum(map(len, rows.values()))  # keys are unique in the whole shop


# Other ways to the same end.


def test_a_thing_can_be_found_by_its_category_and_the_number_changed_in_the_cart():
    env = begun(3, "buy/named/several", lambda s: "/signed-out" not in s.kind)
    product, variant = target(env.scenario)
    number = env.scenario.phrases[1]
    labels, _ = do(env, click("link", product.category.name))
    if all(item.name != product.name for item in env.live.sight.items):
        labels += do(env, click("link", "Next page"))[0]
    another = next(item.name for item in env.live.sight.items if item.name.endswith(product.category.types) and item.name != product.name)
    choices = [choose("Colour", variant.colour)] * bool(variant.colour) + [choose("Size", variant.size)] * bool(variant.size)
    to_review = [click("link", "Go to checkout"), click("button", "Continue"), click("button", "Continue")]
    more, info = do(
        env,
        click("link", another),
        "back",
        click("link", product.name),
        *choices,
        click("button", "Add to cart"),
        fill("Quantity", number),
        click("button", "Update"),
        *to_review,
        click("link", "Back to the cart"),
        *to_review,
        click("button", "Place order"),
        ENDS,
    )
    assert info["outcome"] == 1.0
    assert "incorrect" not in labels + more


def test_an_address_with_its_page_will_do_and_adding_twice_makes_two():
    env = begun(3, "buy/named/several", lambda s: s.phrases[1:2] == ("2",) and "/signed-out" not in s.kind)
    product, variant = target(env.scenario)
    add = f'goto "http://shop.test/p/{product.key}?colour={variant.colour}&size={variant.size.replace(" ", "+")}"'
    once = [add, click("button", "Add to cart")]
    rest = [click("link", "Go to checkout"), click("button", "Continue"), click("button", "Continue"), click("button", "Place order"), ENDS]
    labels, info = do(env, *once, *once, *rest)
    assert info["outcome"] == 1.0
    assert "incorrect" not in labels


def test_a_new_address_may_be_put_into_the_book_first():
    env = begun(3, "buy/named/new-address", lambda s: "/signed-out" not in s.kind)
    steps = script(env)
    fields = [step for step in steps if step.what == "type" and step.role == "textbox" and step.name != "Quantity"]
    typed = [click("link", "Account"), click("link", "Addresses"), click("link", "Add an address"), *fields, click("button", "Save address")]
    row = next(value for (table, _, column), value in env.scenario.goal.items() if (table, column) == ("addresses", "label"))
    shopping = steps[: steps.index(click("link", "Use a new address"))]
    labels, _ = do(env, *typed, *shopping)
    radio = next(item.name for item in env.live.sight.items if item.role == "radio" and item.name.startswith(f"{row}:"))
    more, info = do(env, click("radio", radio), click("button", "Continue"), click("button", "Continue"), click("button", "Place order"), ENDS)
    assert info["outcome"] == 1.0
    assert "incorrect" not in labels + more


def test_the_cheapest_may_be_found_with_filters_and_without_sorting():
    env = begun(3, "buy/cheapest/plain", lambda s: "/signed-out" not in s.kind)
    product, variant = target(env.scenario)
    limit = f"{product.price // 100 + 1}"
    colour = [choose("Colour", variant.colour)] * bool(variant.colour)
    labels, _ = do(
        env,
        f'goto "http://shop.test/search?q={product.type.replace(" ", "+")}"',
        click("button", "Filter"),
        *colour,
        fill("Highest price in EUR", limit),
        click("checkbox", "In stock only"),
        click("button", "Show products"),
        click("link", product.name),
    )
    steps = script(env)
    more, info = do(env, *steps[steps.index(click("link", product.name)) + 1 :])
    assert info["outcome"] == 1.0
    assert "incorrect" not in labels + more


def test_an_order_may_be_cancelled_from_the_list_once_its_page_was_seen():
    env = begun(1, "order/cancel")
    steps = script(env)
    opened = steps[: steps.index(click("button", "Cancel this order"))]
    order = opened[-1].name
    labels, info = do(env, *opened, "back", click("button", f"Cancel {order.lower()}"), ENDS)
    assert info["outcome"] == 1.0
    assert "incorrect" not in labels


def test_a_wrong_thing_may_be_put_back():
    env = begun(3, "buy/attributes/plain", lambda s: "/signed-out" not in s.kind)
    world = world_of(env.scenario.facts.world)
    product, _ = target(env.scenario)
    other = next(p for p in world.products.values() if p.key != product.key and not p.colours and not p.sizes and p.in_stock)
    wrong = [f'goto "http://shop.test/p/{other.key}"', click("button", "Add to cart"), click("button", "Remove")]
    labels, _ = do(env, *wrong)
    assert labels == ["neutral", "incorrect", "neutral"]
    more, info = do(env, *script(env))
    assert info["outcome"] == 1.0
    assert "incorrect" not in more
