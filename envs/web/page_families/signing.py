"""Forms that are checked: signing up, and several steps."""

from prm_gym.envs.web.page_families.words import CITIES, NAMES
from prm_gym.envs.web.page_plans import Draw, Feature, Plan, Steps, choose, click, fill, filled, has, hides, holds, lacks, off, on, reads, shows, tick


def signup(draw: Draw) -> Plan:
    """A form that is checked."""
    least = draw.number(6, 9)
    name, other = draw.some(NAMES, 2)
    mail = f"{name.lower()}@post.test"
    good, short = "x7" * 5, "x" * (least - 1)
    age = draw.one((16, 18, 21))
    mail_error, age_error = "Enter a valid email", f"You must be {age} or older"
    password_error, match_error = f"Use at least {least} characters", "Passwords differ"

    def given(mail: str, password: str, again: str) -> Steps:
        return fill("Email", mail), fill("Password", password), fill("Repeat password", again)

    def aged(years: int) -> Steps:
        return (fill("Age", years),)

    complete = (fill("Name", name), *given(mail, good, good), *aged(age), tick("I accept the terms"))
    return Plan(
        title=draw.one(("Create an account", "Join the club", "Register")),
        intro="a form that is checked before it is taken. Errors are shown when a person presses the button, and each goes away when its field is right at the "
        "next press.",
        markup="""
<div class="row"><label>Name <input id="name"></label><label>Age <input id="age" inputmode="numeric"></label></div>
<label>Email <input id="mail"></label><p class="note" id="mail-note"></p>
<div class="row"><label>Password <input id="word" type="password"></label><label>Repeat password <input id="again" type="password"></label></div>
<p class="note" id="word-note"></p><p class="note" id="again-note"></p><p class="note" id="age-note"></p>
<label class="side"><input type="checkbox" id="terms"> I accept the terms</label>
<p><button id="go">Create account</button></p>
<p class="figure" id="done"></p>
""",
        features=(
            Feature(
                "mail",
                'There are the fields "Name", "Age", "Email", "Password" and "Repeat password", a checkbox "I accept the terms" and a button "Create '
                'account". '
                f'An email that is not something, an @, something, a dot and something, without spaces, gives the error "{mail_error}".',
                filled(
                    """
const checks = [];
const check = (id, text, holds) => checks.push(() => {
  const fine = holds();
  $(id).textContent = fine ? "" : text;
  return fine;
});
let finish = () => {};
$("go").onclick = () => {
  const marks = checks.map((call) => call());
  finish(marks.every(Boolean));
};
check("mail-note", "@error@", () => /^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$/.test($("mail").value));
""",
                    error=mail_error,
                ),
                (
                    hides(mail_error),
                    *complete,
                    fill("Email", f"{name}.test"),
                    click("Create account"),
                    shows(mail_error),
                    fill("Email", mail),
                    click("Create account"),
                    hides(mail_error),
                    fill("Email", "a@b"),
                    click("Create account"),
                    shows(mail_error),
                    fill("Email", f"{other} x@y.z"),
                    click("Create account"),
                    shows(mail_error),
                ),
            ),
            Feature(
                "password",
                f'A password of less than {least} characters gives the error "{password_error}".',
                filled(
                    """
const LEAST = @least@;
check("word-note", "@error@", () => $("word").value.length >= LEAST);
""",
                    least=least,
                    error=password_error,
                ),
                (
                    *complete,
                    *given(mail, short, short),
                    click("Create account"),
                    shows(password_error),
                    *given(mail, short + "y", short + "y"),
                    click("Create account"),
                    hides(password_error),
                    fill("Password", ""),
                    click("Create account"),
                    shows(password_error),
                ),
            ),
            Feature(
                "match",
                f'Another text in "Repeat password" than in "Password" gives the error "{match_error}".',
                filled(
                    """
check("again-note", "@error@", () => $("word").value === $("again").value);
""",
                    error=match_error,
                ),
                (
                    *complete,
                    *given(mail, good, good + "z"),
                    click("Create account"),
                    shows(match_error),
                    *given(mail, good, good.upper()),
                    click("Create account"),
                    shows(match_error),
                    *given(mail, good, good),
                    click("Create account"),
                    hides(match_error),
                ),
            ),
            Feature(
                "done",
                f'Where there is no error the page says "Welcome, NAME" ("Welcome, {other}" for the name {other}); as long as there is one it does not. '
                "An empty name is "
                'no error and gives "Welcome, guest".',
                """
finish = (fine) => { $("done").textContent = fine ? "Welcome, " + ($("name").value.trim() || "guest") : ""; };
""",
                (
                    *complete,
                    fill("Email", "no"),
                    click("Create account"),
                    hides("Welcome"),
                    fill("Email", mail),
                    click("Create account"),
                    shows(f"Welcome, {name}"),
                    fill("Repeat password", "no"),
                    click("Create account"),
                    hides("Welcome"),
                    fill("Repeat password", good),
                    fill("Name", ""),
                    click("Create account"),
                    shows("Welcome, guest"),
                ),
            ),
            Feature(
                "age",
                f'An age that is no whole number from {age} on gives the error "{age_error}".',
                filled(
                    """
const YOUNGEST = @age@;
check("age-note", "@error@", () => Number.isInteger(Number($("age").value)) && Number($("age").value) >= YOUNGEST);
""",
                    age=age,
                    error=age_error,
                ),
                (
                    *complete,
                    *aged(age - 1),
                    click("Create account"),
                    shows(age_error),
                    hides("Welcome"),
                    *aged(age),
                    click("Create account"),
                    hides(age_error),
                    shows("Welcome"),
                    fill("Age", "old"),
                    click("Create account"),
                    shows(age_error),
                    hides("Welcome"),
                ),
            ),
            Feature(
                "terms",
                'The button is disabled as long as "I accept the terms" is not ticked.',
                """
const terms = () => { $("go").disabled = !$("terms").checked; };
$("terms").onchange = terms;
terms();
""",
                (off("Create account"), tick("I accept the terms"), on("Create account"), tick("I accept the terms"), off("Create account")),
            ),
        ),
    )


def wizard(draw: Draw) -> Plan:
    """A form of three steps."""
    name, other = draw.some(NAMES, 2)
    city, place = draw.some(CITIES, 2)
    what = draw.one(("Book a tour", "Order a taxi", "Request a visit"))
    day = draw.one(("Monday", "Tuesday", "Friday"))
    to_days = (fill("Your name", name), click("Next"), fill("City", city), click("Next"))
    return Plan(
        title=what,
        intro='three steps that follow each other, one of them seen at a time, with a button "Next" and a button "Back".',
        markup="""
<p class="figure" id="where"></p>
<section id="step1"><label>Your name <input id="name"></label></section>
<section id="step2" hidden><label>City <input id="city"></label></section>
<section id="step3" hidden><label>Day <select id="day"><option>Monday</option><option>Tuesday</option><option>Friday</option></select></label></section>
<section id="step4" hidden><p id="summary"></p></section>
<p class="note" id="note"></p>
<div class="row"><button class="plain" id="back">Back</button><button id="next">Next</button><button id="send" hidden>Send</button></div>
""",
        features=(
            Feature(
                "steps",
                'Step 1 has the field "Your name", step 2 the field "City", step 3 a list "Day" with Monday, Tuesday and Friday. "Next" and "Back" go '
                "from one to the "
                "other; what was written is kept.",
                """
let step = 1;
const last = () => 3, checks = [], after = [];
let steps = last;
const draw = () => {
  for (let place = 1; place <= 4; place++) $("step" + place).hidden = place !== step;
  after.forEach((call) => call());
};
$("next").onclick = () => { if (checks.every((check) => check())) step = Math.min(steps(), step + 1); draw(); };
$("back").onclick = () => { step = Math.max(1, step - 1); draw(); };
draw();
""",
                (
                    has("Your name", "textbox"),
                    lacks("City", "textbox"),
                    fill("Your name", name),
                    click("Next"),
                    lacks("Your name", "textbox"),
                    fill("City", city),
                    click("Next"),
                    has("Day", "combobox"),
                    lacks("City", "textbox"),
                    click("Back"),
                    holds("City", city),
                    click("Back"),
                    holds("Your name", name),
                ),
            ),
            Feature(
                "where",
                'The page says "Step: N of 3".',
                """
after.push(() => { $("where").textContent = step <= 3 ? "Step: " + step + " of 3" : ""; });
draw();
""",
                (reads("Step", "1 of 3"), *to_days, reads("Step", "3 of 3"), click("Back"), reads("Step", "2 of 3"), click("Back"), reads("Step", "1 of 3")),
            ),
            Feature(
                "required",
                'Where the field of a step is empty or blank, "Next" stays there and the page says "Please fill this in", until a step is left.',
                """
checks.push(() => {
  const field = { 1: $("name"), 2: $("city") }[step];
  const fine = !field || field.value.trim() !== "";
  $("note").textContent = fine ? "" : "Please fill this in";
  return fine;
});
""",
                (
                    hides("Please fill this in"),
                    click("Next"),
                    shows("Please fill this in"),
                    has("Your name", "textbox"),
                    fill("Your name", other),
                    click("Next"),
                    hides("Please fill this in"),
                    fill("City", "  "),
                    click("Next"),
                    shows("Please fill this in"),
                    has("City", "textbox"),
                    fill("City", place),
                    click("Next"),
                    has("Day", "combobox"),
                    hides("Please fill this in"),
                ),
            ),
            Feature(
                "summary",
                f'"Next" after step 3 shows a summary: "Name: {other}", "City: {place}" and "Day: Monday", with what was entered; "Back" leads from it '
                "to step 3.",
                """
steps = () => 4;
after.push(() => {
  $("next").hidden = step === 4;
  const lines = [["Name", $("name").value], ["City", $("city").value], ["Day", $("day").value]];
  $("summary").replaceChildren(...lines.map(([what, value]) => make("p", {}, what + ": " + value)));
});
draw();
""",
                (
                    *to_days,
                    choose("Day", day),
                    click("Next"),
                    reads("Name", name),
                    reads("City", city),
                    reads("Day", day),
                    click("Back"),
                    has("Day", "combobox"),
                    click("Back"),
                    fill("City", place),
                    click("Next"),
                    click("Next"),
                    reads("City", place),
                    reads("Name", name),
                ),
            ),
            Feature(
                "send",
                'The summary, and no step, has a button "Send". It says "Thank you, NAME", and nothing of the form is seen any more.',
                """
after.push(() => { $("send").hidden = step !== 4; });
$("send").onclick = () => { document.querySelector("main").replaceChildren(make("h1", {}, "Thank you, " + $("name").value)); };
draw();
""",
                (
                    lacks("Send"),
                    *to_days,
                    lacks("Send"),
                    click("Next"),
                    has("Send"),
                    click("Send"),
                    shows(f"Thank you, {name}"),
                    lacks("Send"),
                    lacks("Back"),
                    lacks("Next"),
                    hides(city),
                ),
            ),
        ),
    )
