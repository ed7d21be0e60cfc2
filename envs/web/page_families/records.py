"""What is counted up: an account, and the answers of a quiz."""

from prm_gym.envs.web.page_plans import Draw, Feature, Plan, Steps, click, fill, filled, hides, holds, lacks, off, on, orders, reads, shows

_QUESTIONS = (
    ("Which planet is the largest?", ("Jupiter", "Mars", "Venus")),
    ("What is the capital of Peru?", ("Lima", "Quito", "Bogota")),
    ("How many sides has a hexagon?", ("Six", "Five", "Eight")),
    ("Which metal is liquid at room temperature?", ("Mercury", "Iron", "Copper")),
    ("Who wrote Hamlet?", ("Shakespeare", "Goethe", "Dante")),
    ("Which gas do plants take in?", ("Carbon dioxide", "Helium", "Neon")),
)


def account(draw: Draw) -> Plan:
    """Money that comes and goes."""
    a, b, c, example = (10 * number for number in draw.numbers(3, 20, 4))
    start = 10 * draw.number(0, 9)
    noun = draw.one(("Amount", "Money"))
    total = start + a + b

    def paid(amount: object, button: str) -> Steps:
        return fill(noun, amount), click(button)

    return Plan(
        title=draw.one(("Savings account", "Petty cash", "Travel fund")),
        intro=f"money that is paid in and taken out; there are {start} at first.",
        markup=f"""
<p class="figure" id="balance"></p>
<div class="row"><label>{noun} <input id="amount"></label><button id="in">Pay in</button><button id="out">Take out</button></div>
<p class="note" id="note"></p>
<p id="count"></p>
<ul id="list"></ul>
<button class="plain" id="undo">Undo</button>
""",
        features=(
            Feature(
                "in",
                f'There are a field "{noun}" and a button "Pay in"; the page says "Balance: N", {start} at first. The field is empty after each payment.',
                filled(
                    """
const moves = [], checks = [], after = [];
const balance = () => moves.reduce((sum, move) => sum + move, @start@);
const draw = () => { $("balance").textContent = "Balance: " + balance(); after.forEach((call) => call()); };
const pay = (sign) => {
  const amount = Number($("amount").value);
  if (checks.some((check) => !check(amount, sign))) return;
  moves.push(sign * amount);
  $("amount").value = "";
  draw();
};
$("in").onclick = () => pay(1);
draw();
""",
                    start=start,
                ),
                (reads("Balance", start), *paid(a, "Pay in"), reads("Balance", start + a), holds(noun, ""), *paid(b, "Pay in"), reads("Balance", total)),
            ),
            Feature(
                "out",
                'A button "Take out" takes the amount away.',
                """
$("out").onclick = () => pay(-1);
""",
                (*paid(a, "Pay in"), *paid(b, "Pay in"), *paid(a, "Take out"), reads("Balance", start + b), *paid(start + b, "Take out"), reads("Balance", 0)),
            ),
            Feature(
                "least",
                'More than there is cannot be taken out: the balance stays and the page says "Not enough money", until something is paid in or taken out.',
                """
checks.push((amount, sign) => {
  const fine = balance() + sign * amount >= 0;
  $("note").textContent = fine ? "" : "Not enough money";
  return fine;
});
""",
                (
                    *paid(c, "Pay in"),
                    *paid(start + c + 1, "Take out"),
                    shows("Not enough money"),
                    reads("Balance", start + c),
                    *paid(a, "Pay in"),
                    hides("Not enough money"),
                    reads("Balance", start + c + a),
                    *paid(start + c + a, "Take out"),
                    hides("Not enough money"),
                    reads("Balance", 0),
                ),
            ),
            Feature(
                "invalid",
                'An amount that is no number above 0 changes nothing, and the page says "Enter an amount".',
                """
checks.unshift((amount) => {
  const fine = amount > 0;
  if (!fine) $("note").textContent = "Enter an amount";
  return fine;
});
""",
                (
                    *paid("", "Pay in"),
                    shows("Enter an amount"),
                    *paid("-7", "Pay in"),
                    reads("Balance", start),
                    *paid("much", "Pay in"),
                    shows("Enter an amount"),
                    *paid(b, "Pay in"),
                    hides("Enter an amount"),
                    reads("Balance", start + b),
                    *paid("-9", "Take out"),
                    shows("Enter an amount"),
                    reads("Balance", start + b),
                ),
            ),
            Feature(
                "list",
                f'Below stand all movements, the newest first ("+{example}" for what was paid in, "-{example}" for what was taken out), and "Movements: N".',
                """
after.push(() => {
  $("count").textContent = "Movements: " + moves.length;
  $("list").replaceChildren(...moves.map((move) => make("li", {}, (move > 0 ? "+" : "") + move)).reverse());
});
draw();
""",
                (
                    reads("Movements", 0),
                    *paid(a, "Pay in"),
                    shows(f"+{a}"),
                    *paid(b, "Pay in"),
                    *paid(c if c <= total else a, "Take out"),
                    orders(f"-{c if c <= total else a}", f"+{b}", f"+{a}"),
                    reads("Movements", 3),
                    *paid(9999, "Take out"),
                    reads("Movements", 3),
                ),
            ),
            Feature(
                "undo",
                'A button "Undo" takes the last movement back; it is disabled when there is none.',
                """
$("undo").onclick = () => { moves.pop(); draw(); };
after.push(() => { $("undo").disabled = !moves.length; });
draw();
""",
                (
                    off("Undo"),
                    *paid(a, "Pay in"),
                    *paid(b, "Pay in"),
                    click("Undo"),
                    reads("Balance", start + a),
                    reads("Movements", 1),
                    on("Undo"),
                    click("Undo"),
                    reads("Balance", start),
                    off("Undo"),
                ),
            ),
        ),
    )


def quiz(draw: Draw) -> Plan:
    """Questions with one right answer each."""
    chosen = draw.some(_QUESTIONS, 3)
    asked = [(question, draw.some(answers, 3), answers[0]) for question, answers in chosen]
    right = [answers[0] for _, answers in chosen]
    wrong = [draw.one(answers[1:]) for _, answers in chosen]
    listed = "; ".join(f'"{question}" with the answers {", ".join(answers)}, of which {best} is right' for question, answers, best in asked)

    def answered(text: str) -> Steps:
        return click(text, "radio"), click("Check")

    return Plan(
        title=draw.one(("Quiz", "Small quiz", "Test yourself")),
        intro=f"three questions, one seen at a time: {listed}.",
        markup="""
<p class="figure" id="score"></p>
<fieldset id="form"><h2 id="question"></h2><div id="answers"></div></fieldset>
<div class="row"><button id="check">Check</button><button id="next">Next question</button><button class="plain" id="again" hidden>Start again</button></div>
<p id="told"></p>
""",
        features=(
            Feature(
                "check",
                'The answers are radio buttons with their texts. A button "Check" says "Right" or "Wrong"; where no answer was chosen it says "Choose '
                'an answer".',
                filled(
                    """
const asked = @asked@;
let at = 0;
const scored = [], after = [];
const draw = () => {
  $("told").textContent = "";
  $("form").hidden = $("check").hidden = at >= asked.length;
  if (at < asked.length) {
    const [question, answers] = asked[at];
    $("question").textContent = question;
    const radio = (text) => make("input", { type: "radio", name: "answer", value: text });
    $("answers").replaceChildren(...answers.map((text) => make("label", { className: "side" }, radio(text), text)));
  }
  after.forEach((call) => call());
};
$("check").onclick = () => {
  const chosen = document.querySelector("input:checked");
  if (!chosen) { $("told").textContent = "Choose an answer"; return; }
  const right = chosen.value === asked[at][2];
  $("told").textContent = right ? "Right" : "Wrong";
  scored.forEach((call) => call(right));
};
draw();
""",
                    asked=str([list(each) for each in asked]).replace("'", '"'),
                ),
                (
                    shows(asked[0][0]),
                    hides(asked[1][0]),
                    click("Check"),
                    shows("Choose an answer"),
                    *answered(wrong[0]),
                    shows("Wrong"),
                    hides("Right"),
                    hides("Choose an answer"),
                ),
            ),
            Feature(
                "next",
                'A button "Next question" shows the next question, with no answer chosen and nothing said of the last one.',
                """
$("next").onclick = () => { at += 1; draw(); };
""",
                (
                    *answered(right[0]),
                    shows("Right"),
                    hides("Wrong"),
                    click("Next question"),
                    shows(asked[1][0]),
                    hides(asked[0][0]),
                    hides("Right"),
                    click("Check"),
                    shows("Choose an answer"),
                    *answered(wrong[1]),
                    shows("Wrong"),
                    click("Next question"),
                    shows(asked[2][0]),
                    *answered(right[2]),
                    shows("Right"),
                ),
            ),
            Feature(
                "score",
                'The page says "Score: N", the number of questions that were answered rightly at their first check; checking the same question again '
                "never changes it.",
                """
let score = 0, counted = -1;
const tell = () => { $("score").textContent = "Score: " + score; };
scored.push((right) => {
  if (counted < at && right) score += 1;
  counted = Math.max(counted, at);
  tell();
});
tell();
""",
                (
                    reads("Score", 0),
                    *answered(right[0]),
                    reads("Score", 1),
                    click("Check"),
                    reads("Score", 1),
                    click("Next question"),
                    *answered(wrong[1]),
                    reads("Score", 1),
                    *answered(right[1]),
                    reads("Score", 1),
                    click("Next question"),
                    *answered(right[2]),
                    reads("Score", 2),
                ),
            ),
            Feature(
                "end",
                'After the third question it says "Done: N of 3 right", and neither a question nor the buttons "Check" and "Next question" are seen.',
                """
after.push(() => {
  const done = at >= asked.length;
  $("next").hidden = done;
  if (done) $("told").textContent = "Done: " + score + " of " + asked.length + " right";
});
""",
                (
                    *answered(right[0]),
                    click("Next question"),
                    hides("Done"),
                    *answered(wrong[1]),
                    click("Next question"),
                    *answered(right[2]),
                    click("Next question"),
                    reads("Done", "2 of 3 right"),
                    lacks("Check"),
                    lacks("Next question"),
                    hides(asked[2][0]),
                ),
            ),
            Feature(
                "again",
                'There, and only there, is a button "Start again", which begins anew with the score 0.',
                """
after.push(() => { $("again").hidden = at < asked.length; });
$("again").onclick = () => { at = score = 0; counted = -1; tell(); draw(); };
""",
                (
                    lacks("Start again"),
                    *answered(right[0]),
                    *(click("Next question") for _ in range(3)),
                    reads("Done", "1 of 3 right"),
                    click("Start again"),
                    reads("Score", 0),
                    shows(asked[0][0]),
                    lacks("Start again"),
                    *answered(right[0]),
                    reads("Score", 1),
                ),
            ),
        ),
    )
