"""Names that nobody has: of people, towns, companies, books, schools and regions, no two alike."""

from collections.abc import Callable, Sequence

import numpy as np

_FIRST = (
    "Arvo", "Belka", "Cosme", "Dortha", "Edvar", "Fenna", "Goran", "Hesper", "Ilka", "Jorun", "Kasimir", "Lioba", "Mathis", "Nerea",
    "Oskar", "Perpetua", "Quirin", "Rasmus", "Sunniva", "Tilde", "Ulrik", "Verena", "Wanda", "Xenia", "Yorick", "Zelda",
)  # fmt: skip
_HEADS = (
    "Bran",
    "Cald",
    "Dorn",
    "Elm",
    "Fal",
    "Grim",
    "Hal",
    "Isel",
    "Kor",
    "Lund",
    "Mar",
    "Nor",
    "Oster",
    "Pell",
    "Rav",
    "Sel",
    "Tarn",
    "Ulm",
    "Vars",
    "Wend",
)
_SURNAME_TAILS = ("aker", "berg", "dahl", "eck", "feld", "gren", "holtz", "ini", "kov", "lund", "mann", "nova", "ov", "rath", "sen", "tova", "ura", "wick")
_TOWN_TAILS = ("bach", "burg", "dale", "ford", "gate", "haven", "holm", "holt", "mere", "minster", "mouth", "stead", "stow", "thorp", "ton", "wald")
_TOWN_FRONTS = ("Upper ", "Lower ", "Old ", "Port ", "", "", "", "", "", "")
_TRADES = ("Mills", "Shipping", "Press", "Glassworks", "Brewery", "Instruments", "Timber", "Insurance", "Foundry", "Mercantile")
_QUALITIES = ("Silent", "Crooked", "Amber", "Hollow", "Distant", "Burning", "Paper", "Seventh", "Winter", "Blind", "Copper", "Salted", "Borrowed", "Last")
_OBJECTS = ("Quay", "Orchard", "Lantern", "Ferry", "Clock", "Harvest", "Staircase", "Archive", "Meadow", "Signal", "Mirror", "Parade", "Cistern", "Harbour")
_REGION_TAILS = ("mark", "land", "shire", "ia", "reach")
_SECOND = ("Heron", "Magpie", "Fox", "Sexton", "Badger", "Swift", "Cooper", "Falcon", "Weaver", "Lynx", "Tinker", "Osprey")


class Names:
    """Draws names; one that was drawn is not drawn again."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._drawn: set[str] = set()

    def first(self, kind: str) -> str:
        """The name of a thing of a kind; people share surnames, towns differ in a word or an ending."""
        return self._new(lambda: self._name(kind))

    def second(self, kind: str) -> str:
        """A second name, which does not look like the first."""
        if kind == "person":
            return self._new(lambda: f"the {self._one(_SECOND)} of {self._one(_HEADS)}{self._one(_TOWN_TAILS)}")
        if kind == "town":
            return self._new(lambda: f"{self._one(_HEADS)}{self._one(_HEADS).lower()}{self._one(('um', 'is', 'ona'))}")
        return self._new(lambda: f"{self._one(_SECOND)} & {self._one(_SECOND)}")

    def _name(self, kind: str) -> str:
        head = self._one(_HEADS)
        match kind:
            case "person":
                return f"{self._one(_FIRST)} {head}{self._one(_SURNAME_TAILS)}"
            case "town":
                return f"{self._one(_TOWN_FRONTS)}{head}{self._one(_TOWN_TAILS)}"
            case "company":
                return f"{head}{self._one(_SURNAME_TAILS)} {self._one(_TRADES)}"
            case "book":
                return f"The {self._one(_QUALITIES)} {self._one(_OBJECTS)}"
            case "school":
                return f"{head}{self._one(_TOWN_TAILS)} Academy"
            case _:
                return f"{head}{self._one(_HEADS).lower()}{self._one(_REGION_TAILS)}"

    def _new(self, draw: Callable[[], str]) -> str:
        while (name := draw()) in self._drawn:
            pass
        self._drawn.add(name)
        return name

    def _one(self, words: Sequence[str]) -> str:
        return words[int(self._rng.integers(len(words)))]
