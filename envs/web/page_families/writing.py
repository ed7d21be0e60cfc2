"""Texts: a note pad, and a box that counts characters."""

from prm_gym.envs.web.page_families.words import CHORES, CITIES
from prm_gym.envs.web.page_plans import RELOAD, Draw, Feature, Plan, Steps, click, fill, filled, has, hides, holds, lacks, off, on, orders, reads, shows


def notes(draw: Draw) -> Plan:
    """A note pad that keeps its notes."""
    (one, two), (text, other) = draw.some(("Ideas", "Garden", "Travel", "Recipes", "Music"), 2), draw.some(CHORES, 2)
    third = draw.one(CITIES)
    field, save, example = draw.one(("Note", "Text", "Body")), draw.one(("Save", "Keep it", "Store")), draw.one(CITIES)
    pad = draw.one(("Note pad", "Notebook", "Memo pad"))

    def noted(title: str, body: str) -> Steps:
        return fill("Title", title), fill(field, body), click(save)

    return Plan(
        title=pad,
        intro="notes with a title and a text.",
        markup=f"""
<div class="row"><label>Title <input id="title"></label></div>
<label>{field} <textarea id="body" rows="5"></textarea></label>
<div class="row"><button id="save">{save}</button><button class="plain" id="new">New</button><button class="plain" id="drop">Delete</button></div>
<p class="figure" id="count"></p>
<ul id="list"></ul>
""",
        features=(
            Feature(
                "save",
                f'There are the fields "Title" and "{field}" and a button "{save}", after which there is a button with the title of the note ("{example}"). '
                '"Notes: N" says how many there are, 0 at first.',
                """
let notes = {};
const after = [];
const open = (title) => { $("title").value = title; };
const opened = [open];
const draw = () => {
  $("list").replaceChildren(...Object.keys(notes).map((title) => {
    const button = make("button", { className: "plain" }, title);
    button.onclick = () => opened.forEach((call) => call(title));
    return make("li", {}, button);
  }));
  $("count").textContent = "Notes: " + Object.keys(notes).length;
  after.forEach((call) => call());
};
$("save").onclick = () => { notes[$("title").value] = $("body").value; draw(); };
draw();
""",
                (reads("Notes", 0), lacks(one), *noted(one, text), has(one), reads("Notes", 1), *noted(two, other), has(two), has(one), reads("Notes", 2)),
            ),
            Feature(
                "open",
                "A click on the button of a note puts its title and its text into the fields.",
                """
opened.push((title) => { $("body").value = notes[title]; });
""",
                (
                    *noted(one, text),
                    *noted(two, other),
                    click(one),
                    holds("Title", one),
                    holds(field, text),
                    click(two),
                    holds(field, other),
                    holds("Title", two),
                ),
            ),
            Feature(
                "new",
                'A button "New" empties both fields; no note is lost by it.',
                """
$("new").onclick = () => { $("title").value = ""; $("body").value = ""; };
""",
                (*noted(two, text), click("New"), holds("Title", ""), holds(field, ""), reads("Notes", 1), click(two), holds(field, text)),
            ),
            Feature(
                "again",
                "Saving under a title that there is replaces the text of that note; a note without a title is not saved.",
                """
const save = $("save").onclick;
$("save").onclick = () => { if ($("title").value.trim()) save(); };
""",
                (
                    *noted(one, text),
                    *noted(one, third),
                    reads("Notes", 1),
                    *noted(two, other),
                    click(one),
                    holds(field, third),
                    *noted("", text),
                    reads("Notes", 2),
                ),
            ),
            Feature(
                "delete",
                'A button "Delete" removes the note whose title stands in the field.',
                """
$("drop").onclick = () => { delete notes[$("title").value]; draw(); };
""",
                (
                    *noted(one, text),
                    *noted(two, other),
                    click(one),
                    click("Delete"),
                    lacks(one),
                    has(two),
                    reads("Notes", 1),
                    fill("Title", two),
                    click("Delete"),
                    lacks(two),
                    reads("Notes", 0),
                ),
            ),
            Feature(
                "reload",
                "All notes are still there after the page was loaded again.",
                """
notes = JSON.parse(localStorage.getItem("notes") ?? "{}");
after.push(() => localStorage.setItem("notes", JSON.stringify(notes)));
draw();
""",
                (
                    *noted(one, text),
                    *noted(two, third),
                    RELOAD,
                    reads("Notes", 2),
                    click(two),
                    holds(field, third),
                    click("Delete"),
                    RELOAD,
                    lacks(two),
                    has(one),
                ),
            ),
        ),
    )


def characters(draw: Draw) -> Plan:
    """Text that is counted while it is written."""
    limit = draw.number(25, 40)
    words = draw.some(("river", "stone", "cloud", "maple", "ember", "quiet", "amber"), 4)
    text, short = " ".join(words), " ".join(words[:2])
    field = draw.one(("Message", "Post", "Comment"))
    long = (text + " " + text)[: limit + 3]
    return Plan(
        title=f"{field} box",
        intro=f"a text of at most {limit} characters.",
        markup=f"""
<label>{field} <textarea id="text" rows="4"></textarea></label>
<p class="figure" id="count"></p>
<p id="words"></p><p id="left"></p>
<p class="note" id="note"></p>
<div class="row"><button id="send">Send</button><button class="plain" id="upper">Capitals</button><button class="plain" id="clear">Clear</button></div>
<ul id="list"></ul>
""",
        features=(
            Feature(
                "count",
                f'There is a field "{field}"; the page says "Characters: N", with spaces, at once when the text changes; 0 at first.',
                filled(
                    """
const LIMIT = @limit@;
const after = [];
const draw = () => {
  const text = $("text").value;
  $("count").textContent = "Characters: " + text.length;
  after.forEach((call) => call(text));
};
$("text").oninput = draw;
draw();
""",
                    limit=limit,
                ),
                (
                    reads("Characters", 0),
                    fill(field, short),
                    reads("Characters", len(short)),
                    fill(field, text),
                    reads("Characters", len(text)),
                    fill(field, f" {short}  "),
                    reads("Characters", len(short) + 3),
                    fill(field, ""),
                    reads("Characters", 0),
                ),
            ),
            Feature(
                "words",
                'It says "Words: N"; several spaces between words, or around them, make no more words.',
                """
after.push((text) => { $("words").textContent = "Words: " + text.split(/\\s+/).filter(Boolean).length; });
draw();
""",
                (reads("Words", 0), fill(field, short), reads("Words", 2), fill(field, f"  {words[0]}   {words[1]}  {words[2]} "), reads("Words", 3)),
            ),
            Feature(
                "limit",
                f'It says "Left: N", what is left of {limit} (less than 0 where there is too much); then it says "Too long", and only then.',
                """
after.push((text) => {
  $("left").textContent = "Left: " + (LIMIT - text.length);
  $("note").textContent = text.length > LIMIT ? "Too long" : "";
});
draw();
""",
                (
                    reads("Left", limit),
                    fill(field, short),
                    reads("Left", limit - len(short)),
                    hides("Too long"),
                    fill(field, "x" * limit),
                    reads("Left", 0),
                    hides("Too long"),
                    fill(field, long),
                    reads("Left", -3),
                    shows("Too long"),
                    fill(field, short),
                    hides("Too long"),
                ),
            ),
            Feature(
                "send",
                'A button "Send" is disabled while the text is empty or too long; it puts the text into a list below, the newest first, and empties the field.',
                """
after.push((text) => { $("send").disabled = text === "" || text.length > LIMIT; });
$("send").onclick = () => { $("list").prepend(make("li", {}, $("text").value)); $("text").value = ""; draw(); };
draw();
""",
                (
                    off("Send"),
                    fill(field, long),
                    off("Send"),
                    fill(field, short),
                    on("Send"),
                    click("Send"),
                    shows(short),
                    holds(field, ""),
                    off("Send"),
                    reads("Characters", 0),
                    fill(field, words[3]),
                    click("Send"),
                    orders(words[3], short),
                ),
            ),
            Feature(
                "clear",
                'A button "Clear" empties the field, a button "Capitals" writes its text in capitals; the counts follow.',
                """
$("clear").onclick = () => { $("text").value = ""; draw(); };
$("upper").onclick = () => { $("text").value = $("text").value.toUpperCase(); draw(); };
""",
                (
                    fill(field, text),
                    click("Capitals"),
                    holds(field, text.upper()),
                    reads("Characters", len(text)),
                    click("Clear"),
                    holds(field, ""),
                    reads("Characters", 0),
                    reads("Words", 0),
                ),
            ),
        ),
    )
