"""Parts of a page that are shown and hidden: tabs, sections, a question."""

from prm_gym.claims import PageTestStep
from prm_gym.envs.web.page_plans import Draw, Feature, Plan, click, filled, has, hides, lacks, orders, reads, shows

_TOPICS = (
    ("Delivery", "Parcels arrive within three days"),
    ("Returns", "Send goods back within a month"),
    ("Payment", "Cards and transfers are taken"),
    ("Warranty", "Everything is covered for two years"),
    ("Contact", "The phone is answered until six"),
    ("Privacy", "No data leaves this shop"),
)
_FILES = ("Budget", "Photos", "Letters", "Recipes", "Plans", "Songs")


def _selected(name: str) -> PageTestStep:
    return PageTestStep("is", "tab", name, "selected")


def _open(name: str, shown: bool) -> PageTestStep:
    return PageTestStep("is" if shown else "is_not", "button", name, "expanded")


def tabs(draw: Draw) -> Plan:
    """Three topics, one seen at a time."""
    (a, text_a), (b, text_b), (c, text_c) = topics = draw.some(_TOPICS, 3)
    listed = "; ".join(f'"{name}" with the text "{text}"' for name, text in topics)
    return Plan(
        title=draw.one(("Help centre", "Good to know", "Questions")),
        intro=f"three topics, one seen at a time: {listed}.",
        markup="""
<div class="row" role="tablist" id="tabs"></div>
<p id="panel"></p>
<div class="row"><button class="plain" id="back">Previous</button><button class="plain" id="next">Next</button></div>
<p class="figure" id="seen"></p><p id="where"></p>
""",
        features=(
            Feature(
                "panels",
                f'Each topic has a tab (or button) with its name. A click on it shows its text and hides the others; at first that of "{a}" is seen.',
                filled(
                    """
const topics = @topics@;
let at = 0;
const after = [];
const tabs = topics.map(([name], place) => {
  const tab = make("button", { role: "tab" }, name);
  tab.onclick = () => open(place);
  return tab;
});
$("tabs").append(...tabs);
const open = (place) => {
  at = place;
  $("panel").textContent = topics[at][1];
  after.forEach((call) => call());
};
open(0);
""",
                    topics=str([list(topic) for topic in topics]).replace("'", '"'),
                ),
                (
                    shows(text_a),
                    hides(text_b),
                    hides(text_c),
                    click(c, "tab"),
                    shows(text_c),
                    hides(text_a),
                    hides(text_b),
                    click(b, "tab"),
                    shows(text_b),
                    hides(text_c),
                    click(a, "tab"),
                    shows(text_a),
                    hides(text_b),
                ),
            ),
            Feature(
                "selected",
                'The three have the role "tab", and the one that is open is marked by aria-selected.',
                """
after.push(() => tabs.forEach((tab, place) => tab.setAttribute("aria-selected", place === at)));
open(0);
""",
                (
                    _selected(a),
                    PageTestStep("is_not", "tab", b, "selected"),
                    click(b, "tab"),
                    _selected(b),
                    PageTestStep("is_not", "tab", a, "selected"),
                    click(c, "tab"),
                    _selected(c),
                    PageTestStep("is_not", "tab", b, "selected"),
                ),
            ),
            Feature(
                "next",
                'The buttons "Next" and "Previous" open the next and the last topic; after the last comes the first, and the other way round.',
                """
$("next").onclick = () => open((at + 1) % topics.length);
$("back").onclick = () => open((at + topics.length - 1) % topics.length);
""",
                (
                    click("Next"),
                    shows(text_b),
                    hides(text_a),
                    click("Next"),
                    shows(text_c),
                    click("Next"),
                    shows(text_a),
                    hides(text_c),
                    click("Previous"),
                    shows(text_c),
                    click("Previous"),
                    shows(text_b),
                ),
            ),
            Feature(
                "where",
                'The page says "Topic: N of 3".',
                """
after.push(() => { $("where").textContent = "Topic: " + (at + 1) + " of " + topics.length; });
open(0);
""",
                (reads("Topic", "1 of 3"), click(c, "tab"), reads("Topic", "3 of 3"), click("Previous"), reads("Topic", "2 of 3")),
            ),
            Feature(
                "seen",
                'It says "Topics seen: N", the number of different topics that were open up to now, with the first.',
                """
const seen = new Set();
after.push(() => { seen.add(at); $("seen").textContent = "Topics seen: " + seen.size; });
open(0);
""",
                (
                    reads("Topics seen", 1),
                    click(c, "tab"),
                    reads("Topics seen", 2),
                    click(a, "tab"),
                    reads("Topics seen", 2),
                    click("Next"),
                    reads("Topics seen", 3),
                    click("Next"),
                    reads("Topics seen", 3),
                ),
            ),
        ),
    )


def accordion(draw: Draw) -> Plan:
    """Sections that open and close."""
    topics = draw.some(_TOPICS, 3)
    (a, text_a), (b, text_b), (c, text_c) = topics
    listed = "; ".join(f'"{name}" with the text "{text}"' for name, text in topics)
    return Plan(
        title=draw.one(("Questions and answers", "Read more", "Details")),
        intro=f"three sections that open and close: {listed}.",
        markup="""
<div class="row">
<button class="plain" id="all">Open all</button>
<button class="plain" id="none">Close all</button>
<label class="side"><input type="checkbox" id="single"> One at a time</label>
</div>
<div id="sections"></div>
<p class="figure" id="count"></p>
""",
        features=(
            Feature(
                "toggle",
                "Each section has a button with its name, which shows its text and at the next click hides it; all are closed at first.",
                filled(
                    """
const topics = @topics@;
const shown = topics.map(() => false);
const before = [], after = [];
const heads = topics.map(([name], place) => {
  const head = make("button", { className: "plain" }, name);
  head.onclick = () => { before.forEach((call) => call(place)); shown[place] = !shown[place]; draw(); };
  return head;
});
const bodies = topics.map(([, text]) => make("p", {}, text));
$("sections").append(...topics.flatMap((_, place) => [make("h2", {}, heads[place]), bodies[place]]));
const draw = () => {
  bodies.forEach((body, place) => (body.hidden = !shown[place]));
  after.forEach((call) => call());
};
draw();
""",
                    topics=str([list(topic) for topic in topics]).replace("'", '"'),
                ),
                (
                    hides(text_a),
                    hides(text_b),
                    click(b),
                    shows(text_b),
                    hides(text_a),
                    click(a),
                    shows(text_a),
                    shows(text_b),
                    click(b),
                    hides(text_b),
                    shows(text_a),
                    click(c),
                    shows(text_c),
                    click(c),
                    hides(text_c),
                ),
            ),
            Feature(
                "count",
                'The page says "Open: N", the number of open sections.',
                """
after.push(() => { $("count").textContent = "Open: " + shown.filter(Boolean).length; });
draw();
""",
                (reads("Open", 0), click(a), reads("Open", 1), click(c), reads("Open", 2), click(a), reads("Open", 1)),
            ),
            Feature(
                "all",
                'A button "Open all" opens all sections, a button "Close all" closes them.',
                """
$("all").onclick = () => { shown.fill(true); draw(); };
$("none").onclick = () => { shown.fill(false); draw(); };
""",
                (
                    click(b),
                    click("Open all"),
                    shows(text_a),
                    shows(text_b),
                    shows(text_c),
                    reads("Open", 3),
                    click("Close all"),
                    hides(text_a),
                    hides(text_c),
                    reads("Open", 0),
                    click(c),
                    shows(text_c),
                ),
            ),
            Feature(
                "expanded",
                "The buttons of the sections say by aria-expanded whether they are open.",
                """
after.push(() => heads.forEach((head, place) => head.setAttribute("aria-expanded", shown[place])));
draw();
""",
                (
                    _open(a, shown=False),
                    click(a),
                    _open(a, shown=True),
                    _open(b, shown=False),
                    click("Open all"),
                    _open(c, shown=True),
                    click(c),
                    _open(c, shown=False),
                ),
            ),
            Feature(
                "single",
                'While a checkbox "One at a time" is ticked, opening a section closes the others; ticking it alone closes nothing.',
                """
before.push((place) => { if ($("single").checked) shown.forEach((_, other) => { if (other !== place) shown[other] = false; }); });
""",
                (
                    click(a),
                    click(b),
                    PageTestStep("click", "checkbox", "One at a time"),
                    shows(text_a),
                    shows(text_b),
                    click(c),
                    shows(text_c),
                    hides(text_a),
                    hides(text_b),
                    click(c),
                    hides(text_c),
                    click(b),
                    shows(text_b),
                    hides(text_c),
                    PageTestStep("click", "checkbox", "One at a time"),
                    click(a),
                    shows(text_b),
                    shows(text_a),
                ),
            ),
        ),
    )


def confirmation(draw: Draw) -> Plan:
    """Files that are removed after a question."""
    names = draw.some(_FILES, 4)
    a, b, c, d = names
    yes, no = draw.one((("Yes, delete", "Keep it"), ("Confirm", "Cancel"), ("Remove it", "Go back")))
    return Plan(
        title=draw.one(("My files", "Archive", "Storage")),
        intro=f"the files {a}, {b}, {c} and {d}, which are removed only after a question in the page (not a dialog of the browser).",
        markup=f"""
<ul id="list"></ul>
<p class="figure" id="count"></p>
<p id="told"></p>
<button class="plain" id="undo" hidden>Undo</button>
<dialog id="dialog"><p id="ask"></p><div class="row"><button id="yes">{yes}</button><button class="plain" id="no">{no}</button></div></dialog>
""",
        features=(
            Feature(
                "ask",
                f'Each file has a button "Delete" and the file ("Delete {a}"). It opens a question "Delete FILE?" ("Delete {a}?") with the buttons '
                f'"{yes}" and "{no}", '
                "which are not seen otherwise.",
                filled(
                    """
let files = @files@, asked = "";
const extras = [], after = [];
const draw = () => {
  $("list").replaceChildren(...files.map((name) => {
    const drop = make("button", { className: "plain small", ariaLabel: "Delete " + name }, "Delete");
    drop.onclick = () => { asked = name; $("ask").textContent = "Delete " + name + "?"; $("dialog").showModal(); };
    return make("li", {}, make("span", { className: "grow" }, name), drop);
  }));
  after.forEach((call) => call());
};
draw();
""",
                    files=str(names).replace("'", '"'),
                ),
                (lacks(yes), lacks(no), shows(a), shows(b), click(f"Delete {b}"), shows(f"Delete {b}?"), has(yes), has(no), hides(f"Delete {a}?")),
            ),
            Feature(
                "no",
                f'"{no}" closes the question, and nothing is deleted.',
                """
$("no").onclick = () => $("dialog").close();
""",
                (
                    click(f"Delete {c}"),
                    click(no),
                    lacks(yes),
                    shows(c),
                    shows(a),
                    hides(f"Delete {c}?"),
                    click(f"Delete {a}"),
                    shows(f"Delete {a}?"),
                    click(no),
                    shows(a),
                ),
            ),
            Feature(
                "yes",
                f'"{yes}" closes it and deletes the file it asked about, and no other.',
                """
const removed = [];
$("yes").onclick = () => {
  removed.push([files.indexOf(asked), asked]);
  files = files.filter((name) => name !== asked);
  $("dialog").close();
  draw();
};
""",
                (
                    click(f"Delete {b}"),
                    click(yes),
                    lacks(yes),
                    hides(b),
                    shows(a),
                    shows(c),
                    shows(d),
                    click(f"Delete {d}"),
                    click(yes),
                    hides(d),
                    shows(c),
                    shows(a),
                ),
            ),
            Feature(
                "count",
                'The page says "Files: N".',
                """
after.push(() => { $("count").textContent = "Files: " + files.length; });
draw();
""",
                (reads("Files", 4), click(f"Delete {a}"), click(no), reads("Files", 4), click(f"Delete {a}"), click(yes), reads("Files", 3)),
            ),
            Feature(
                "undo",
                'After a deletion there is a button "Undo", which brings the file that was deleted last back to its place; it is gone when nothing can '
                "be brought back.",
                """
after.push(() => { $("undo").hidden = !removed.length; });
$("undo").onclick = () => {
  const [place, name] = removed.pop();
  files = files.toSpliced(place, 0, name);
  draw();
};
""",
                (
                    lacks("Undo"),
                    click(f"Delete {b}"),
                    click(yes),
                    has("Undo"),
                    click(f"Delete {c}"),
                    click(yes),
                    reads("Files", 2),
                    click("Undo"),
                    shows(c),
                    hides(b),
                    click("Undo"),
                    orders(a, b, c, d),
                    reads("Files", 4),
                    lacks("Undo"),
                ),
            ),
        ),
    )
