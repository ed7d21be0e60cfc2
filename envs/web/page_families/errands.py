"""Lists that are filled: tasks, and goods with prices."""

from prm_gym.envs.web.page_families.words import CHORES, GOODS
from prm_gym.envs.web.page_plans import RELOAD, Draw, Feature, Plan, Steps, click, fill, filled, hides, holds, lacks, orders, reads, shows, tick


def todo(draw: Draw) -> Plan:
    """Tasks that are added, ticked and removed."""
    noun = draw.one(("Task", "Chore", "Errand", "Job"))
    a, b, c, d, example = draw.some(CHORES, 5)
    word = noun.lower()
    add_a, add_b, add_c = ((fill(noun, text), click("Add")) for text in (a, b, c))
    return Plan(
        title=f"{noun} list",
        intro=f"a list of {word}s that a person fills and ticks off.",
        markup=f"""
<div class="row"><label>{noun} <input id="new"></label><button id="add">Add</button></div>
<p class="note" id="note"></p>
<ul id="list"></ul>
<p class="figure" id="left"></p>
<button class="plain" id="clear">Clear done</button>
""",
        features=(
            Feature(
                "add",
                f'There is a field "{noun}" and a button "Add". Add puts the text of the field into the list and empties the field ("{example}" is then '
                "shown).",
                """
let tasks = [];
const checks = [], extras = [], after = [];
const draw = () => {
  $("list").replaceChildren(...tasks.map((task) => {
    const row = make("li", {}, make("span", { className: "grow" }, task.text));
    extras.forEach((extra) => extra(task, row));
    return row;
  }));
  after.forEach((call) => call());
};
$("add").onclick = () => {
  const text = $("new").value;
  if (checks.some((check) => !check(text))) return;
  tasks.push({ text, done: false });
  $("new").value = "";
  draw();
};
""",
                (hides(a), *add_a, shows(a), holds(noun, ""), *add_b, shows(a), shows(b), orders(a, b), hides(c)),
            ),
            Feature(
                "blank",
                f'Where the field is empty or holds spaces alone, Add adds nothing and the page says "Enter a {word}", until something is added.',
                filled(
                    """
checks.push((text) => {
  const fine = text.trim() !== "";
  $("note").textContent = fine ? "" : "Enter a @word@";
  return fine;
});
""",
                    word=word,
                ),
                (
                    hides(f"Enter a {word}"),
                    click("Add"),
                    shows(f"Enter a {word}"),
                    *add_c,
                    hides(f"Enter a {word}"),
                    fill(noun, "   "),
                    click("Add"),
                    shows(f"Enter a {word}"),
                    *add_a,
                    hides(f"Enter a {word}"),
                    orders(c, a),
                ),
            ),
            Feature(
                "left",
                'Every entry has a checkbox that is named like the entry. The page says "Left: N", where N is the number of entries that are not ticked.',
                """
extras.push((task, row) => {
  const box = make("input", { type: "checkbox", checked: task.done, ariaLabel: task.text });
  box.onchange = () => { task.done = box.checked; draw(); };
  row.prepend(box);
});
after.push(() => { $("left").textContent = "Left: " + tasks.filter((task) => !task.done).length; });
draw();
""",
                (reads("Left", 0), *add_a, *add_b, *add_c, reads("Left", 3), tick(b), reads("Left", 2), tick(c), reads("Left", 1), tick(b), reads("Left", 2)),
            ),
            Feature(
                "delete",
                f'Every entry has a button "Delete" and the entry ("Delete {example}"), which removes it.',
                """
extras.push((task, row) => {
  const drop = make("button", { className: "plain small", ariaLabel: "Delete " + task.text }, "Delete");
  drop.onclick = () => { tasks = tasks.filter((other) => other !== task); draw(); };
  row.append(drop);
});
draw();
""",
                (
                    *add_a,
                    *add_b,
                    *add_c,
                    click(f"Delete {b}"),
                    hides(b),
                    shows(a),
                    shows(c),
                    reads("Left", 2),
                    tick(a),
                    click(f"Delete {a}"),
                    reads("Left", 1),
                    shows(c),
                    lacks(a, "checkbox"),
                ),
            ),
            Feature(
                "clear",
                'A button "Clear done" removes all entries that are ticked, and no others.',
                """
$("clear").onclick = () => { tasks = tasks.filter((task) => !task.done); draw(); };
""",
                (*add_c, *add_a, *add_b, tick(c), tick(b), click("Clear done"), hides(c), hides(b), shows(a), reads("Left", 1), click("Clear done"), shows(a)),
            ),
            Feature(
                "reload",
                "Entries and their ticks are still there after the page was loaded again.",
                """
tasks = JSON.parse(localStorage.getItem("tasks") ?? "[]");
after.push(() => localStorage.setItem("tasks", JSON.stringify(tasks)));
draw();
""",
                (
                    fill(noun, d),
                    click("Add"),
                    *add_a,
                    *add_b,
                    tick(a),
                    RELOAD,
                    orders(d, a, b),
                    reads("Left", 2),
                    click(f"Delete {d}"),
                    RELOAD,
                    hides(d),
                    shows(b),
                    reads("Left", 1),
                ),
            ),
        ),
    )


def shopping(draw: Draw) -> Plan:
    """Goods with prices and a total."""
    a, b, c, example = draw.some(GOODS, 4)
    p, q, r = draw.numbers(2, 19, 3)
    n, m, k = draw.numbers(2, 6, 3)
    code = draw.one(("SAVE", "SPRING", "HELLO")) + str(draw.one((10, 20, 25)))
    share = int(code[-2:])
    price, money = draw.one(("Price", "Unit price")), draw.one(("Total", "Sum"))

    def bought(name: str, cost: str, count: object) -> Steps:
        return fill("Item", name), fill(price, cost), fill("Quantity", count), click("Add item")

    total = p * n + q * m
    return Plan(
        title="Shopping list",
        intro="goods with prices, and what they come to.",
        markup=f"""
<div class="row">
<label>Item <input id="item"></label>
<label>{price} <input id="price" inputmode="decimal"></label>
<label>Quantity <input id="count" value="1"></label>
</div>
<button id="add">Add item</button>
<p class="note" id="note"></p>
<ul id="list"></ul>
<p class="figure" id="total"></p>
<div class="row"><label>Code <input id="code"></label><button class="plain" id="apply">Apply</button></div>
<p id="told"></p>
""",
        features=(
            Feature(
                "total",
                f'There are the fields "Item", "{price}" and "Quantity" and a button "Add item", which adds a line. The page says "{money}: X", the sum '
                "of price "
                f'times quantity with two decimals ("{money}: 0.00" at first; 3 of {example} at 1.50 make 4.50).',
                filled(
                    """
let goods = [];
const checks = [], extras = [], shares = [];
const sum = () => goods.reduce((sum, good) => sum + good.price * good.count, 0);
const draw = () => {
  $("list").replaceChildren(...goods.map((good) => {
    const row = make("li", {}, make("span", { className: "grow" }, good.item + ", " + good.count + " at " + good.price.toFixed(2)));
    extras.forEach((extra) => extra(good, row));
    return row;
  }));
  const whole = sum();
  const paid = shares.reduce((paid, share) => paid - whole * share(), whole);
  $("total").textContent = "@money@: " + paid.toFixed(2);
};
$("add").onclick = () => {
  const good = { item: $("item").value, price: Number($("price").value), count: Number($("count").value) };
  if (checks.some((check) => !check(good))) return;
  goods.push(good);
  draw();
};
draw();
""",
                    money=money,
                ),
                (
                    reads(money, "0.00"),
                    *bought(a, f"{p}.50", n),
                    reads(money, f"{p * n + n / 2:.2f}"),
                    *bought(b, str(q), m),
                    shows(a),
                    shows(b),
                    reads(money, f"{total + n / 2:.2f}"),
                ),
            ),
            Feature(
                "remove",
                f'Every line has a button "Remove" and the item ("Remove {example}"), which takes the line off the list and out of the sum.',
                """
extras.push((good, row) => {
  const drop = make("button", { className: "plain small", ariaLabel: "Remove " + good.item }, "Remove");
  drop.onclick = () => { goods = goods.filter((other) => other !== good); draw(); };
  row.append(drop);
});
draw();
""",
                (
                    *bought(b, str(q), m),
                    *bought(c, str(r), k),
                    *bought(a, str(p), n),
                    click(f"Remove {c}"),
                    hides(c),
                    reads(money, f"{total:.2f}"),
                    click(f"Remove {b}"),
                    reads(money, f"{p * n:.2f}"),
                    shows(a),
                ),
            ),
            Feature(
                "invalid",
                'A price that is no number above 0, or a quantity that is no whole number from 1 on, adds nothing: the page says "Check price and quantity" '
                "until something is added.",
                """
checks.push((good) => {
  const fine = good.price > 0 && Number.isInteger(good.count) && good.count >= 1;
  $("note").textContent = fine ? "" : "Check price and quantity";
  return fine;
});
""",
                (
                    *bought(a, "abc", n),
                    shows("Check price and quantity"),
                    hides(a),
                    *bought(a, str(p), 0),
                    shows("Check price and quantity"),
                    hides(a),
                    *bought(b, f"-{q}", m),
                    hides(b),
                    *bought(c, str(r), "1.5"),
                    hides(c),
                    *bought(c, str(r), k),
                    hides("Check price and quantity"),
                    reads(money, f"{r * k:.2f}"),
                ),
            ),
            Feature(
                "merge",
                'Adding an item that is on the list at the same price makes no second line: the quantity grows. Each line says the item, a comma, and "N at X" '
                f'("{example}, 3 at 1.50").',
                """
checks.push((good) => {
  const known = goods.find((other) => other.item === good.item && other.price === good.price);
  if (known) { known.count += good.count; draw(); }
  return !known;
});
""",
                (
                    *bought(a, str(p), n),
                    *bought(a, str(p), m),
                    shows(f"{a}, {n + m} at {p}.00"),
                    reads(money, f"{p * (n + m):.2f}"),
                    *bought(a, str(p + 1), k),
                    shows(f"{a}, {k} at {p + 1}.00"),
                    shows(f"{a}, {n + m} at {p}.00"),
                    reads(money, f"{p * (n + m) + (p + 1) * k:.2f}"),
                ),
            ),
            Feature(
                "code",
                f'There are a field "Code" and a button "Apply". The code {code} takes {share} % off the sum, also off what is added later; the page then says '
                f'"Code applied". Any other text takes nothing off, and the page says "Unknown code".',
                filled(
                    """
let applied = false;
shares.push(() => (applied ? @share@ / 100 : 0));
$("apply").onclick = () => {
  applied = $("code").value === "@code@";
  $("told").textContent = applied ? "Code applied" : "Unknown code";
  draw();
};
""",
                    share=share,
                    code=code,
                ),
                (
                    *bought(a, str(p), n),
                    fill("Code", code[:-2]),
                    click("Apply"),
                    shows("Unknown code"),
                    reads(money, f"{p * n:.2f}"),
                    fill("Code", code),
                    click("Apply"),
                    shows("Code applied"),
                    hides("Unknown code"),
                    reads(money, f"{p * n * (100 - share) / 100:.2f}"),
                    *bought(b, str(q), m),
                    reads(money, f"{total * (100 - share) / 100:.2f}"),
                ),
            ),
        ),
    )
