"""Things that are to be bought in the shop: how they are described, so that one thing alone fits, and how they are found."""

from collections.abc import Mapping
from dataclasses import dataclass

from prm_gym.claims import WantedItem
from prm_gym.envs.web.shop_pages import SORTS
from prm_gym.envs.web.shop_part import Draw, choosing, chosen_words, found, opened, options_path, to_list, to_product
from prm_gym.envs.web.shop_rows import Product, Variant
from prm_gym.web import Checkpoint, Do, Spoken, Way, choose, click


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(Spoken):
    """A thing that is to be bought; `words` such as "the cheapest travel mug in blue", and the way to its page with its options chosen.

    Attributes:
        variant: that which is meant.
        product: its product.
        wanted: the same for `attribute_match`.
    """

    variant: Variant
    product: Product
    wanted: WantedItem

    @property
    def page(self) -> Way:
        """The way to its page, with nothing chosen."""
        return Way(script=self.script[: len(self.script) - len(choosing(self.variant))], checkpoints=self.checkpoints[:2], phrases=self.phrases)


def path_of(product: Product) -> tuple[str, ...]:
    """Department, category and type."""
    return product.category.department, product.category.name, product.type


def options_of(variant: Variant) -> dict[str, str]:
    """Colour and size, where there is a choice."""
    return {name: value for name, value in (("colour", variant.colour), ("size", variant.size)) if value}


def a(words: str) -> str:
    """With its article."""
    if words.endswith(("boots", "shoes")):
        return f"a pair of {words}"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def new_target(draw: Draw, how: str, pieces: int = 1) -> Target | None:
    """Something that a description fits and that can be had; None where the first that was tried does not do."""
    product = draw.product()
    stocked = [variant for variant in product.variants if variant.stock >= pieces]
    if not stocked:
        return None
    variant = draw.one(stocked)
    if how == "named":
        return _named(product, variant)
    if how == "rated":
        return _best_rated(draw, product)
    return _cheapest(draw, product, variant) if how == "cheapest" else _by_attributes(draw, product, variant)


def _target(how: str, words: str, variant: Variant, product: Product, script: tuple[Do, ...], phrase: str, wanted: WantedItem) -> Target:
    points = [found(product), opened(product)]
    if variant.colour or variant.size:
        points.append(Checkpoint(f"opened {variant.key}", path=options_path(product, variant)))
    script, way = (*script, *choosing(variant)), tuple(points)
    return Target(how=how, words=words, variant=variant, product=product, script=script, checkpoints=way, phrases=(phrase,), wanted=wanted)


def _named(product: Product, variant: Variant) -> Target:
    wanted = WantedItem(path_of(product), {"item": product.key}, options_of(variant))
    return _target("named", f"the {product.name}{chosen_words(variant)}", variant, product, to_product(product.name), product.name, wanted)


def _by_attributes(draw: Draw, product: Product, variant: Variant) -> Target | None:
    attributes: dict[str, str] = {}
    limit = -(-variant.price // 100) + draw.number(0, 4) if draw.chance(0.6) else None
    for name in draw.some(("brand", "material", "feature"), 3):
        attributes[name] = getattr(product, name)
        if _fitting(draw, product.type, attributes, variant, limit) == [product.key]:
            break
    else:
        return None
    words = f"{attributes['material']} {product.type}" if "material" in attributes else product.type
    words = a(words) + (f" by {attributes['brand']}" if "brand" in attributes else "") + (f" with {attributes['feature']}" if "feature" in attributes else "")
    words += chosen_words(variant) + (f", for at most {limit} EUR" if limit is not None else "")
    wanted = WantedItem(path_of(product), attributes, options_of(variant), None if limit is None else limit * 100)
    script = (*to_list(product.type), click("link", product.name))
    return _target("attributes", words, variant, product, script, product.type, wanted)


def _fitting(draw: Draw, kind: str, attributes: Mapping[str, str], variant: Variant, limit: int | None) -> list[str]:
    """The products of which something fits a description and can be had."""
    return [
        product.key
        for product in draw.world.products.values()
        if product.type == kind
        and all(getattr(product, name) == value for name, value in attributes.items())
        and (same := product.variant(variant.colour, variant.size)) is not None
        and same.stock
        and (limit is None or same.price <= limit * 100)
    ]


def _cheapest(draw: Draw, product: Product, variant: Variant) -> Target | None:
    """The cheapest of its type that can be had in a colour; only where sizes do not matter."""
    if product.sizes:
        return None
    rivals = [other for other in draw.world.products.values() if other.type == product.type and (one := other.variant(variant.colour, "")) and one.stock]
    prices = sorted(other.price for other in rivals)
    cheapest = min(rivals, key=lambda other: other.price)
    chosen = cheapest.variant(variant.colour, "")
    if chosen is None or len(prices) < 2 or prices[0] == prices[1]:
        return None
    words = f"the cheapest {product.type}{f' that can be had in {variant.colour}' if variant.colour else ' that is in stock'}"
    script = (*to_list(product.type), choose("Sort by", SORTS["price"]), click("link", cheapest.name))
    return _target("cheapest", words, chosen, cheapest, script, product.type, WantedItem(path_of(cheapest), {"item": cheapest.key}, options_of(chosen)))


def _best_rated(draw: Draw, product: Product) -> Target | None:
    """The best rated of its type."""
    rivals = sorted((other for other in draw.world.products.values() if other.type == product.type), key=lambda other: -other.rating)
    best = rivals[0]
    stocked = [one for one in best.variants if one.stock >= 3]
    if len(rivals) < 2 or best.rating == rivals[1].rating or not stocked:
        return None
    chosen = draw.one(stocked)
    words = f"the best rated {product.type}{chosen_words(chosen)}"
    script = (*to_list(product.type), choose("Sort by", SORTS["rating"]), click("link", best.name))
    return _target("rated", words, chosen, best, script, product.type, WantedItem(path_of(best), {"item": best.key}, options_of(chosen)))
