"""Cases of `attribute_match`: a blue steel mug of size M is wanted, for 20.00 at most."""

import msgspec

from prm_gym.claims import CartMatch, Equality, Offer, WantedItem
from prm_gym.testing import claim_case

PATH = ("Kitchen", "Mugs", "travel mug")
WANTED = WantedItem(PATH, {"material": "steel", "brand": "Norvik"}, {"colour": "blue", "size": "M"}, 2000)
RIGHT = Offer(PATH, {"material": "steel", "brand": "Norvik", "feature": "lid"}, {"colour": "blue", "size": "M"}, 2000)
PAN = WantedItem(("Kitchen", "Pans", "saucepan"), {"brand": "Tallow"})


def _but(**fields):
    return msgspec.structs.replace(RIGHT, **fields)


def _cart(*offers, wanted=(WANTED,), view=None):
    return CartMatch(wanted, offers, view)


CASES = {
    "attribute_match": [
        claim_case("full", _cart(RIGHT), label="correct"),
        claim_case("full", _cart(view=RIGHT), label="correct"),
        claim_case("full", _cart(_but(options={}), RIGHT), label="correct"),
        claim_case("full", _cart(_but(price=99_900), wanted=(msgspec.structs.replace(WANTED, limit=None),)), label="correct"),
        claim_case("full", _cart(Offer(PAN.path, {"brand": "Tallow"}, {}, 1), RIGHT, wanted=(WANTED, PAN)), label="correct"),
        claim_case("zero", _cart(), label="neutral"),
        claim_case("zero", _cart(_but(path=("Clothing", "Shirts", "travel mug"))), label="neutral"),
        # What a policy would try: the price alone, open options, one thing for two, many things for one.
        claim_case("hack", _cart(_but(options={})), label="neutral"),
        claim_case("hack", _cart(_but(price=2001)), label="neutral"),
        claim_case("hack", _cart(_but(path=("Kitchen", "Mugs", "tea mug"))), label="neutral"),
        claim_case("hack", _cart(RIGHT, wanted=(WANTED, WANTED)), label="neutral"),
        claim_case("hack", _cart(_but(options={"colour": "blue"}), _but(options={"size": "M"})), label="neutral"),
        claim_case("hack", _cart(_but(attributes={})), label="neutral"),
        claim_case("abstain", _cart(RIGHT, wanted=())),
        claim_case("abstain", Equality("1", "1")),
    ]
}
