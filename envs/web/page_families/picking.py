"""Something is chosen: a day of a month, a colour."""

import calendar as months

from prm_gym.envs.web.page_plans import Draw, Feature, Plan, Steps, click, fill, filled, has, hides, holds, lacks, off, on, reads, shows


def month(draw: Draw) -> Plan:
    """A month of a calendar."""
    year, number = draw.number(2024, 2030), draw.number(2, 10)

    def heading(offset: int) -> str:
        place = year * 12 + number - 1 + offset
        return f"{months.month_name[place % 12 + 1]} {place // 12}"

    def days(offset: int) -> int:
        place = year * 12 + number - 1 + offset
        return months.monthrange(place // 12, place % 12 + 1)[1]

    def weekday(offset: int) -> str:
        place = year * 12 + number - 1 + offset
        return months.day_name[months.weekday(place // 12, place % 12 + 1, 1)]

    a, b = draw.numbers(2, 28, 2)
    return Plan(
        title=draw.one(("Calendar", "Month view", "Planner")),
        intro=f'one month at a time, "{heading(0)}" at first.',
        markup="""
<div class="row"><button class="plain small" id="back">Previous month</button><h2 id="month"></h2>
<button class="plain small" id="next">Next month</button></div>
<div class="days" id="days"></div>
<p id="length"></p><p id="first"></p>
<p class="figure" id="chosen"></p>
<button class="plain" id="home">First month</button>
""",
        features=(
            Feature(
                "turn",
                f'The page says which month is seen, in this form: "{heading(0)}". The buttons "Previous month" and "Next month" turn, also into another year.',
                filled(
                    """
const START = @start@;
const NAMES = "January February March April May June July August September October November December".split(" ");
const WEEK = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");
let at = START;
const after = [];
const draw = () => {
  $("month").textContent = NAMES[at % 12] + " " + Math.floor(at / 12);
  after.forEach((call) => call(Math.floor(at / 12), at % 12));
};
$("next").onclick = () => { at += 1; draw(); };
$("back").onclick = () => { at -= 1; draw(); };
draw();
""",
                    start=year * 12 + number - 1,
                ),
                (
                    shows(heading(0)),
                    click("Next month"),
                    shows(heading(1)),
                    hides(heading(0)),
                    click("Previous month"),
                    click("Previous month"),
                    shows(heading(-1)),
                    *(click("Previous month") for _ in range(number)),
                    shows(heading(-1 - number)),
                    *(click("Next month") for _ in range(14)),
                    shows(heading(13 - number)),
                ),
            ),
            Feature(
                "days",
                'Every day of the month has a button with its number, and there are no others; the page says "Days: N".',
                """
let choose = () => {};
const length = (year, month) => new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
after.push((year, month) => {
  const days = Array.from({ length: length(year, month) }, (_, place) => {
    const day = make("button", { className: "plain" }, String(place + 1));
    day.onclick = () => choose(place + 1);
    return day;
  });
  $("days").replaceChildren(...days);
  $("length").textContent = "Days: " + days.length;
});
draw();
""",
                (
                    reads("Days", days(0)),
                    has(str(days(0))),
                    lacks(str(days(0) + 1)),
                    has("1"),
                    click("Next month"),
                    reads("Days", days(1)),
                    has(str(days(1))),
                    lacks(str(days(1) + 1)),
                    *(click("Previous month") for _ in range(number)),
                    reads("Days", days(1 - number)),
                ),
            ),
            Feature(
                "first",
                f'It says "Begins on: WEEKDAY", the weekday of the first of the month ("Begins on: {weekday(0)}" for {heading(0)}).',
                """
after.push((year, month) => { $("first").textContent = "Begins on: " + WEEK[new Date(Date.UTC(year, month, 1)).getUTCDay()]; });
draw();
""",
                (
                    reads("Begins on", weekday(0)),
                    click("Next month"),
                    reads("Begins on", weekday(1)),
                    click("Next month"),
                    reads("Begins on", weekday(2)),
                    *tuple(click("Previous month") for _ in range(5)),
                    reads("Begins on", weekday(-3)),
                ),
            ),
            Feature(
                "choose",
                f'A click on a day says "Chosen: D MONTH YEAR" ("Chosen: 1 {heading(0)}"); it stays when one turns to another month.',
                """
choose = (day) => { $("chosen").textContent = "Chosen: " + day + " " + NAMES[at % 12] + " " + Math.floor(at / 12); };
""",
                (
                    click(str(a)),
                    reads("Chosen", f"{a} {heading(0)}"),
                    click("Next month"),
                    reads("Chosen", f"{a} {heading(0)}"),
                    click(str(b)),
                    reads("Chosen", f"{b} {heading(1)}"),
                    click("Previous month"),
                    click(str(b)),
                    reads("Chosen", f"{b} {heading(0)}"),
                ),
            ),
            Feature(
                "home",
                f'A button "First month" leads back to {heading(0)}; it is disabled there.',
                """
$("home").onclick = () => { at = START; draw(); };
after.push(() => { $("home").disabled = at === START; });
draw();
""",
                (off("First month"), click("Next month"), click("Next month"), on("First month"), click("First month"), shows(heading(0)), off("First month")),
            ),
        ),
    )


def colour(draw: Draw) -> Plan:
    """A colour made of red, green and blue."""
    r, g, b = draw.numbers(1, 254, 3)
    x, y, z = draw.numbers(16, 240, 3)
    name, (p, q, s) = draw.one((("Teal", (0, 128, 128)), ("Coral", (255, 127, 80)), ("Plum", (221, 160, 221))))

    def code(*parts: int) -> str:
        return "#" + "".join(f"{part:02x}" for part in parts)

    def mixed(*parts: int) -> Steps:
        return tuple(fill(label, part) for label, part in zip(("Red", "Green", "Blue"), parts, strict=True))

    def fields(*parts: int) -> Steps:
        return tuple(holds(label, part) for label, part in zip(("Red", "Green", "Blue"), parts, strict=True))

    edge = draw.number(300, 450)
    dark, light = (10, 20, draw.number(0, 60)), (250, 240, draw.number(200, 255))
    return Plan(
        title=draw.one(("Colour mixer", "Paint box", "Colour picker")),
        intro="a colour that is mixed of red, green and blue.",
        markup=f"""
<div class="swatch" id="swatch"></div>
<p class="figure" id="code"></p>
<div class="row">
<label>Red <input type="number" id="red" value="0"></label>
<label>Green <input type="number" id="green" value="0"></label>
<label>Blue <input type="number" id="blue" value="0"></label>
</div>
<div class="row">
<button class="plain" id="turn">Invert</button>
<button class="plain" id="named">{name}</button>
<button class="plain" id="grey">Grey</button>
</div>
<p id="text"></p>
""",
        features=(
            Feature(
                "mix",
                'There are three fields for numbers from 0 to 255: "Red", "Green" and "Blue", all 0 at first. The page says "Colour: #rrggbb", the six '
                "hexadecimal digits in small letters.",
                """
const parts = ["red", "green", "blue"];
const after = [];
const draw = () => {
  const values = parts.map((id) => Number($(id).value));
  const code = "#" + values.map((value) => value.toString(16).padStart(2, "0")).join("");
  $("code").textContent = "Colour: " + code;
  $("swatch").style.background = code;
  after.forEach((call) => call(values));
};
parts.forEach((id) => ($(id).oninput = draw));
const put = (values) => { values.forEach((value, place) => ($(parts[place]).value = value)); draw(); };
draw();
""",
                (reads("Colour", "#000000"), *mixed(r, g, b), reads("Colour", code(r, g, b)), *mixed(x, 7, z), reads("Colour", code(x, 7, z))),
            ),
            Feature(
                "invert",
                'A button "Invert" takes every part to 255 less it; the fields follow.',
                """
$("turn").onclick = () => put(parts.map((id) => 255 - $(id).value));
""",
                (
                    *mixed(r, g, b),
                    click("Invert"),
                    reads("Colour", code(255 - r, 255 - g, 255 - b)),
                    *fields(255 - r, 255 - g, 255 - b),
                    click("Invert"),
                    reads("Colour", code(r, g, b)),
                ),
            ),
            Feature(
                "named",
                f'A button "{name}" sets the colour {code(p, q, s)}; the fields follow.',
                filled(
                    """
$("named").onclick = () => put([@p@, @q@, @s@]);
""",
                    p=p,
                    q=q,
                    s=s,
                ),
                (*mixed(x, y, z), click(name), reads("Colour", code(p, q, s)), *fields(p, q, s)),
            ),
            Feature(
                "grey",
                'A button "Grey" sets each part to the mean of the three, rounded to a whole number.',
                """
$("grey").onclick = () => {
  const sum = parts.reduce((sum, id) => sum + Number($(id).value), 0);
  put(parts.map(() => Math.round(sum / 3)));
};
""",
                (
                    *mixed(x, y, z),
                    click("Grey"),
                    reads("Colour", code(*(((x + y + z) * 2 // 3 + 1 >> 1,) * 3))),
                    *mixed(r, r, r + 1),
                    click("Grey"),
                    reads("Colour", code(r, r, r)),
                ),
            ),
            Feature(
                "text",
                f'It says "Text: white" where the sum of the three parts is less than {edge}, else "Text: black".',
                filled(
                    """
const EDGE = @edge@;
after.push((values) => { $("text").textContent = "Text: " + (values[0] + values[1] + values[2] < EDGE ? "white" : "black"); });
draw();
""",
                    edge=edge,
                ),
                (
                    reads("Text", "white"),
                    *mixed(*light),
                    reads("Text", "black"),
                    *mixed(*dark),
                    reads("Text", "white"),
                    *mixed(100, 100, edge - 201),
                    reads("Text", "white"),
                    *mixed(100, 100, edge - 200),
                    reads("Text", "black"),
                ),
            ),
        ),
    )
