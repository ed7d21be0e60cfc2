"""Points: votes, and a match."""

from prm_gym.envs.web.page_families.words import NAMES
from prm_gym.envs.web.page_plans import Draw, Feature, Plan, Steps, click, fill, filled, has, hides, holds, lacks, off, on, reads, tick

_DISHES = ("Pizza", "Soup", "Curry", "Salad", "Pasta", "Tacos", "Sushi")


def votes(draw: Draw) -> Plan:
    """Votes for dishes."""
    a, b, c = names = draw.some(_DISHES, 3)
    n, m = draw.numbers(2, 5, 2)
    new = draw.one([dish for dish in _DISHES if dish not in names])
    ahead = a if n > m else c

    def voted(name: str, count: int) -> Steps:
        return (click(f"Vote {name}"),) * count

    return Plan(
        title=draw.one(("Lunch poll", "What shall we cook?", "Dinner vote")),
        intro=f"a vote between {a}, {b} and {c}.",
        markup="""
<ul id="list"></ul>
<p class="figure" id="total"></p><p id="leader"></p>
<div class="row"><label>Dish <input id="new"></label><button id="add">Add dish</button></div>
<button class="plain" id="reset">Start over</button>
""",
        features=(
            Feature(
                "vote",
                f'Each dish has a button "Vote" and the dish ("Vote {a}"), which adds a vote; the page says the dish, a colon and its votes ("{a}: 0" '
                "at first).",
                filled(
                    """
let dishes = @names@.map((name) => ({ name, votes: 0 }));
const after = [], texts = [(dish) => dish.name + ": " + dish.votes];
const draw = () => {
  $("list").replaceChildren(...dishes.map((dish) => {
    const vote = make("button", { className: "plain small", ariaLabel: "Vote " + dish.name }, "Vote");
    vote.onclick = () => { dish.votes += 1; draw(); };
    return make("li", {}, make("span", { className: "grow" }, texts.map((text) => text(dish)).join("")), vote);
  }));
  after.forEach((call) => call());
};
draw();
""",
                    names=str(names).replace("'", '"'),
                ),
                (reads(a, 0), *voted(c, m), reads(c, m), *voted(a, n), reads(a, n), reads(b, 0), reads(c, m)),
            ),
            Feature(
                "total",
                'It says "Votes: N", of all dishes together.',
                """
const sum = () => dishes.reduce((sum, dish) => sum + dish.votes, 0);
after.push(() => { $("total").textContent = "Votes: " + sum(); });
draw();
""",
                (reads("Votes", 0), *voted(b, n), reads("Votes", n), *voted(c, m), reads("Votes", n + m)),
            ),
            Feature(
                "leader",
                'It says "Leader: DISH", the one with most votes; "Leader: none" as long as there are no votes, and "Leader: tie" where several have most.',
                """
after.push(() => {
  const most = Math.max(...dishes.map((dish) => dish.votes)), first = dishes.filter((dish) => dish.votes === most);
  $("leader").textContent = "Leader: " + (!most ? "none" : first.length > 1 ? "tie" : first[0].name);
});
draw();
""",
                (
                    reads("Leader", "none"),
                    *voted(a, n),
                    reads("Leader", a),
                    *voted(c, m),
                    reads("Leader", ahead),
                    *voted(b, max(n, m)),
                    reads("Leader", "tie"),
                    *voted(b, 1),
                    reads("Leader", b),
                ),
            ),
            Feature(
                "share",
                f'After the votes stands the share in whole percent, in parentheses ("{a}: 1 (50%)"); 0% where there are no votes. A half is rounded up.',
                """
texts.push((dish) => " (" + (sum() ? Math.round((100 * dish.votes) / sum()) : 0) + "%)");
draw();
""",
                (
                    reads(a, "0 (0%)"),
                    *voted(a, 1),
                    reads(a, "1 (100%)"),
                    *voted(b, 2),
                    reads(a, "1 (33%)"),
                    reads(b, "2 (67%)"),
                    *voted(c, 5),
                    reads(a, "1 (13%)"),
                    reads(c, "5 (63%)"),
                    reads(b, "2 (25%)"),
                ),
            ),
            Feature(
                "add",
                'A field "Dish" and a button "Add dish" add another one, without votes; one that is there already, and an empty one, are not added. '
                "The field is "
                "empty afterwards.",
                """
$("add").onclick = () => {
  const name = $("new").value.trim();
  if (name && !dishes.some((dish) => dish.name === name)) dishes.push({ name, votes: 0 });
  $("new").value = "";
  draw();
};
""",
                (
                    *voted(a, 1),
                    fill("Dish", new),
                    click("Add dish"),
                    has(f"Vote {new}"),
                    reads(new, 0),
                    holds("Dish", ""),
                    *voted(new, 2),
                    reads(new, 2),
                    fill("Dish", a),
                    click("Add dish"),
                    reads(a, 1),
                    click("Add dish"),
                    lacks("Vote "),
                    lacks("Vote"),
                ),
            ),
            Feature(
                "reset",
                'A button "Start over" sets all votes to 0, and keeps the dishes.',
                """
$("reset").onclick = () => { dishes.forEach((dish) => (dish.votes = 0)); draw(); };
""",
                (*voted(a, n), *voted(b, m), click("Start over"), reads(a, 0), reads(b, 0), reads("Votes", 0), *voted(b, 1), reads(b, 1), has(f"Vote {c}")),
            ),
        ),
    )


def match(draw: Draw) -> Plan:
    """The score of a match."""
    a, b = draw.some(NAMES, 2)
    goal = draw.number(4, 6)
    most = draw.one((2, 3))
    n, m = draw.numbers(1, goal - 1, 2)

    def scored(name: str, count: int) -> Steps:
        return (click(f"Point {name}"),) * count

    return Plan(
        title=draw.one(("Match", "Scoreboard", "Table tennis")),
        intro=f"{a} plays against {b}.",
        markup=f"""
<p class="figure" id="score"></p>
<div class="row"><button id="one">Point {a}</button><button id="two">Point {b}</button></div>
<p id="sets"></p><p class="figure" id="won"></p>
<div class="row">
<button class="plain" id="undo">Undo</button>
<button class="plain" id="new">New match</button>
<label class="side"><input type="checkbox" id="swap"> Swap sides</label>
</div>
""",
        features=(
            Feature(
                "points",
                f'The page says "Score: N - M", the points of {a} and of {b}, 0 - 0 at first. The buttons "Point {a}" and "Point {b}" add one.',
                filled(
                    """
const NAMES = @names@;
let points = [];
const after = [], orders = [];
const wins = [];
const tally = () => NAMES.map((_, place) => points.filter((point) => point === place).length);
const draw = () => {
  const score = orders.reduce((score, order) => order(score), tally());
  $("score").textContent = "Score: " + score.join(" - ");
  after.forEach((call) => call(tally()));
};
const point = (place) => { points.push(place); wins.forEach((call) => call(tally())); draw(); };
$("one").onclick = () => point(0);
$("two").onclick = () => point(1);
draw();
""",
                    names=str([a, b]).replace("'", '"'),
                ),
                (reads("Score", "0 - 0"), *scored(a, n), reads("Score", f"{n} - 0"), *scored(b, m), reads("Score", f"{n} - {m}")),
            ),
            Feature(
                "undo",
                'A button "Undo" takes the last point away, and so on; it is disabled at 0 - 0.',
                """
$("undo").onclick = () => { points.pop(); draw(); };
after.push(() => { $("undo").disabled = !points.length; });
draw();
""",
                (
                    off("Undo"),
                    *scored(b, m),
                    *scored(a, n),
                    click("Undo"),
                    reads("Score", f"{n - 1} - {m}"),
                    *(click("Undo") for _ in range(n - 1)),
                    reads("Score", f"0 - {m}"),
                    on("Undo"),
                    *(click("Undo") for _ in range(m)),
                    off("Undo"),
                ),
            ),
            Feature(
                "sets",
                f'Who has {goal} points first wins the set: the page says "Sets: N - M", and the points begin again at 0 - 0.',
                filled(
                    """
const GOAL = @goal@;
let sets = [0, 0];
wins.push((score) => {
  const winner = score.indexOf(GOAL);
  if (winner < 0) return;
  sets[winner] += 1;
  points = [];
});
after.push(() => { $("sets").textContent = "Sets: " + sets.join(" - "); });
draw();
""",
                    goal=goal,
                ),
                (
                    reads("Sets", "0 - 0"),
                    *scored(a, goal - 1),
                    *scored(b, m),
                    reads("Sets", "0 - 0"),
                    *scored(a, 1),
                    reads("Sets", "1 - 0"),
                    reads("Score", "0 - 0"),
                    *scored(b, goal),
                    reads("Sets", "1 - 1"),
                    *scored(a, n),
                    reads("Score", f"{n} - 0"),
                ),
            ),
            Feature(
                "won",
                f'Who has {most} sets first wins the match: the page says "Winner: NAME", and only then, and both buttons for points are disabled.',
                filled(
                    """
const MOST = @most@;
after.push(() => {
  const winner = sets.indexOf(MOST);
  $("won").textContent = winner < 0 ? "" : "Winner: " + NAMES[winner];
  $("one").disabled = $("two").disabled = winner >= 0;
});
draw();
""",
                    most=most,
                ),
                (
                    *scored(b, goal * (most - 1)),
                    hides("Winner"),
                    *scored(a, goal),
                    hides("Winner"),
                    on(f"Point {a}"),
                    *scored(b, goal),
                    reads("Winner", b),
                    off(f"Point {a}"),
                    off(f"Point {b}"),
                ),
            ),
            Feature(
                "swap",
                'While a checkbox "Swap sides" is ticked, the score is written the other way round; the buttons and the sets stay.',
                """
orders.push((score) => ($("swap").checked ? score.toReversed() : score));
$("swap").onchange = draw;
""",
                (
                    *scored(a, n),
                    *scored(b, m),
                    tick("Swap sides"),
                    reads("Score", f"{m} - {n}"),
                    *scored(a, goal - n),
                    reads("Sets", "1 - 0"),
                    *scored(b, 1),
                    reads("Score", "1 - 0"),
                    tick("Swap sides"),
                    reads("Score", "0 - 1"),
                ),
            ),
            Feature(
                "new",
                'A button "New match" sets points and sets to 0.',
                """
$("new").onclick = () => { points = []; sets = [0, 0]; draw(); };
""",
                (
                    *scored(a, goal * most),
                    reads("Winner", a),
                    click("New match"),
                    reads("Sets", "0 - 0"),
                    reads("Score", "0 - 0"),
                    hides("Winner"),
                    *scored(b, 1),
                    reads("Score", "0 - 1"),
                ),
            ),
        ),
    )
