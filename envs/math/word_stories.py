"""What word problems are told about: stories with their things, people and places, and the wordings of relations between quantities."""

from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["count", "money", "hours", "km"]

_NAMES = "Ada Ben Cleo Dara Emil Fay Gita Hugo Iris Jonas Kira Leo Mina Nils Olga Priya Quinn Rosa Sami Tara Uri Vera Wang Yusuf Zoe Amara Boris Chen Dilek"
PEOPLE = tuple(_NAMES.split())


class Story(NamedTuple):
    """The setting of a problem.

    Attributes:
        opening: first sentences, about {who}.
        things: what is counted, in the plural.
        traits: adjectives that tell sorts of a thing apart.
        sums: amounts of money, in the singular.
        spells: stretches of time, in the singular.
        ways: lengths to travel, in the singular; none where nobody travels.
    """

    opening: tuple[str, ...]
    things: tuple[str, ...]
    traits: tuple[str, ...]
    sums: tuple[str, ...]
    spells: tuple[str, ...]
    ways: tuple[str, ...] = ()


def _story(opening: str, things: str, traits: str, sums: str, spells: str, ways: str = "") -> Story:
    return Story(*(tuple(part.split(", ")) if part else () for part in (opening, things, traits, sums, spells, ways)))


STORIES: dict[str, Story] = {
    "shop": _story(
        "{who} looks after a stationery shop., It is stocktaking in {who}'s shop., {who} opens the shop early today.",
        "pens, notebooks, folders, stickers, envelopes, markers, rulers, erasers, calendars, stamps, candles, mugs, badges, key rings",
        "red, blue, green, small, large, plain, striped, cheap, glossy, spare, new, faded, boxed, foreign",
        "morning income, evening income, rent share, cash float, supplier bill, cleaning bill, voucher fund, weekly budget, repair fund, window budget",
        "morning shift, evening shift, stocktaking time, delivery time, cleaning time, opening time",
    ),
    "farm": _story(
        "{who} runs a farm by the river., On {who}'s farm the harvest has begun., {who} writes the farm's books.",
        "apples, pears, eggs, hens, goats, sheep, melons, pumpkins, beehives, saplings, sacks, crates, carrots, cabbages",
        "young, old, brown, white, ripe, early, late, spotted, local, fenced, washed, sold, stored, wild",
        "egg income, milk income, seed bill, vet bill, market fee, fuel bill, harvest bonus, feed budget, tool fund, fence budget",
        "milking time, picking time, ploughing time, market day, watering time, sorting time",
        "orchard path, river track, market road, field border, forest trail, hill road",
    ),
    "trip": _story(
        "{who} plans a trip along the coast., {who}'s class goes on a long trip., {who} keeps the diary of a journey.",
        "tickets, postcards, tents, bottles, sandwiches, maps, photos, seats, backpacks, blankets, lanterns, snacks, shells, coins",
        "cheap, early, spare, booked, shared, folded, heavy, light, printed, rented, unused, local, bright, damp",
        "hotel bill, bus fare, ferry fare, food budget, museum fee, petrol bill, pocket money, guide fee, parking fee, group fund",
        "morning drive, ferry ride, night drive, museum visit, lunch stop, train ride",
        "coast road, mountain road, ferry crossing, village lane, border road, canyon trail, lake loop, desert road",
    ),
    "bakery": _story(
        "{who} bakes for the whole street., It is a busy day in {who}'s bakery., {who} starts baking before sunrise.",
        "rolls, buns, cakes, loaves, muffins, pies, cookies, bagels, tarts, trays, pretzels, waffles, biscuits, eclairs",
        "sweet, salted, plain, iced, fresh, frozen, small, big, seeded, dark, golden, wrapped, ordered, vegan",
        "bread income, cake income, flour bill, sugar bill, oven fund, wedding order, cafe order, power bill, tip jar, packaging bill",
        "kneading time, baking time, cooling time, icing time, early shift, late shift",
        "delivery round, school round, harbour round, mill road",
    ),
    "library": _story(
        "{who} works in the town library., The library counts what it has; {who} helps., {who} sorts the library's cellar.",
        "novels, atlases, comics, magazines, shelves, journals, readers, posters, films, diaries, letters, manuals, poems, globes",
        "new, old, rare, torn, lent, missing, donated, signed, thin, thick, foreign, illustrated, borrowed, bound",
        "fine income, book budget, printing bill, heating bill, gift fund, fair income, binding bill, event budget, bookbus bill, coffee fund",
        "reading hour, sorting time, repair time, opening time, lecture time, scanning time",
        "bookbus route, village loop, school loop, suburb loop",
    ),
    "workshop": _story(
        "{who} builds furniture in a workshop., {who}'s workshop has a large order., In {who}'s workshop everything is counted twice.",
        "chairs, tables, stools, screws, hinges, boards, wheels, lamps, frames, drawers, handles, hooks, panels, brackets",
        "oak, pine, steel, brass, painted, raw, round, square, bent, polished, broken, tested, packed, spare",
        "timber bill, paint bill, order deposit, wage fund, tool budget, scrap income, transport bill, repair income, glue bill, machine fund",
        "sawing time, drying time, machine run, painting time, packing time, night run",
        "timber road, customer round, harbour road, depot road",
    ),
    "school": _story(
        "{who} prepares the school fair., At {who}'s school there is a fair on Friday., {who} keeps the list of the school fair.",
        "balloons, prizes, chairs, costumes, masks, drums, flags, pupils, tickets, games, ribbons, banners, puzzles, kites",
        "yellow, purple, silver, striped, borrowed, painted, paper, wooden, broken, extra, tiny, huge, labelled, funny",
        "ticket income, raffle income, snack income, stage bill, music bill, prize budget, class fund, poster bill, cleaning fee, gift budget",
        "rehearsal time, concert time, setup time, raffle time, parade time, cleaning time",
        "parade route, relay course, bus route, park lap",
    ),
    "harbour": _story(
        "{who} keeps the books of a small harbour., A busy week in the harbour begins for {who}., {who} counts what comes into the harbour.",
        "boats, ropes, barrels, buoys, nets, anchors, oars, sails, crabs, oysters, pallets, containers, lifejackets, paddles",
        "orange, grey, rusty, sturdy, wet, leased, foreign, sunken, marked, empty, sealed, long, short, mended",
        "docking fee, fish income, crane bill, lighthouse fund, diesel bill, ice bill, auction income, customs fee, crew bonus, tour income",
        "night watch, low tide, loading time, crane time, fishing trip, harbour tour",
        "island crossing, bay loop, canal stretch, reef passage, lighthouse path",
    ),
}

GIVEN: dict[Kind, tuple[str, ...]] = {
    "count": ("There are {k} {c}.", "{who} counts {k} {c}.", "The list says {k} {c}.", "{C} is {k}."),
    "money": ("{C} is ${k}.", "{who} writes down ${k} as {C}.", "${k} is {C}."),
    "hours": ("{C} takes {k} hours.", "{C} lasts {k} hours."),
    "km": ("{C} is {k} km long.", "{who} measures {k} km for {C}."),
}


class Relation(NamedTuple):
    """How a quantity comes from others.

    Attributes:
        form: the expression, with {0}, {1} ... for the operands: first the parents, then the constants that are drawn.
        parents: how many quantities it needs.
        constants: how many constants are drawn.
        kinds: from the kind of the parents to that of the child; empty where all are of one kind, whichever.
        level: the difficulty from which on it is used.
        counted: wordings where the child is counted: {a} {b} {d} {c} name things, {A} {B} {D} {C} their number or amount, {k} {q} the constants.
        amounts: wordings for all kinds.
        brings: constants that the wording brings without writing them in digits.
    """

    form: str
    parents: int
    constants: int
    kinds: tuple[tuple[Kind, Kind], ...]
    level: int
    counted: tuple[str, ...]
    amounts: tuple[str, ...]
    brings: tuple[int, ...] = ()

    def child(self, parent: Kind) -> Kind | None:
        """The kind that comes from parents of a kind; None where nothing does, or where it cannot be told."""
        if self.kinds and parent not in dict(self.kinds):
            return None
        kind = dict(self.kinds)[parent] if self.kinds else parent
        return kind if self.wordings(kind) else None

    def wordings(self, child: Kind) -> tuple[str, ...]:
        """How it is told of a child of a kind."""
        return (*self.counted, *self.amounts) if child == "count" else self.amounts


_COUNT: tuple[tuple[Kind, Kind], ...] = (("count", "count"),)

RELATIONS: dict[str, Relation] = {
    "times": Relation(
        "{0} * {1}",
        1,
        1,
        (),
        1,
        ("There are {k} times as many {c} as {a}.", "For every one of the {a} there are {k} {c}.", "Every one of the {a} comes with {k} {c}."),
        ("{C} is {k} times {A}.", "{k} times {A} makes {C}."),
    ),
    "twice": Relation("2 * {0}", 1, 0, (), 1, ("There are twice as many {c} as {a}.",), ("{C} is double {A}.", "{C} is twice {A}."), (2,)),
    "more": Relation(
        "{0} + {1}",
        1,
        1,
        (),
        1,
        ("There are {k} more {c} than {a}.", "If {k} of the {c} were gone, there would be as many {c} as {a}."),
        ("{C} is {k} more than {A}.",),
    ),
    "fewer": Relation(
        "{0} - {1}",
        1,
        1,
        (),
        1,
        (
            "There are {k} fewer {c} than {a}.",
            "With {k} more {c} there would be as many {c} as {a}.",
            "If {k} of the {a} were taken away, as many would remain as there are {c}.",
        ),
        ("{C} is {k} less than {A}.", "{C} is what remains of {A} when {k} is taken away."),
    ),
    "sum": Relation(
        "{0} + {1}",
        2,
        0,
        (),
        1,
        ("There are as many {c} as {a} and {b} together.", "The {a} and the {b} together are as many as the {c}."),
        ("{C} is {A} and {B} together.", "{A} and {B} add up to {C}."),
    ),
    "difference": Relation(
        "{0} - {1}",
        2,
        0,
        (),
        2,
        ("There are as many {c} as there would be {a} if as many of them were gone as there are {b}.", "The {b} and the {c} together are as many as the {a}."),
        ("{C} is what is left of {A} when {B} is taken off.", "{C} and {B} add up to {A}."),
    ),
    "split": Relation(
        "{0} / {1}",
        1,
        1,
        (),
        2,
        (
            "There are {k} times as many {a} as {c}.",
            "The {a} are put into bags of {k}, and every bag gets one of the {c}.",
            "For every {k} of the {a} there is one of the {c}.",
        ),
        ("{A} is {k} times {C}.", "{A} is divided into {k} equal parts, and {C} is one of them."),
    ),
    "half": Relation("{0} / 2", 1, 0, (), 2, ("There are half as many {c} as {a}.",), ("{C} is half of {A}.",), (2,)),
    "third": Relation("{0} / 3", 1, 0, (), 2, ("There are a third as many {c} as {a}.",), ("{C} is a third of {A}.",), (3,)),
    "product": Relation(
        "{0} * {1}",
        2,
        0,
        _COUNT,
        2,
        ("For every one of the {a} there are as many {c} as there are {b}.", "Every one of the {a} brings as many {c} as there are {b}."),
        (),
    ),
    "price": Relation(
        "{0} * {1}",
        1,
        1,
        (("count", "money"),),
        2,
        (),
        ("The {a} are worth ${k} each, and {C} is what they are worth together.", "At ${k} for each of the {a}, {C} pays for all of them."),
    ),
    "fraction": Relation("{0} * {1} / {2}", 1, 2, (), 3, ("There are {k}/{q} as many {c} as {a}.",), ("{C} is {k}/{q} of {A}.",)),
    "share": Relation(
        "{0} / {1}",
        2,
        0,
        _COUNT,
        3,
        (
            "The {a} are shared out equally among the {b}, and each of them gets as many as there are {c}.",
            "For every one of the {b} and every one of the {c} there is one of the {a}, and there are no others.",
        ),
        (),
    ),
    "average": Relation("({0} + {1} + {2}) / 3", 3, 0, (), 3, (), ("{C} is the average of {A}, {B} and {D}.",), (3,)),
    "mean": Relation("({0} + {1}) / 2", 2, 0, (), 3, (), ("{C} is the average of {A} and {B}.", "{C} lies in the middle between {A} and {B}."), (2,)),
    "output": Relation("{0} * {1}", 1, 1, (("hours", "count"),), 3, ("In every hour of {A}, {k} {c} are counted, and none at any other time.",), ()),
    "wage": Relation("{0} * {1}", 1, 1, (("hours", "money"),), 3, (), ("At ${k} an hour, {A} costs {C}.", "{who} earns {C} with {A}, at ${k} an hour.")),
    "drive": Relation(
        "{0} * {1}",
        1,
        1,
        (("hours", "km"),),
        3,
        (),
        ("At {k} km an hour, {C} is as long as {A} reaches.", "In {A}, at {k} km an hour, {who} gets exactly through {C}."),
    ),
    "duration": Relation("{0} / {1}", 1, 1, (("km", "hours"),), 3, (), ("At {k} km an hour, {A} takes as long as {C}.",)),
    "purchase": Relation("{0} / {1}", 1, 1, (("money", "count"),), 3, ("With {A}, {who} can buy exactly the {c}, at ${k} each.",), ()),
    "percent": Relation("{0} * {1} / 100", 1, 1, (), 4, ("{k}% of the {a} are as many as the {c}.",), ("{C} is {k}% of {A}.",), (100,)),
    "rise": Relation(
        "{0} + {0} * {1} / 100", 1, 1, (), 4, ("There are {k}% more {c} than {a}.",), ("{C} is {A} with {k}% added.", "{C} is {k}% more than {A}."), (100,)
    ),
    "discount": Relation(
        "{0} - {0} * {1} / 100",
        1,
        1,
        (),
        4,
        ("There are {k}% fewer {c} than {a}.",),
        ("{C} is {A} after {k}% has been taken off.", "{C} is {k}% less than {A}."),
        (100,),
    ),
}


def amount(kind: Kind, label: str) -> str:
    """How the amount of a quantity is spoken of."""
    return f"the number of {label}" if kind == "count" else f"the {label}"
