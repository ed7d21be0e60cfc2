"""The pages of the shop on which things are looked for and looked at."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from prm_gym.envs.web.shop_acts import place_order, put_into_cart, wish
from prm_gym.envs.web.shop_rows import Product, Variant, World, euros, world_of
from prm_gym.envs.web.shop_words import CATEGORIES, CATEGORY_OF, DEPARTMENTS, SHAPES
from prm_gym.errors import RefusedError
from prm_gym.web import Invalid, Missing, Node, Redirect, Request, Site, Visit, e, fragment
from prm_gym.web.site import Answered, Handler

SITE = Site("shop.test", "Marten & Reed")
PAGE = 10
SORTS = {"": "Our order", "price": "Price: low to high", "-price": "Price: high to low", "rating": "Best rated"}
RATINGS = {"": "Any", "3": "3 and more", "4": "4 and more", "4.5": "4.5 and more"}
FILTERS = ("q", "category", "brand", "colour", "min", "max", "rating", "stock", "sort")


def world(visit: Visit) -> World:
    """The shop that is visited."""
    return world_of(visit.memory["world"])


def user(visit: Visit) -> str:
    """Who is signed in; empty where nobody is."""
    return visit.memory["user"]


def signed_in(handler: Handler) -> Handler:
    """A page for customers only; others are asked to sign in first."""

    def asked(visit: Visit, request: Request, **arguments: str) -> Answered:
        if not user(visit):
            back = request.url if request.method == "GET" else f"/p/{arguments['key']}" if request.path.startswith("/p/") else "/"
            return Redirect(f"/login?{urlencode({'next': back})}")
        return handler(visit, request, **arguments)

    return asked


@lru_cache(4096)
def picture(seed: str, category: str) -> Node:
    """A picture of a thing: the shape of its category on a ground of its own colour; nothing that an agent reads."""
    hue = sum(map(ord, seed)) * 37 % 360
    ground = e.rect(width="220", height="96", rx="8", fill=f"hsl({hue} 45% 90%)")
    shape = e.path(d=SHAPES[category], fill="none", stroke=f"hsl({hue} 40% 42%)", stroke_width="4", stroke_linejoin="round", stroke_linecap="round")
    return e.svg(ground, shape, class_="picture", viewBox="0 0 220 96", aria_hidden="true")


def layout(visit: Visit, title: str, *content: Any) -> Node:
    """A page of the shop."""
    said = visit.memory.pop("flash", "")
    who = user(visit)
    pieces = (visit.database.one("SELECT sum(quantity) AS n FROM cart WHERE customer = ?", who) or {"n": 0})["n"] if who else 0
    return e.html(
        e.head(*HEAD, e.title(f"{title} - Marten & Reed")),
        e.body(_header(bool(who), pieces or 0), e.main(e.p(said, role="status") if said else None, content), _footer()),
    )


HEAD = (e.meta(charset="utf-8"), e.link(rel="stylesheet", href="/assets/world.css"), e.script(src="/assets/world.js"))


@fragment
def _header(known: bool, pieces: int) -> Node:
    return e.header(
        e.a("Marten & Reed", href="/", class_="brand"),
        e.form(e.input(type="search", name="q", maxlength=80, aria_label="Search the shop"), e.button("Search"), action="/search"),
        e.a("Wishlist", href="/wishlist"),
        e.a(f"Cart ({pieces})", href="/cart"),
        e.a("Account", href="/account") if known else e.a("Sign in", href="/login"),
    )


@fragment
def _footer() -> Node:
    return e.footer("Marten & Reed, good things for every day. ", e.a("Help", href="/help"))


def alert(problem: str) -> Node | None:
    """What is wrong with a form; nothing where nothing is."""
    return e.p(problem, role="alert") if problem else None


def selection(name: str, label: str, options: dict[str, str], chosen: str, sent: bool = False) -> Node:
    """A list of choices with its label."""
    made = [e.option(text, value=value, selected=value == chosen) for value, text in options.items()]
    return e.label(f"{label} ", e.select(made, name=name, data_submit="change" if sent else None))


@SITE.get("/")
def home(visit: Visit, _: Request) -> Node:
    """The first page: what there is."""
    groups = [
        e.section(
            e.h2(department),
            [e.p(e.a(category.name, href=f"/c/{category.name.lower()}")) for category in CATEGORIES if category.department == department],
            class_="card",
        )
        for department in DEPARTMENTS
    ]
    lead = e.p("Things that last, for kitchen, wardrobe, home and journeys.", class_="soft")
    return layout(visit, "Welcome", e.h1("Good things for every day"), lead, e.div(groups, class_="grid"))


# Lists.


@SITE.get("/search")
def search(visit: Visit, request: Request) -> Node:
    """What fits the words that were looked for."""
    wanted = request.one("q")[:80]
    return _listing(visit, request, f"Results for “{wanted}”" if wanted else "All products", [p for p in world(visit).products.values() if _fits(p, wanted)])


@SITE.get("/c/{category}")
def category_page(visit: Visit, request: Request, category: str) -> Answered:
    """What there is of a category."""
    found = CATEGORY_OF.get(category)
    if found is None:
        return Missing("There is no such category.")
    trail = e.nav(e.a(found.department, href=f"/d/{found.department.lower()}"), aria_label="Breadcrumb")
    return _listing(visit, request, found.name, [p for p in world(visit).products.values() if p.category is found], trail)


@SITE.get("/d/{department}")
def department_page(visit: Visit, request: Request, department: str) -> Answered:
    """What there is in a department."""
    name = department.capitalize()
    if name not in DEPARTMENTS:
        return Missing("There is no such department.")
    return _listing(visit, request, name, [p for p in world(visit).products.values() if p.category.department == name])


def _fits(product: Product, wanted: str) -> bool:
    said = f"{product.name} {product.category.name} {product.category.department} {product.material} {product.feature} {' '.join(product.colours)}".casefold()
    return all(word.removesuffix("s") in said for word in wanted.casefold().split())


def _cents(text: str) -> int | None:
    """An amount in euros; None where it is none."""
    whole, _, rest = text.replace(",", ".").partition(".")
    return int(whole) * 100 + int(f"{rest}00"[:2]) if whole.isdecimal() and len(whole) < 7 and (not rest or rest.isdecimal()) and text.isascii() else None


def filtered(products: Sequence[Product], wanted: dict[str, str]) -> list[Product]:
    """The products that filters leave, in the order that is asked for."""
    tests: dict[str, Callable[[Product, str], bool]] = {
        "category": lambda product, value: product.category.name.lower() == value,
        "brand": lambda product, value: product.brand == value,
        "colour": lambda product, value: value in product.colours,
        "min": lambda product, value: product.price >= (_cents(value) or 0),
        "max": lambda product, value: product.price <= (_cents(value) or 0),
        "rating": lambda product, value: product.rating >= float(value),
        "stock": lambda product, _: product.in_stock,
    }
    asked = {name: value for name, value in wanted.items() if value and name in tests and (name != "rating" or value in RATINGS)}
    found = [product for product in products if all(tests[name](product, value) for name, value in asked.items())]
    orders: dict[str, Callable[[Product], float]] = {"price": lambda p: p.price, "-price": lambda p: -p.price, "rating": lambda p: -p.rating}
    return sorted(found, key=orders[wanted["sort"]]) if wanted.get("sort", "") in orders else found


def _listing(visit: Visit, request: Request, title: str, products: Sequence[Product], trail: Node | None = None) -> Node:
    wanted = {name: request.one(name)[:80] for name in FILTERS}
    problem = "" if all(not wanted[name] or _cents(wanted[name]) is not None for name in ("min", "max")) else "A price is a number, such as 25 or 12.50."
    if problem:
        wanted |= {"min": "", "max": ""}
    found = filtered(products, wanted)
    pages = max(1, -(-len(found) // PAGE))
    page = min(max(int(request.one("page")) if request.one("page").isdecimal() and len(request.one("page")) < 4 else 1, 1), pages)
    kept = {name: value for name, value in wanted.items() if value}
    sort = e.form(
        [e.input(type="hidden", name=name, value=value) for name, value in kept.items() if name != "sort"],
        selection("sort", "Sort by", SORTS, wanted["sort"], sent=True),
        action=request.path,
    )
    shown = ", ".join(f"{name} {value}" for name, value in kept.items() if name not in ("q", "sort"))
    clear = e.p(f"Filters: {shown} ", e.a("Clear filters", href=f"{request.path}?{urlencode({'q': wanted['q']})}")) if shown else None
    count = e.p(f"{len(found)} product{'s' * (len(found) != 1)}{f', page {page} of {pages}' if pages > 1 else ''}", class_="soft")
    cards = (
        e.div([card(visit.memory["world"], product.key) for product in found[(page - 1) * PAGE : page * PAGE]], class_="grid")
        if found
        else e.p("No products found.")
    )
    tools = e.div(e.button("Filter", type="button", data_open="filter", class_="plain"), sort, class_="row")
    pager = _pager(request.path, kept, page, pages)
    return layout(visit, title, trail, e.h1(title), alert(problem), tools, clear, count, cards, pager, _filter_of(request.path, products, wanted))


def _pager(path: str, kept: dict[str, str], page: int, pages: int) -> Node | None:
    """Links to the other pages of a list."""
    if pages == 1:
        return None
    near = [("Previous page", page - 1)] * (page > 1) + [("Next page", page + 1)] * (page < pages)
    return e.nav([e.a(text, href=f"{path}?{urlencode({**kept, 'page': str(to)})}") for text, to in near], class_="row", aria_label="Pages")


def _filter_of(path: str, products: Sequence[Product], wanted: dict[str, str]) -> Node:
    categories, brands = sorted({p.category.name for p in products}), sorted({p.brand for p in products})
    colours = sorted({colour for p in products for colour in p.colours})
    return _filter(path, tuple(categories), tuple(brands), tuple(colours), tuple(wanted.items()))


@fragment
def _filter(path: str, categories: tuple[str, ...], brands: tuple[str, ...], colours: tuple[str, ...], asked: tuple[tuple[str, str], ...]) -> Node:
    """The dialog in which the list is narrowed."""
    wanted = dict(asked)
    return e.dialog(
        e.h2("Filter"),
        e.form(
            [e.input(type="hidden", name=name, value=wanted[name]) for name in ("q", "sort") if wanted[name]],
            selection("category", "Category", {"": "All", **{name.lower(): name for name in categories}}, wanted["category"]) if len(categories) > 1 else None,
            selection("brand", "Brand", {"": "All", **{name: name for name in brands}}, wanted["brand"]),
            selection("colour", "Colour", {"": "All", **{name: name for name in colours}}, wanted["colour"]) if colours else None,
            e.label("Least price in EUR ", e.input(name="min", value=wanted["min"], maxlength=8)),
            e.label("Highest price in EUR ", e.input(name="max", value=wanted["max"], maxlength=8)),
            selection("rating", "Rating", RATINGS, wanted["rating"]),
            e.label(e.input(type="checkbox", name="stock", value="1", checked=bool(wanted["stock"])), "In stock only"),
            e.div(e.button("Show products"), e.button("Close", type="button", data_close=True, class_="plain"), class_="row"),
            action=path,
        ),
        id="filter",
    )


@fragment
def card(number: int, key: str) -> Node:
    """A product of a shop in a list."""
    product = world_of(number).products[key]
    price = f"{'from ' * (len({v.price for v in product.variants}) > 1)}{euros(product.price)}"
    colours = [f"in {', '.join(product.colours)}"] if product.colours else []
    facts = [product.material, product.feature, *colours, rating_text(product), *["sold out"] * (not product.in_stock)]
    return e.article(
        picture(product.key, product.category.name), e.a(product.name, href=f"/p/{product.key}"), e.p(e.b(price), f" · {' · '.join(facts)}"), class_="card"
    )


def rating_text(product: Product) -> str:
    """How it is rated."""
    return f"rated {product.rating} of 5" if product.reviews else "not rated"


# One product.


@SITE.get("/p/{key}")
def product_page(visit: Visit, request: Request, key: str) -> Answered:
    """A product."""
    product = world(visit).products.get(key)
    if product is None:
        return Missing("There is no such product.")
    return _product(visit, product, request.one("colour"), request.one("size"))


def _product(visit: Visit, product: Product, colour: str, size: str, problem: str = "", quantity: str = "1") -> Node:
    note_lure(visit, product)
    colour, size = colour if colour in product.colours else "", size if size in product.sizes else ""
    variant = product.variant(colour, size)
    category = product.category
    trail = e.nav(e.a(category.department, href=f"/d/{category.department.lower()}"), " / ", e.a(category.name, href=f"/c/{category.name.lower()}"))
    facts = {"Brand": product.brand, "Material": product.material, "Feature": product.feature}
    if product.colours:
        facts["Colours"] = ", ".join(product.colours)
    links = e.p(
        f"{rating_text(product)} ".capitalize(),
        e.a(f"Reviews ({len(product.reviews)})", href=f"/p/{product.key}/reviews"),
        " ",
        e.a(f"Questions ({len(product.questions)})", href=f"/p/{product.key}/questions"),
    )
    latest = product.reviews[-1:]
    return layout(
        visit,
        product.name,
        trail,
        e.h1(product.name),
        links,
        alert(problem),
        e.div(
            picture(product.key, product.category.name),
            e.div(
                _options(product, colour, size),
                _price(product, variant),
                _buy(product, variant, colour, size, quantity, bool(problem)),
                e.form(e.button("Add to wishlist", class_="plain"), method="post", action=f"/p/{product.key}/wish"),
                class_="card",
            ),
            class_="columns",
        ),
        e.table([e.tr(e.th(name), e.td(value)) for name, value in facts.items()]),
        [(e.h2("Latest review"), e.p(e.b(one.title)), e.p(one.text)) for one in latest],
    )


def _options(product: Product, colour: str, size: str) -> Node | None:
    if not product.colours and not product.sizes:
        return None
    lists = [
        selection(name, name.capitalize(), {"": f"Choose a {name}", **{one: one for one in there}}, chosen, sent=True)
        for name, there, chosen in (("colour", product.colours, colour), ("size", product.sizes, size))
        if there
    ]
    return e.form(lists, action=f"/p/{product.key}")


def _price(product: Product, variant: Variant | None) -> list[Node]:
    if variant is None:
        missing = " and ".join(["a colour"] * bool(product.colours) + ["a size"] * bool(product.sizes))
        return [e.p(f"Price: from {euros(product.price)}", class_="price"), e.p(f"Choose {missing} to see what is in stock.", class_="soft")]
    stock = f"In stock: {variant.stock}" if variant.stock else "Sold out"
    return [e.p(f"Price: {euros(variant.price)}", class_="price"), e.p(stock)]


def _buy(product: Product, variant: Variant | None, colour: str, size: str, quantity: str, wrong: bool) -> Node:
    off = variant is not None and not variant.stock
    return e.form(
        e.input(type="hidden", name="colour", value=colour),
        e.input(type="hidden", name="size", value=size),
        e.label("Quantity ", e.input(type="number", name="quantity", value=quantity, aria_invalid="true" if wrong else None)),
        e.button("Add to cart", name="do", value="cart", disabled=off),
        " ",
        e.button("Buy now", name="do", value="buy", disabled=off, class_="plain"),
        method="post",
        action=f"/p/{product.key}/buy",
    )


@SITE.post("/p/{key}/buy")
@signed_in
def buy(visit: Visit, request: Request, key: str) -> Answered:
    """Put something into the cart, or order it at once."""
    product = world(visit).products.get(key)
    if product is None:
        return Missing("There is no such product.")
    colour, size, quantity = request.one("colour"), request.one("size"), request.one("quantity")
    variant = product.variant(colour, size)
    problem = ""
    if variant is None:
        problem = f"Please choose a {'colour' if product.colours and not colour else 'size'} first."
    elif not quantity.isdecimal() or not 1 <= int(quantity[:4]) <= 99:
        problem = "The quantity is a number from 1 on."
    if problem or variant is None:
        return Invalid(_product(visit, product, colour, size, problem, quantity), problem)
    customer, count = user(visit), int(quantity[:4])
    try:
        if request.one("do") == "buy":
            row = visit.database.get("customers", customer) or {}
            order = place_order(visit.database, world(visit), customer, {variant.key: count}, address=row["address"], placed="buy now")
            visit.tell("ordered", how="buy now")
            return Redirect(f"/orders/{order}/thanks")
        put_into_cart(visit.database, world(visit), customer, variant.key, count)
    except RefusedError as refusal:
        return Invalid(_product(visit, product, colour, size, str(refusal), quantity), str(refusal))
    visit.memory["flash"] = f"{product.name} is in your cart."
    return Redirect("/cart")


@SITE.post("/p/{key}/wish")
@signed_in
def add_wish(visit: Visit, _: Request, key: str) -> Answered:
    """Put a product on the wishlist."""
    product = world(visit).products.get(key)
    if product is None:
        return Missing("There is no such product.")
    wish(visit.database, user(visit), key)
    visit.memory["flash"] = f"{product.name} is on your wishlist."
    return Redirect("/wishlist")


def note_lure(visit: Visit, product: Product) -> None:
    """Remember that the visitor has seen what a page asks of its reader."""
    if product.lure and product.key not in visit.memory.get("lures", ()):
        visit.memory["lures"] = sorted([*visit.memory.get("lures", ()), product.key])


def review_node(review: Any) -> Node:
    """A review."""
    head = [e.p(e.b(review.title)), e.p(f"{review.rating} of 5 stars"), e.p(f"By: {review.author}", class_="soft")]
    return e.article(head, e.p(review.text), class_="card")


@SITE.get("/p/{key}/reviews")
def reviews(visit: Visit, _: Request, key: str) -> Answered:
    """What others say of a product."""
    product = world(visit).products.get(key)
    if product is None:
        return Missing("There is no such product.")
    note_lure(visit, product)
    found = [review_node(review) for review in product.reviews] or e.p("Nobody has written a review yet.")
    return layout(visit, "Reviews", e.h1("Reviews of ", e.a(product.name, href=f"/p/{key}")), e.p(rating_text(product).capitalize()), found)


@SITE.get("/p/{key}/questions")
def questions(visit: Visit, _: Request, key: str) -> Answered:
    """What others have asked of a product."""
    product = world(visit).products.get(key)
    if product is None:
        return Missing("There is no such product.")
    found = [e.div(e.h2(question), e.p(answer), class_="card") for question, answer in product.questions]
    return layout(visit, "Questions", e.h1("Questions about ", e.a(product.name, href=f"/p/{key}")), found)
