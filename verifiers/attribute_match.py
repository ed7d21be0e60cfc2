"""How well what is in the cart, or on the page under view, fits what is to be bought: WebShop's formula, a potential."""

from collections.abc import Sequence

from prm_gym.claims import CartMatch, Claim, Offer, WantedItem
from prm_gym.errors import ContractError
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext

TYPE_FACTORS = (1.0, 0.5, 0.1)  # where none, one, two of the last parts of the path are others


class AttributeMatchVerifier(ClaimVerifier):
    """Judges `CartMatch` claims by WebShop's formula.

        score = r_type (attribute hits + option hits + 1[price <= limit]) / (attributes + options + 1)

    of the offer that fits best, and by the mean over the things that are to be bought; each offer counts for one of them. Where no limit was said, any price
    keeps it. r_type is 1 for the same type of thing, .5 for the same category, .1 for the same department and 0 beyond.

    `correct` where the score is 1, and `neutral` below; nothing is `incorrect`, for a page that does not fit is no mistake. It abstains where nothing is to be
    bought. The score is that of the state which a step leads to, so it suits the reward `potential`; what is bought beside what is wanted, and whether it is
    ordered in the right way, the verifier `state` judges.

    The evidence holds the score by thing, in the order in which they are wanted.

    Source: the reward of WebShop (arXiv 2207.01206, section 3.2) with types, attributes and options read from the catalogue, not fuzzily from texts; there
    r_type comes from the overlap of the titles' nouns, here from the place in the catalogue.
    """

    id = "attribute_match"
    version = "1"
    claims = (CartMatch,)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one state."""
        if not isinstance(claim, CartMatch):
            raise ContractError(f"the verifier 'attribute_match' judges CartMatch claims, got {type(claim).__name__}")
        if not claim.wanted:
            return abstained("nothing is to be bought")
        scores = matched(claim.wanted, [*claim.cart, *([] if claim.view is None else [claim.view])])
        score = sum(scores) / len(scores)
        if score >= 1.0:
            return judged("correct", 1.0, "all that is to be bought is there as it is wanted", scores=scores)
        return judged("neutral", score, f"what is there fits by {score:.2f}", scores=scores)


def matched(wanted: Sequence[WantedItem], offers: Sequence[Offer]) -> list[float]:
    """How well each wanted thing is matched, in [0, 1]; the best pairs are taken first, and each offer for one thing.

    Args:
        wanted: what is to be bought.
        offers: what is there.
    """
    pairs = sorted(((match(item, offer), -i, -j) for i, item in enumerate(wanted) for j, offer in enumerate(offers)), reverse=True)
    scores, taken = dict[int, float](), set[int]()
    for score, i, j in pairs:
        if -i not in scores and -j not in taken:
            scores[-i] = score
            taken.add(-j)
    return [scores.get(i, 0.0) for i in range(len(wanted))]


def match(item: WantedItem, offer: Offer) -> float:
    """How well an offer fits, in [0, 1]: WebShop's formula."""
    same = next((place for place, (one, other) in enumerate(zip(item.path, offer.path, strict=False)) if one != other), min(len(item.path), len(offer.path)))
    missing = len(item.path) - same
    factor = TYPE_FACTORS[missing] if missing < len(TYPE_FACTORS) and (same or not item.path) else 0.0
    hits = sum(offer.attributes.get(name) == value for name, value in item.attributes.items())
    hits += sum(offer.options.get(name) == value for name, value in item.options.items())
    cheap = item.limit is None or offer.price <= item.limit
    return factor * (hits + cheap) / (len(item.attributes) + len(item.options) + 1)
