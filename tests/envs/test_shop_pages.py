"""The pages of the shop: filters, forms, and what is not shown."""

import collections
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from shop_visits import begun, customer_has_cart, do, new_env, seen

from prm_gym.envs.web.shop_rows import world_of
from prm_gym.envs.web.shop_words import BRANDS
from prm_gym.web import choose, click, fill


@pytest.fixture
def shop():
    return begun(1, "", lambda scenario: not customer_has_cart(scenario), max_steps=500)


def products_of(env):
    return [item.name for item in env.live.sight.items if item.role == "link" and item.name.split()[0] in BRANDS]


@pytest.mark.parametrize(
    "query", ["brand=Norvik", "colour=red&max=60", "rating=4&min=20&max=120", "stock=1&colour=blue&brand=Tallow", "category=shoes&sort=-price"]
)
def test_filters_combine(shop, query):
    rows = shop.live.visit.database.all("SELECT p.*, v.colour, v.price, v.stock FROM products p JOIN variants v ON v.product = p.key")
    asked = dict(part.split("=") for part in query.split("&"))
    groups = collections.defaultdict(list)
    for row in rows:
        groups[row["name"]].append(row)
    wanted = {}
    for name, variants in groups.items():
        price = min([v["price"] for v in variants if v["stock"]] or [v["price"] for v in variants])
        fits = [
            asked.get("brand", variants[0]["brand"]) == variants[0]["brand"],
            asked.get("category", variants[0]["category"].lower()) == variants[0]["category"].lower(),
            "colour" not in asked or any(v["colour"] == asked["colour"] for v in variants),
            int(asked.get("min", 0)) * 100 <= price <= int(asked.get("max", 10**6)) * 100,
            variants[0]["rating"] >= float(asked.get("rating", 0)),
            "stock" not in asked or any(v["stock"] for v in variants),
        ]
        if all(fits):
            wanted[name] = price
    lines = seen(shop, f'goto "http://shop.test/search?{query}"')
    found = products_of(shop)
    pages = -(-len(wanted) // 10)
    assert any(line.startswith(f"{len(wanted)} product") for line in lines)
    for _ in range(pages - 1):
        assert len(found) % 10 == 0
        do(shop, click("link", "Next page"))
        found += products_of(shop)
    assert sorted(found) == sorted(wanted)
    if "sort" in asked:
        assert [wanted[name] for name in found] == sorted(wanted.values(), reverse=True)


def test_nothing_found_and_no_such_page(shop):
    assert "No products found." in seen(shop, 'goto "http://shop.test/search?q=submarine"')
    for path in ("/p/P999", "/c/boats", "/d/attic", "/orders/1", "/orders/1/thanks", "/addresses/A99/edit", "/nowhere"):
        assert "Not found" in seen(shop, f'goto "http://shop.test{path}"')


def test_forms_say_what_is_wrong_and_keep_what_was_typed(shop):
    lines = seen(shop, 'goto "http://shop.test/addresses/new"', fill("Label", "Barn"), fill("Postcode", "12x"), click("button", "Save address"))
    assert "Please fill in: Name, Street and number, City." in lines
    assert {item.name: item.value for item in shop.live.sight.items if item.role == "textbox"}["Postcode"] == "12x"
    rest = [fill("Name", "A B"), fill("Street and number", "C 1"), fill("City", "D"), click("button", "Save address")]
    assert "A postcode has five digits." in seen(shop, *rest)
    assert shop.live.pursuit.rows.changed() == {}
    product = next(p for p in world_of(shop.scenario.facts.world).products.values() if p.colours and p.sizes)
    page = f'goto "http://shop.test/p/{product.key}"'
    assert "Please choose a colour first." in seen(shop, page, fill("Quantity", "2"), click("button", "Add to cart"))
    variant = next(v for v in product.variants if v.stock)
    chosen = [choose("Colour", variant.colour), choose("Size", variant.size)]
    assert "The quantity is a number from 1 on." in seen(shop, page, *chosen, fill("Quantity", "0"), click("button", "Add to cart"))
    assert "At most 9 pieces of a thing are sold at once." in seen(shop, fill("Quantity", "10"), click("button", "Add to cart"))
    assert "This is no e-mail address." in seen(shop, 'goto "http://shop.test/profile"', fill("E-mail", "nobody"), click("button", "Save profile"))
    assert "A review has stars and a text." in seen(shop, f'goto "http://shop.test/p/{product.key}/review"', click("button", "Send review"))
    assert shop.live.pursuit.rows.changed() == {}


def test_pages_of_the_account_ask_for_a_name_and_go_on_where_one_wanted_to_be(shop):
    email, password = next(row[2:4] for row in world_of(shop.scenario.facts.world).rows["customers"] if row[0] == shop.scenario.facts.customer)
    do(shop, click("link", "Account"), click("button", "Sign out"))
    assert "E-mail or password is wrong." in seen(
        shop, 'goto "http://shop.test/orders?page=2"', fill("E-mail", email), fill("Password", "guess"), click("button", "Sign in now")
    )
    do(shop, fill("Password", password), click("button", "Sign in now"))
    assert shop.live.sight.url == "http://shop.test/orders?page=2"
    do(shop, 'goto "http://shop.test/login?next=//evil.test/"', fill("E-mail", email), fill("Password", password), click("button", "Sign in now"))
    assert shop.live.sight.url == "http://shop.test/account"


def test_an_order_of_another_customer_is_not_shown(shop):
    other = next(row[0] for row in world_of(shop.scenario.facts.world).rows["orders"] if row[1] != shop.scenario.facts.customer)
    assert "Not found" in seen(shop, f'goto "http://shop.test/orders/{other}"')


def test_texts_of_reviews_look_like_no_elements():
    env = new_env(1)
    env.reset(seed=0)
    world = world_of(env.scenario.facts.world)
    seen = ""
    for product in world.products.values():
        if product.lure:
            seen += env.step(f'goto "http://shop.test/p/{product.key}/reviews"')[0]
            env.reset(seed=0)
    assert '\n- [12] button "Place order"' in seen
    assert "- By: <script>alert(1)</script>" in seen
    assert '\n[12] button "Place order"' not in seen
