"""Entries that are ordered, searched and turned over."""

from prm_gym.envs.web.page_families.words import CITIES, GOODS
from prm_gym.envs.web.page_plans import Draw, Feature, Plan, Steps, choose, click, fill, filled, hides, off, on, orders, reads, shows


def ranking(draw: Draw) -> Plan:
    """A list that a person brings into an order."""
    names = draw.some(CITIES, 5)
    a, b, c, d, new = names
    sortable = sorted((a, b, c, d))
    heading = draw.one(("Favourite cities", "Places to go", "My route"))

    def numbered(*order: str) -> Steps:
        return tuple(shows(f"{place}. {name}") for place, name in enumerate(order, 1))

    return Plan(
        title=heading,
        intro=f"the cities {a}, {b}, {c} and {d}, which a person brings into an order.",
        markup="""
<ol id="list"></ol>
<div class="row"><button class="plain" id="sort">Sort A to Z</button><button class="plain" id="turn">Reverse</button></div>
<div class="row"><label>City <input id="new"></label><button id="add">Add city</button></div>
<p class="note" id="note"></p>
""",
        features=(
            Feature(
                "up",
                f'The cities are shown in this order, numbered "1. {a}", "2. {b}" and so on. Each has a button "Up" and the city ("Up {b}"), which '
                "moves it one "
                "place up; the numbers follow. For the first one it does nothing.",
                filled(
                    """
let cities = @cities@;
const extras = [];
const move = (place, to) => {
  if (to < 0 || to >= cities.length) return;
  [cities[place], cities[to]] = [cities[to], cities[place]];
  draw();
};
const push = (text, name, act) => {
  const button = make("button", { className: "plain small", ariaLabel: text + " " + name }, text);
  button.onclick = act;
  return button;
};
const draw = () => {
  $("list").replaceChildren(...cities.map((name, place) => {
    const row = make("li", {}, make("span", { className: "grow" }, place + 1 + ". " + name), push("Up", name, () => move(place, place - 1)));
    extras.forEach((extra) => extra(name, place, row));
    return row;
  }));
};
draw();
""",
                    cities=str([a, b, c, d]).replace("'", '"'),
                ),
                (
                    *numbered(a, b, c, d),
                    click(f"Up {c}"),
                    *numbered(a, c, b, d),
                    click(f"Up {c}"),
                    *numbered(c, a, b, d),
                    click(f"Up {c}"),
                    *numbered(c, a, b, d),
                    click(f"Up {d}"),
                    *numbered(c, a, d, b),
                ),
            ),
            Feature(
                "down",
                f'Each has a button "Down" too ("Down {a}"), which moves it one place down; for the last one it does nothing.',
                """
extras.push((name, place, row) => row.append(push("Down", name, () => move(place, place + 1))));
draw();
""",
                (click(f"Down {a}"), *numbered(b, a, c, d), click(f"Down {a}"), click(f"Down {a}"), click(f"Down {a}"), *numbered(b, c, d, a)),
            ),
            Feature(
                "sort",
                'A button "Sort A to Z" brings them into alphabetical order.',
                """
$("sort").onclick = () => { cities.sort(); draw(); };
""",
                (click(f"Up {d}"), click("Sort A to Z"), *numbered(*sortable), click(f"Up {sortable[1]}"), click("Sort A to Z"), *numbered(*sortable)),
            ),
            Feature(
                "reverse",
                'A button "Reverse" turns the order round.',
                """
$("turn").onclick = () => { cities.reverse(); draw(); };
""",
                (click("Reverse"), *numbered(d, c, b, a), click(f"Up {a}"), *numbered(d, c, a, b), click("Reverse"), *numbered(b, a, c, d)),
            ),
            Feature(
                "new",
                'A field "City" and a button "Add city" put another one at the end. One that is there already, in capitals or not, is not added: the page says '
                '"Already there".',
                """
$("add").onclick = () => {
  const name = $("new").value.trim();
  const known = cities.some((other) => other.toLowerCase() === name.toLowerCase());
  $("note").textContent = known ? "Already there" : "";
  if (name && !known) { cities.push(name); draw(); }
};
""",
                (
                    fill("City", new),
                    click("Add city"),
                    *numbered(a, b, c, d, new),
                    fill("City", b.upper()),
                    click("Add city"),
                    shows("Already there"),
                    hides("6."),
                    click(f"Up {new}"),
                    *numbered(a, b, c, new, d),
                ),
            ),
        ),
    )


def table(draw: Draw) -> Plan:
    """A table that is searched, narrowed and sorted."""
    goods, prices = draw.some(GOODS, 6), draw.some([*draw.numbers(5, 9, 2), *draw.numbers(11, 48, 4)], 6)  # as texts they sort otherwise
    groups = [draw.one(("Food", "Drink", "Home")) for _ in range(3)]
    kinds = ["Food", "Drink", "Home", *groups]
    rows = list(zip(goods, kinds, prices, strict=True))
    by_price = [name for name, _, _ in sorted(rows, key=lambda row: row[2])]
    name, other = draw.some(goods, 2)
    kind = draw.one(("Food", "Drink", "Home"))
    inside, outside = [row for row in rows if row[1] == kind], [row for row in rows if row[1] != kind]
    limit = sorted(prices)[draw.number(1, 4)]
    listed = "; ".join(f"{name}, {kind}, {price}" for name, kind, price in rows)
    part = name[:-1].upper()
    matching = [each for each in goods if part.lower() in each.lower()]
    return Plan(
        title=draw.one(("Price list", "Store room", "Catalogue")),
        intro=f"a table of goods with name, group and price: {listed}.",
        markup="""
<div class="row">
<label>Search <input id="search"></label>
<label>Group <select id="group"><option>All</option><option>Food</option><option>Drink</option><option>Home</option></select></label>
<label>Highest price <input id="most"></label>
</div>
<button class="plain" id="sort">Sort by price</button>
<table><thead><tr><th>Name</th><th>Group</th><th>Price</th></tr></thead><tbody id="rows"></tbody></table>
<p class="note" id="none"></p>
<p class="figure" id="count"></p>
""",
        features=(
            Feature(
                "search",
                'The table shows all goods in this order. A field "Search" leaves those alone whose name holds what is written, in capitals or not; it '
                "acts while "
                "one writes. When it is empty all are shown again.",
                filled(
                    """
const goods = @rows@.map(([name, group, price]) => ({ name, group, price }));
const filters = [(good) => good.name.toLowerCase().includes($("search").value.toLowerCase())], after = [];
let order = goods;
const draw = () => {
  const shown = order.filter((good) => filters.every((filter) => filter(good)));
  $("rows").replaceChildren(...shown.map((good) => make("tr", {}, make("td", {}, good.name), make("td", {}, good.group), make("td", {}, String(good.price)))));
  after.forEach((call) => call(shown));
};
$("search").oninput = draw;
draw();
""",
                    rows=str([list(row) for row in rows]).replace("'", '"'),
                ),
                (
                    orders(*goods),
                    fill("Search", part),
                    *map(shows, matching),
                    *(hides(each) for each in goods if each not in matching),
                    fill("Search", ""),
                    orders(*goods),
                    fill("Search", other),
                    shows(other),
                    hides(name),
                ),
            ),
            Feature(
                "count",
                'The page says "Rows: N", the number of goods that are shown, and "Nothing found" exactly where there are none.',
                """
after.push((shown) => {
  $("count").textContent = "Rows: " + shown.length;
  $("none").textContent = shown.length ? "" : "Nothing found";
});
draw();
""",
                (
                    reads("Rows", 6),
                    hides("Nothing found"),
                    fill("Search", part),
                    reads("Rows", len(matching)),
                    fill("Search", "zzq"),
                    reads("Rows", 0),
                    shows("Nothing found"),
                    fill("Search", ""),
                    reads("Rows", 6),
                    hides("Nothing found"),
                ),
            ),
            Feature(
                "group",
                'A list "Group" with the options All, Food, Drink and Home leaves the goods of that group alone; All shows those of every group.',
                """
filters.push((good) => $("group").value === "All" || good.group === $("group").value);
$("group").onchange = draw;
""",
                (
                    choose("Group", kind),
                    *(shows(row[0]) for row in inside),
                    *(hides(row[0]) for row in outside),
                    reads("Rows", len(inside)),
                    choose("Group", "All"),
                    reads("Rows", 6),
                ),
            ),
            Feature(
                "sort",
                'A button "Sort by price" orders the goods from the cheapest to the dearest; a second click the other way round, and so on.',
                """
let rising = false;
$("sort").onclick = () => {
  rising = !rising;
  order = [...goods].sort((one, other) => (rising ? one.price - other.price : other.price - one.price));
  draw();
};
""",
                (click("Sort by price"), orders(*by_price), click("Sort by price"), orders(*by_price[::-1]), click("Sort by price"), orders(*by_price)),
            ),
            Feature(
                "limit",
                'A field "Highest price" leaves the goods alone that cost at most so much; where it is empty it leaves all. It goes together with '
                '"Group" and "Search".',
                """
filters.push((good) => $("most").value === "" || good.price <= Number($("most").value));
$("most").oninput = draw;
""",
                (
                    fill("Highest price", limit),
                    reads("Rows", sum(price <= limit for price in prices)),
                    choose("Group", kind),
                    reads("Rows", sum(row[2] <= limit for row in inside)),
                    fill("Highest price", ""),
                    reads("Rows", len(inside)),
                ),
            ),
        ),
    )


def paging(draw: Draw) -> Plan:
    """Entries, some on a page."""
    total, size, other = draw.number(17, 29), draw.number(4, 6), draw.one((8, 10))
    noun = draw.one(("Entry", "Photo", "Letter", "Record"))
    pages = -(-total // size)
    last = total - size * (pages - 1)

    def page(number: int, width: int = size) -> Steps:
        first, end = width * (number - 1) + 1, min(width * number, total)
        return (shows(f"{noun} {first}"), shows(f"{noun} {end}"), hides(f"{noun} {end + 1}"), *((hides(f"{noun} {first - 1}"),) if first > 1 else ()))

    return Plan(
        title=f"{noun} archive",
        intro=f'{total} entries, the first of them "{noun} 1", and {size} on a page.',
        markup=f"""
<div class="row">
<label>Per page <select id="size"><option>{size}</option><option>{other}</option></select></label>
<label>Go to <input id="goal"></label>
<button class="plain" id="go">Go</button>
</div>
<ul id="list"></ul>
<div class="row"><button class="plain" id="first">First</button><button id="back">Back</button><button id="next">Next</button></div>
<p class="figure" id="where"></p>
""",
        features=(
            Feature(
                "next",
                f'The first {size} are shown. The buttons "Next" and "Back" turn to the next and the last page; there is nothing before the first page '
                "and nothing "
                "after the last one.",
                filled(
                    """
const TOTAL = @total@;
let size = @size@, page = 1;
const after = [];
const pages = () => Math.ceil(TOTAL / size);
const draw = () => {
  const first = (page - 1) * size + 1, last = Math.min(TOTAL, page * size);
  $("list").replaceChildren(...Array.from({ length: last - first + 1 }, (_, place) => make("li", {}, "@noun@ " + (first + place))));
  after.forEach((call) => call());
};
const turn = (to) => { page = Math.min(pages(), Math.max(1, to)); draw(); };
$("next").onclick = () => turn(page + 1);
$("back").onclick = () => turn(page - 1);
draw();
""",
                    total=total,
                    size=size,
                    noun=noun,
                ),
                (
                    *page(1),
                    click("Next"),
                    *page(2),
                    click("Next"),
                    *page(3),
                    click("Back"),
                    *page(2),
                    click("Back"),
                    *page(1),
                    *(click("Next") for _ in range(pages - 1)),
                    *page(pages),
                ),
            ),
            Feature(
                "where",
                'The page says "Page: N of M".',
                """
after.push(() => { $("where").textContent = "Page: " + page + " of " + pages(); });
draw();
""",
                (reads("Page", f"1 of {pages}"), click("Next"), reads("Page", f"2 of {pages}"), click("Next"), click("Back"), reads("Page", f"2 of {pages}")),
            ),
            Feature(
                "ends",
                '"Back" is disabled on the first page, "Next" on the last one.',
                """
after.push(() => { $("back").disabled = page === 1; $("next").disabled = page === pages(); });
draw();
""",
                (
                    off("Back"),
                    on("Next"),
                    click("Next"),
                    on("Back"),
                    on("Next"),
                    *(click("Next") for _ in range(pages - 2)),
                    off("Next"),
                    on("Back"),
                    click("Back"),
                    on("Next"),
                ),
            ),
            Feature(
                "size",
                f'A list "Per page" with the options {size} and {other} sets how many are shown on a page, and goes to the first page.',
                """
$("size").onchange = () => { size = Number($("size").value); turn(1); };
""",
                (click("Next"), choose("Per page", str(other)), *page(1, other), reads("Page", f"1 of {-(-total // other)}"), click("Next"), *page(2, other)),
            ),
            Feature(
                "goto",
                'A field "Go to" and a button "Go" turn to the page of that number; a number that there is not does nothing. A button "First" goes to '
                "the first one.",
                """
$("go").onclick = () => { const goal = Number($("goal").value); if (Number.isInteger(goal) && goal >= 1 && goal <= pages()) turn(goal); };
$("first").onclick = () => turn(1);
""",
                (
                    fill("Go to", pages),
                    click("Go"),
                    *page(pages),
                    reads("Page", f"{pages} of {pages}"),
                    fill("Go to", pages + 1),
                    click("Go"),
                    reads("Page", f"{pages} of {pages}"),
                    fill("Go to", 0),
                    click("Go"),
                    reads("Page", f"{pages} of {pages}"),
                    click("First"),
                    *page(1),
                    fill("Go to", 2),
                    click("Go"),
                    *page(2),
                    hides(f"{noun} {total}") if last else click("First"),
                ),
            ),
        ),
    )
