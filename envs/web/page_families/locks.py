"""What is closed: a page behind a password, a door behind a code."""

from prm_gym.envs.web.page_families.words import NAMES
from prm_gym.envs.web.page_plans import RELOAD, Draw, Feature, Plan, Steps, choose, click, fill, filled, hides, holds, lacks, off, on, reads, shows


def login(draw: Draw) -> Plan:
    """Signing in, with three attempts."""
    name, other = draw.some(NAMES, 2)
    word = draw.one(("blue", "river", "stone", "maple")) + str(draw.number(10, 99))
    tries = draw.number(3, 4)

    def attempt(who: str, password: str) -> Steps:
        return fill("User", who), fill("Password", password), click("Sign in")

    wrong, lock = attempt(name, word[:-1]), tuple(step for _ in range(tries) for step in attempt(other, word))
    return Plan(
        title=draw.one(("Sign in", "Members only", "Staff area")),
        intro=f"the only user is {name}, with the password {word}.",
        markup="""
<section id="form"><div class="row"><label>User <input id="user"></label><label>Password <input id="word" type="password"></label></div>
<label class="side"><input type="checkbox" id="show"> Show password</label>
<p><button id="go">Sign in</button></p></section>
<section id="inside" hidden><p class="figure" id="hello"></p><button class="plain" id="out">Sign out</button></section>
<p class="note" id="note"></p><p id="left"></p>
""",
        features=(
            Feature(
                "in",
                f'There are the fields "User" and "Password" and a button "Sign in". With the right ones the page says "Hello, {name}", and the fields '
                "are not seen.",
                filled(
                    """
const USER = "@name@", WORD = "@word@";
const failed = [], passed = [];
const enter = (inside) => {
  $("form").hidden = inside;
  $("inside").hidden = !inside;
  $("hello").textContent = inside ? "Hello, " + USER : "";
};
$("go").onclick = () => {
  const fine = $("user").value === USER && $("word").value === WORD;
  if (fine) enter(true);
  (fine ? passed : failed).forEach((call) => call());
};
""",
                    name=name,
                    word=word,
                ),
                (hides(f"Hello, {name}"), *attempt(name, word), shows(f"Hello, {name}"), lacks("User", "textbox"), lacks("Sign in")),
            ),
            Feature(
                "wrong",
                'Otherwise it says "Wrong user or password", and the field "Password" is empty again; capitals count in both.',
                """
failed.push(() => { $("note").textContent = "Wrong user or password"; $("word").value = ""; });
passed.push(() => { $("note").textContent = ""; });
""",
                (
                    hides("Wrong user or password"),
                    *wrong,
                    shows("Wrong user or password"),
                    holds("Password", ""),
                    holds("User", name),
                    hides("Hello"),
                    *attempt(name, word.upper()),
                    shows("Wrong user or password"),
                    hides("Hello"),
                    *attempt(name, word),
                    hides("Wrong user or password"),
                ),
            ),
            Feature(
                "out",
                'A button "Sign out" leads back to the empty fields.',
                """
$("out").onclick = () => { enter(false); $("user").value = $("word").value = ""; };
""",
                (
                    *attempt(name, word),
                    click("Sign out"),
                    hides("Hello"),
                    holds("User", ""),
                    holds("Password", ""),
                    *attempt(name, word),
                    shows(f"Hello, {name}"),
                ),
            ),
            Feature(
                "left",
                f'The page says "Attempts left: N", {tries} at first and one less after each wrong attempt; after a right one it is {tries} again.',
                filled(
                    """
const TRIES = @tries@;
let left = TRIES;
const after = [];
const tell = () => { $("left").textContent = "Attempts left: " + left; after.forEach((call) => call()); };
failed.push(() => { left -= 1; tell(); });
passed.push(() => { left = TRIES; tell(); });
tell();
""",
                    tries=tries,
                ),
                (
                    reads("Attempts left", tries),
                    *wrong,
                    reads("Attempts left", tries - 1),
                    *attempt(other, word),
                    reads("Attempts left", tries - 2),
                    *attempt(name, word),
                    click("Sign out"),
                    reads("Attempts left", tries),
                ),
            ),
            Feature(
                "lock",
                'When no attempt is left the page says "Locked", and "Sign in" is disabled.',
                """
after.push(() => {
  $("go").disabled = left <= 0;
  if (left <= 0) $("note").textContent = "Locked";
});
""",
                (on("Sign in"), *lock, shows("Locked"), off("Sign in"), reads("Attempts left", 0)),
            ),
        ),
    )


def keypad(draw: Draw) -> Plan:
    """A lock with a keypad."""
    digits = [str(digit) for digit in draw.numbers(1, 9, 4)]
    others = [digit for digit in "123456789" if digit not in digits][:4]
    pin = "".join(digits)
    tries = draw.number(2, 3)

    def keyed(keys: list[str]) -> Steps:
        return tuple(click(key) for key in keys)

    return Plan(
        title=draw.one(("Door lock", "Safe", "Locker")),
        intro=f"a keypad for the code {pin}.",
        markup="""
<p class="figure" id="shown"></p>
<div class="pad" id="pad"></div>
<div class="row"><button class="plain" id="erase">Erase</button><button class="plain" id="enter">Enter</button></div>
<p id="state"></p><p class="note" id="note"></p><p id="count"></p>
<div class="row">
<label>Sound <select id="sound"><option>On</option><option>Off</option></select></label>
<label>New code <input id="code"></label>
<button class="plain" id="change">Change</button>
</div>
<p id="told"></p>
""",
        features=(
            Feature(
                "keys",
                'There are buttons "0" to "9". The page says "Keys: ***", a star for every digit that was pressed, and "Keys: none" at first; more '
                "than four are not "
                'taken. A button "Erase" takes the last one away.',
                """
let keys = "";
const after = [];
const draw = () => { $("shown").textContent = "Keys: " + ("*".repeat(keys.length) || "none"); after.forEach((call) => call()); };
$("pad").append(...[..."1234567890"].map((digit) => {
  const key = make("button", { className: "plain" }, digit);
  key.onclick = () => { if (keys.length < 4) keys += digit; draw(); };
  return key;
}));
$("erase").onclick = () => { keys = keys.slice(0, -1); draw(); };
draw();
""",
                (
                    reads("Keys", "none"),
                    *keyed(others[:2]),
                    reads("Keys", "**"),
                    hides("***"),
                    click("Erase"),
                    reads("Keys", "*"),
                    hides("**"),
                    *keyed(["0", *digits]),
                    hides("*****"),
                    reads("Keys", "****"),
                    *(click("Erase") for _ in range(4)),
                    reads("Keys", "none"),
                    click("Erase"),
                    reads("Keys", "none"),
                ),
            ),
            Feature(
                "open",
                'The page says "Door: closed". A button "Enter" takes the keys: after the right code it says "Door: open", after another one "Door: '
                'closed". The keys are '
                "empty again.",
                filled(
                    """
let code = "@pin@", open = false;
const tried = [];
const enter = () => {
  open = keys === code;
  tried.forEach((call) => call());
  keys = "";
  draw();
};
$("enter").onclick = enter;
after.push(() => { $("state").textContent = "Door: " + (open ? "open" : "closed"); });
draw();
""",
                    pin=pin,
                ),
                (
                    reads("Door", "closed"),
                    *keyed(digits[:3]),
                    click("Enter"),
                    reads("Door", "closed"),
                    reads("Keys", "none"),
                    *keyed(digits),
                    reads("Door", "closed"),
                    click("Enter"),
                    reads("Door", "open"),
                    reads("Keys", "none"),
                    *keyed(digits[::-1]),
                    click("Enter"),
                    reads("Door", "closed"),
                ),
            ),
            Feature(
                "wrong",
                'It says "Wrong: N", the number of wrong codes since the last right one.',
                """
let wrong = 0;
tried.push(() => { wrong = open ? 0 : wrong + 1; });
after.push(() => { $("count").textContent = "Wrong: " + wrong; });
draw();
""",
                (
                    reads("Wrong", 0),
                    *keyed(others),
                    click("Enter"),
                    reads("Wrong", 1),
                    *keyed(digits),
                    click("Enter"),
                    reads("Wrong", 0),
                    click("Enter"),
                    reads("Wrong", 1),
                ),
            ),
            Feature(
                "alarm",
                f'After {tries} wrong codes in a row it says "Alarm" and "Enter" is disabled.',
                filled(
                    """
const TRIES = @tries@;
after.push(() => {
  $("note").textContent = wrong >= TRIES ? "Alarm" : "";
  $("enter").disabled = wrong >= TRIES;
});
draw();
""",
                    tries=tries,
                ),
                (
                    hides("Alarm"),
                    *(click("Enter") for _ in range(tries - 1)),
                    hides("Alarm"),
                    on("Enter"),
                    *keyed(digits),
                    click("Enter"),
                    *keyed(others),
                    *(click("Enter") for _ in range(tries - 1)),
                    hides("Alarm"),
                    *keyed(others[::-1]),
                    click("Enter"),
                    shows("Alarm"),
                    off("Enter"),
                ),
            ),
            Feature(
                "change",
                'While the door is open, a field "New code" and a button "Change" set another code of four digits, and the page says "Code changed"; '
                "otherwise, or "
                'with another text, it says "Not changed".',
                """
$("change").onclick = () => {
  const fine = open && /^[0-9]{4}$/.test($("code").value);
  if (fine) code = $("code").value;
  $("told").textContent = fine ? "Code changed" : "Not changed";
};
""",
                (
                    fill("New code", "".join(others)),
                    click("Change"),
                    shows("Not changed"),
                    *keyed(digits),
                    click("Enter"),
                    reads("Door", "open"),
                    fill("New code", "12a4"),
                    click("Change"),
                    shows("Not changed"),
                    fill("New code", "".join(others)),
                    click("Change"),
                    shows("Code changed"),
                    hides("Not changed"),
                    *keyed(others),
                    click("Enter"),
                    reads("Door", "open"),
                ),
            ),
            Feature(
                "sound",
                'A list "Sound" has the options On and Off, and the page says "Sound is on" or "Sound is off"; it stays what it was after the page was '
                "loaded again.",
                """
$("sound").value = localStorage.getItem("sound") ?? "On";
const heard = make("p", {});
$("told").after(heard);
const hear = () => { heard.textContent = "Sound is " + $("sound").value.toLowerCase(); localStorage.setItem("sound", $("sound").value); };
$("sound").onchange = hear;
hear();
""",
                (
                    shows("Sound is on"),
                    choose("Sound", "Off"),
                    shows("Sound is off"),
                    hides("Sound is on"),
                    RELOAD,
                    shows("Sound is off"),
                    holds("Sound", "Off", "combobox"),
                    choose("Sound", "On"),
                    RELOAD,
                    shows("Sound is on"),
                    holds("Sound", "On", "combobox"),
                ),
            ),
        ),
    )
