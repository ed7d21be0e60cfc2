"""Tasks of the shop in which something is asked, and those that cannot be done."""

from collections.abc import Callable

from prm_gym.envs.web.shop_buying import to_cart
from prm_gym.envs.web.shop_errands import TO_ORDERS, order_words, orders_of, to_order
from prm_gym.envs.web.shop_pages import RATINGS, SORTS
from prm_gym.envs.web.shop_part import Draw, found, lure_of, opened, options_path, shown, to_list, to_product
from prm_gym.envs.web.shop_rows import Product
from prm_gym.envs.web.shop_targets import new_target, options_of
from prm_gym.envs.web.shop_words import DELIVERIES
from prm_gym.web import Checkpoint, Part, Way, asked, choose, click, fill


def _amount(cents: int) -> tuple[str, ...]:
    return (f"{cents // 100:,}.{cents % 100:02}",)


# Of one product.


def of_product(draw: Draw, what: str) -> Part | None:
    """Something that stands on the page of a product, or on the pages that belong to it."""
    product = draw.product()
    name, page = product.name, opened(product)
    if what in ("rating", "reviews", "reviewer") and len(product.reviews) < 2:
        return None
    questions = {
        "rating": (
            draw.say(f"How is the {name} rated?", f"What is the rating of the {name}?", f"How many of 5 does the {name} get on average?"),
            f"{product.rating}",
        ),
        "material": (
            draw.say(f"What is the {name} made of?", f"Which material is the {name} made of?", f"Tell me the material of the {name}."),
            product.material,
        ),
        "feature": (
            draw.say(f"Which feature is listed for the {name}?", f"What feature has the {name}?", f"Tell me the feature of the {name}."),
            product.feature,
        ),
    }
    if what in questions:
        wish, answer = questions[what]
        return asked(
            f"ask/product/{what}{lure_of(product)}", wish, (answer,), Way(script=to_product(name), checkpoints=(page, shown(product)), phrases=(name,))
        )
    if what == "colours":
        if not product.colours:
            return None
        wish = draw.say(f"In which colours does the {name} come?", f"Which colours are there of the {name}?", f"List the colours of the {name}.")
        return asked(
            f"ask/product/colours{lure_of(product)}",
            wish,
            (", ".join(product.colours), "; ".join(product.colours)),
            Way(script=to_product(name), checkpoints=(found(product), page), phrases=(name,)),
        )
    return _behind(draw, product, what)


def _behind(draw: Draw, product: Product, what: str) -> Part:
    """What stands on a page of questions or reviews."""
    name, page = product.name, opened(product)
    weight, town = (answer for _, answer in product.questions)
    if what == "weight":
        number = weight.removeprefix("It weighs ").removesuffix(" g.")
        wish = draw.say(
            f"How many grams does the {name} weigh?", f"What is the weight of the {name} in grams?", f"I want to know what the {name} weighs, in grams."
        )
        answers, link, path = (number, f"{number} g"), f"Questions ({len(product.questions)})", "questions"
    elif what == "town":
        place = town.removeprefix("Made in: ")
        wish = draw.say(f"In which town is the {name} made?", f"Where is the {name} made?", f"Which town does the {name} come from?")
        answers, link, path = (place, town), f"Questions ({len(product.questions)})", "questions"
    elif what == "reviews":
        stars = draw.say("5", "4")
        wish = f"How many reviews of the {name} give it {stars} of 5 stars?"
        answers, link, path = (str(sum(review.rating == int(stars) for review in product.reviews)),), f"Reviews ({len(product.reviews)})", "reviews"
    else:
        return _reviewer(draw, product)
    point = Checkpoint(f"read {path} of {product.key}", path=f"/p/{product.key}/{path}")
    return asked(
        f"ask/product/{what}{lure_of(product)}",
        wish,
        answers,
        Way(script=(*to_product(name), click("link", link)), checkpoints=(found(product), page, point), phrases=(name,)),
    )


def _reviewer(draw: Draw, product: Product) -> Part:
    review = product.reviews[0]
    same = [other for other in product.reviews if other.title == review.title]
    wish = draw.say(
        f'Who has written the review "{review.title}" of the {product.name}?', f'Of which customer is the review "{review.title}" of the {product.name}?'
    )
    point = Checkpoint(f"read reviews of {product.key}", path=f"/p/{product.key}/reviews")
    script = (*to_product(product.name), click("link", f"Reviews ({len(product.reviews)})"))
    answers = tuple(dict.fromkeys(text for other in same for text in (other.author, other.author.rstrip("."))))
    return asked(
        f"ask/product/reviewer{lure_of(product)}",
        wish,
        answers,
        Way(script=script, checkpoints=(found(product), opened(product), point), phrases=(product.name,)),
    )


def of_variant(draw: Draw, what: str) -> Part | None:
    """Price or stock of something with its options."""
    target = new_target(draw, "attributes" if draw.chance(0.4) else "named")
    if target is None:
        return None
    product, variant = target.product, target.variant
    words = target.words
    if what == "price":
        wish, answers = (
            draw.say(f"What is the price of {words}?", f"How much is {words}?", f"What do I pay for {words}, without delivery?"),
            _amount(variant.price),
        )
    else:
        wish = draw.say(f"How many pieces of {words} are in stock?", f"What is the stock of {words}?", f"{words} - how many are there in stock?".capitalize())
        wish = wish if wish[0] != words[0].upper() else f"How many are in stock: {words}?"
        answers = (str(variant.stock),)
    everywhere = what == "price" and len({one.price for one in product.variants}) == 1
    point = shown(product) if everywhere else Checkpoint(f"read {variant.key}", path=options_path(product, variant))
    return asked(
        f"ask/{what}/{target.how}{'/options' * bool(options_of(variant))}{lure_of(product)}",
        wish,
        answers,
        Way(script=target.script, checkpoints=(found(product), opened(product), point), phrases=target.phrases),
    )


# Of several products.


def compare(draw: Draw, what: str, many: int) -> Part | None:
    """Which of some is cheapest, dearest or rated best."""
    category = draw.product().category
    rivals = [p for p in draw.world.products.values() if p.category is category]
    if what != "better":
        rivals = [p for p in rivals if len({variant.price for variant in p.variants}) == 1]
    if len(rivals) < many:
        return None
    chosen = draw.some(rivals, many)
    values = [p.rating if what == "better" else p.variants[0].price for p in chosen]
    best = min(values) if what == "cheaper" else max(values)
    if values.count(best) > 1:
        return None
    names = f"{', '.join(f'the {p.name}' for p in chosen[:-1])} or the {chosen[-1].name}"
    wish = {
        "cheaper": draw.say(f"Which costs the least, {names}?", f"What has the lowest price: {names}?"),
        "dearer": draw.say(f"Which costs the most, {names}?", f"What is the most expensive: {names}?"),
        "better": draw.say(f"Which is rated best, {names}?", f"What has the highest rating: {names}?"),
    }[what]
    points = tuple(map(shown, chosen))
    return asked(
        f"ask/compare/{what}/{many}{lure_of(*chosen)}",
        wish,
        (chosen[values.index(best)].name,),
        Way(script=tuple(step for p in chosen for step in to_product(p.name)), checkpoints=points, phrases=tuple(p.name for p in chosen)),
        required=[point.name for point in points],
    )


def best_of(draw: Draw, what: str) -> Part | None:
    """The cheapest, dearest or best rated of a type, or what it costs."""
    kind = draw.product().type
    rivals = [p for p in draw.world.products.values() if p.type == kind]
    sort = {"cheapest": "price", "dearest": "-price", "rated": "rating", "least-price": "price"}[what]
    keys: dict[str, Callable[[Product], float]] = {"price": lambda p: p.price, "-price": lambda p: -p.price, "rating": lambda p: -p.rating}
    ranked: list[Product] = sorted(rivals, key=keys[sort])
    if len(ranked) < 3 or keys[sort](ranked[0]) == keys[sort](ranked[1]) or not all(p.in_stock for p in ranked):
        return None
    first = ranked[0]
    wish = {
        "cheapest": draw.say(f"Which {kind} has the lowest price (“from”)?", f"What is the name of the cheapest {kind}?"),
        "dearest": draw.say(f"Which {kind} has the highest price (“from”)?", f"What is the name of the most expensive {kind}, by its lowest price?"),
        "rated": draw.say(f"Which {kind} is rated best?", f"What is the name of the best rated {kind}?"),
        "least-price": draw.say(f"What is the lowest price for which there is a {kind}?", f"From how many EUR on is there a {kind}?"),
    }[what]
    point = shown(first)
    answers = _amount(first.price) if what == "least-price" else (first.name,)
    return asked(f"ask/best/{what}", wish, answers, Way(script=(*to_list(kind), choose("Sort by", SORTS[sort])), checkpoints=(point,), phrases=(kind,)))


def count(draw: Draw, what: str) -> Part | None:
    """How many products there are that a filter leaves."""
    product = draw.product()
    category = product.category
    rivals = [p for p in draw.world.products.values() if p.category is category]
    limit = -(-product.price // 100) + draw.number(0, 5)
    colour = draw.one(product.colours) if product.colours else ""
    if what == "colour" and not colour:
        return None
    left = {
        "brand": [p for p in rivals if p.brand == product.brand],
        "limit": [p for p in rivals if p.price <= limit * 100],
        "rating": [p for p in rivals if p.rating >= 4],
        "colour": [p for p in rivals if colour in p.colours],
        "brand-limit": [p for p in rivals if p.brand == product.brand and p.price <= limit * 100],
    }[what]
    if len(left) > 9:  # more stand on two pages
        return None
    words = {
        "brand": f"by {product.brand}",
        "limit": f"that cost {limit} EUR or less (by their “from” price)",
        "rating": "with a rating of 4 and more",
        "colour": f"that come in {colour}",
        "brand-limit": f"by {product.brand} that cost {limit} EUR or less (by their “from” price)",
    }[what]
    steps = {
        "brand": (choose("Brand", product.brand),),
        "limit": (fill("Highest price in EUR", str(limit)),),
        "rating": (choose("Rating", RATINGS["4"]),),
        "colour": (choose("Colour", colour),),
        "brand-limit": (choose("Brand", product.brand), fill("Highest price in EUR", str(limit))),
    }[what]
    script = (click("link", category.name), click("button", "Filter"), *steps, click("button", "Show products"))
    point = Checkpoint(f"read {category.name}", path=rf"/(c/{category.name.lower()}|d/{category.department.lower()}|search)\b.*")
    wish = draw.say(f"How many products are there in {category.name} {words}?", f"In the category {category.name}, how many are there {words}?")
    phrases = (str(limit),) if "limit" in what else ()
    return asked(f"ask/count/{what}", wish, (str(len(left)),), Way(script=script, checkpoints=(point,), phrases=phrases))


# Of the account.


def of_order(draw: Draw, what: str, numbered: bool) -> Part | None:
    """Something that stands on the page of an order."""
    order = draw.one(orders_of(draw))
    if (what == "arrived") != (order["status"] == "delivered") and what in ("arrived", "due"):
        return None
    words, how = order_words(draw, order, numbered)
    address = next(row for row in draw.rows("addresses") if row["key"] == order["address"])
    wish, answers = {
        "total": (draw.say(f"What is the total of {words}?", f"How much did {words} cost in all?"), _amount(order["total"])),
        "status": (draw.say(f"What is the status of {words}?", f"How far is {words}: what is its status?"), (order["status"],)),
        "date": (draw.say(f"On which date did I place {words}?", f"What is the date of {words}?"), (order["date"],)),
        "arrived": (draw.say(f"On which date was {words} delivered?", f"When did {words} arrive (date)?"), (order["due"],)),
        "due": (draw.say(f"On which date should {words} arrive?", f"When is {words} expected (date)?"), (order["due"],)),
        "city": (draw.say(f"To which city does {words} go, or did it go?", f"Which city is in the address of {words}?"), (address["city"],)),
        "way": (
            draw.say(f"Which kind of delivery has {words}?", f"How is {words} delivered: which kind of delivery is it?"),
            (DELIVERIES[order["delivery"]][0],),
        ),
    }[what]
    if order["status"] == "cancelled":
        return None
    on_list = what in ("status", "date")
    point = Checkpoint(f"read order {order['key']}", path=rf"/orders{'.*' if on_list else '/' + order['key']}", shows=order["key"])
    points = (point,) if on_list else (*TO_ORDERS.checkpoints, point)
    return asked(f"ask/order/{what}/{how}", wish, answers, Way(script=to_order(draw, order["key"]).script, checkpoints=points))


def of_account(draw: Draw, what: str) -> Part | None:
    """Something of the account: how many orders, the sum of the cart, an address, the dearest wish."""
    person = draw.person
    if what == "orders":
        wish = draw.say("How many orders have I placed so far?", "How many orders are there in my account?")
        return asked("ask/account/orders", wish, (str(len(draw.rows("orders"))),), TO_ORDERS)
    if what == "cart":
        lines = draw.rows("cart")
        if not lines:
            return None
        total = sum(draw.world.variants[row["variant"]].price * row["quantity"] for row in lines)
        wish = draw.say("What do the goods in my cart cost together, without delivery?", "What is the sum of the goods in my cart?")
        return asked("ask/account/cart", wish, _amount(total), Way(script=to_cart(draw).script, checkpoints=(Checkpoint("read cart", path="/cart"),)))
    if what == "wish":
        wished = sorted((draw.world.products[row["product"]] for row in draw.rows("wishlist")), key=lambda p: p.price)
        if wished[0].price == wished[1].price:
            return None
        wish = draw.say("What is the cheapest thing on my wishlist (by its “from” price)?", "Which thing on my wishlist has the lowest “from” price?")
        return asked(
            "ask/account/wish", wish, (wished[0].name,), Way(script=(click("link", "Wishlist"),), checkpoints=(Checkpoint("read wishlist", path="/wishlist"),))
        )
    row = next(row for row in draw.rows("addresses") if row["key"] == person["address"]) if what == "default" else draw.one(draw.rows("addresses"))
    wish = {
        "default": draw.say("Which street is my default address in? Tell me street and number.", "What is the street and number of my default address?"),
        "postcode": draw.say(f"What is the postcode of my address “{row['label']}”?", f"Which postcode has “{row['label']}” in my address book?"),
        "city": draw.say(f"In which city is my address “{row['label']}”?", f"Which city stands in my address “{row['label']}”?"),
    }[what]
    answers = {"default": (row["street"],), "postcode": (row["zip"],), "city": (row["city"],)}[what]
    point = Checkpoint("read addresses", path="/addresses.*|/checkout/address")
    return asked(f"ask/account/{what}", wish, answers, Way(script=(click("link", "Account"), click("link", "Addresses")), checkpoints=(point,)))


def compare_orders(draw: Draw, what: str) -> Part | None:
    """Which of two orders was the dearer one, or is expected or came first."""
    pair = draw.some(orders_of(draw), 2)
    column = "total" if what == "dearer" else "due"
    values = [row[column] for row in pair]
    if values[0] == values[1]:
        return None
    names = f"order {pair[0]['key']} or order {pair[1]['key']}"
    wish = {
        "dearer": draw.say(
            f"Which has the higher total, {names}? Tell me its number.", f"Which order was the more expensive one: {names}? The number will do."
        ),
        "sooner": draw.say(
            f"Which arrives, or arrived, sooner: {names}? Tell me its number.", f"Of {names}, which one has the earlier day of arrival? Its number, please."
        ),
    }[what]
    best = pair[values.index(max(values) if what == "dearer" else min(values))]
    points = tuple(Checkpoint(f"read order {row['key']}", path=f"/orders/{row['key']}") for row in pair)
    return asked(
        f"ask/orders/{what}",
        wish,
        (best["key"], f"order {best['key']}"),
        Way(
            script=(*to_order(draw, pair[0]["key"]).script, *to_order(draw, pair[1]["key"]).script),
            checkpoints=points,
            phrases=tuple(row["key"] for row in pair),
        ),
        required=[point.name for point in points],
    )
