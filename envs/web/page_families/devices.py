"""Things with buttons: a counter, a stopwatch."""

from prm_gym.envs.web.page_plans import Draw, Feature, Plan, Steps, click, filled, hides, off, on, reads, shows


def counter(draw: Draw) -> Plan:
    """A number that goes up and down."""
    noun = draw.one(("Count", "Points", "Guests", "Laps"))
    up, down = draw.one((("Add", "Remove"), ("More", "Less"), ("Plus", "Minus")))
    step = draw.number(2, 5)
    n, m = draw.numbers(2, 4, 2)
    top = step * draw.number(5, 6)

    def times(name: str, count: int) -> Steps:
        return (click(name),) * count

    return Plan(
        title=f"{noun} counter",
        intro=f"a number that goes up and down in steps of {step}.",
        markup=f"""
<p class="figure">{noun}: <output id="value">0</output></p>
<div class="row"><button id="up">{up}</button><button class="plain" id="down">{down}</button><button class="plain" id="reset">Reset</button></div>
<p class="note" id="note"></p>
<p id="moves"></p>
""",
        features=(
            Feature(
                "up",
                f'The page says "{noun}: N", 0 at first; a button "{up}" adds {step}.',
                filled(
                    """
const STEP = @step@;
let value = 0;
const limits = [], after = [], moved = [];
const draw = () => { $("value").textContent = value; after.forEach((call) => call()); };
const put = (next) => {
  next = limits.reduce((next, limit) => limit(next), next);
  if (next !== value) moved.forEach((call) => call());
  value = next;
  draw();
};
$("up").onclick = () => put(value + STEP);
""",
                    step=step,
                ),
                (reads(noun, 0), click(up), reads(noun, step), *times(up, n), reads(noun, step * (n + 1))),
            ),
            Feature(
                "down",
                f'A button "{down}" takes {step} away.',
                """
$("down").onclick = () => put(value - STEP);
""",
                (*times(up, n), click(down), reads(noun, step * (n - 1)), click(up), click(down), click(down), reads(noun, step * (n - 2))),
            ),
            Feature(
                "floor",
                "The number never goes below 0.",
                """
limits.push((next) => Math.max(0, next));
""",
                (click(down), reads(noun, 0), *times(up, m), *times(down, m + 1), reads(noun, 0), click(up), reads(noun, step)),
            ),
            Feature(
                "reset",
                'A button "Reset" sets it to 0; at 0 the button is disabled.',
                """
$("reset").onclick = () => put(0);
after.push(() => { $("reset").disabled = value === 0; });
draw();
""",
                (
                    off("Reset"),
                    *times(up, n),
                    on("Reset"),
                    click("Reset"),
                    reads(noun, 0),
                    off("Reset"),
                    click(up),
                    reads(noun, step),
                    click(down),
                    off("Reset"),
                ),
            ),
            Feature(
                "top",
                f'It never goes above {top}; at {top} the page says "Limit reached", and only there.',
                filled(
                    """
const TOP = @top@;
limits.push((next) => Math.min(TOP, next));
after.push(() => { $("note").textContent = value === TOP ? "Limit reached" : ""; });
draw();
""",
                    top=top,
                ),
                (
                    hides("Limit reached"),
                    *times(up, top // step - 1),
                    hides("Limit reached"),
                    click(up),
                    shows("Limit reached"),
                    click(up),
                    reads(noun, top),
                    click(down),
                    hides("Limit reached"),
                    reads(noun, top - step),
                ),
            ),
            Feature(
                "moves",
                'It says "Changes: N", how often the number has become another one; a click that changes nothing does not count.',
                """
let moves = 0;
const tell = () => { $("moves").textContent = "Changes: " + moves; };
moved.push(() => { moves += 1; tell(); });
tell();
""",
                (
                    reads("Changes", 0),
                    click(down),
                    reads("Changes", 0),
                    *times(up, n),
                    reads("Changes", n),
                    click("Reset"),
                    reads("Changes", n + 1),
                    *times(up, top // step),
                    click(up),
                    reads("Changes", n + 1 + top // step),
                ),
            ),
        ),
    )


def stopwatch(draw: Draw) -> Plan:
    """A stopwatch whose seconds pass at the press of a button."""
    seconds = draw.number(3, 8)
    big = draw.one((15, 20, 25))
    noun = draw.one(("Time", "Elapsed", "Clock"))
    n = draw.number(4, 7)

    def passed(count: int) -> Steps:
        return (click("Tick"),) * count

    def leapt(count: int) -> Steps:
        return (click("Skip"),) * count

    def time(whole: int) -> str:
        return f"{whole // 60:02d}:{whole % 60:02d}"

    return Plan(
        title=draw.one(("Stopwatch", "Training watch", "Lap timer")),
        intro='a stopwatch for which a second passes with every click on "Tick", and no other way.',
        markup="""
<p class="figure" id="time"></p>
<div class="row"><button id="start">Start</button><button class="plain" id="stop">Stop</button><button class="plain" id="reset">Reset</button></div>
<div class="row"><button class="plain" id="tick">Tick</button><button class="plain" id="skip">Skip</button><button class="plain" id="lap">Lap</button></div>
<p id="count"></p><ol id="laps"></ol>
""",
        features=(
            Feature(
                "run",
                f'The page says "{noun}: MM:SS", 00:00 at first. A click on "Start" lets it run: then each click on "Tick" is one second; before that '
                "it does nothing.",
                filled(
                    """
let time = 0, running = false;
const after = [];
const written = (time) => [Math.floor(time / 60), time % 60].map((part) => String(part).padStart(2, "0")).join(":");
const draw = () => { $("time").textContent = "@noun@: " + written(time); after.forEach((call) => call()); };
const pass = (seconds) => { if (running) time += seconds; draw(); };
$("start").onclick = () => { running = true; draw(); };
$("tick").onclick = () => pass(1);
draw();
""",
                    noun=noun,
                ),
                (reads(noun, "00:00"), click("Tick"), reads(noun, "00:00"), click("Start"), reads(noun, "00:00"), *passed(seconds), reads(noun, time(seconds))),
            ),
            Feature(
                "stop",
                'A click on "Stop" lets it stand, and "Start" lets it run on from there.',
                """
$("stop").onclick = () => { running = false; draw(); };
""",
                (click("Start"), *passed(n), click("Stop"), click("Tick"), reads(noun, time(n)), click("Start"), click("Tick"), reads(noun, time(n + 1))),
            ),
            Feature(
                "skip",
                f'A button "Skip" is {big} seconds, where it runs; a minute has sixty seconds.',
                filled(
                    """
const LEAP = @big@;
$("skip").onclick = () => pass(LEAP);
""",
                    big=big,
                ),
                (click("Skip"), reads(noun, "00:00"), click("Start"), *leapt(n), reads(noun, time(big * n)), *passed(2), reads(noun, time(big * n + 2))),
            ),
            Feature(
                "reset",
                'A button "Reset" sets it to 00:00, where it stands; while it runs, the button is disabled. "Start" is disabled while it runs, "Stop" '
                "while it stands.",
                """
$("reset").onclick = () => { time = 0; draw(); };
after.push(() => {
  $("reset").disabled = $("start").disabled = running;
  $("stop").disabled = !running;
});
draw();
""",
                (
                    on("Start"),
                    off("Stop"),
                    click("Start"),
                    off("Start"),
                    on("Stop"),
                    off("Reset"),
                    *leapt(2),
                    click("Stop"),
                    on("Reset"),
                    on("Start"),
                    click("Reset"),
                    reads(noun, "00:00"),
                    click("Start"),
                    click("Tick"),
                    reads(noun, "00:01"),
                ),
            ),
            Feature(
                "lap",
                'A button "Lap" adds a line "Lap N: MM:SS" with the time since the lap before, or since the start for the first; the page says "Laps: '
                'N". "Reset" '
                "takes the laps away.",
                """
let laps = [];
const list = () => {
  $("count").textContent = "Laps: " + laps.length;
  $("laps").replaceChildren(...laps.map((end, place) => make("li", {}, "Lap " + (place + 1) + ": " + written(end - (laps[place - 1] ?? 0)))));
};
$("lap").onclick = () => { laps.push(time); list(); };
$("reset").addEventListener("click", () => { laps = []; list(); });
list();
""",
                (
                    reads("Laps", 0),
                    click("Start"),
                    *passed(seconds),
                    click("Lap"),
                    reads("Lap 1", time(seconds)),
                    *passed(2),
                    *leapt(3),
                    click("Lap"),
                    reads("Lap 2", time(2 + 3 * big)),
                    reads("Lap 1", time(seconds)),
                    reads("Laps", 2),
                    click("Stop"),
                    click("Reset"),
                    reads("Laps", 0),
                    hides("Lap 1:"),
                ),
            ),
        ),
    )
