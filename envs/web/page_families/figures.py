"""Forms that reckon: units, and a bill."""

from prm_gym.envs.web.page_plans import Draw, Feature, Plan, choose, click, fill, filled, hides, holds, orders, reads, shows, tick

_UNITS = (
    ("Kilometres", "Metres", 1000),
    ("Hours", "Minutes", 60),
    ("Feet", "Inches", 12),
    ("Weeks", "Days", 7),
    ("Dozens", "Pieces", 12),
    ("Metres", "Millimetres", 1000),
)


def converter(draw: Draw) -> Plan:
    """A unit into another one and back."""
    big, small, factor = draw.one(_UNITS)
    a, b, c, example = draw.numbers(2, 30, 4)
    return Plan(
        title=f"{big} and {small}",
        intro=f"one of {big.lower()} is {factor} {small.lower()}.",
        markup=f"""
<div class="row">
<label>Amount <input id="amount"></label>
<label>Direction <select id="way"><option>{big} to {small}</option><option>{small} to {big}</option></select></label>
</div>
<div class="row"><button id="go">Convert</button><button class="plain" id="turn">Swap</button><button class="plain" id="clear">Clear</button></div>
<p class="figure" id="result"></p>
<p class="note" id="note"></p>
<ul id="past"></ul>
""",
        features=(
            Feature(
                "convert",
                f'There are a field "Amount" and a button "Convert"; {big.lower()} are converted into {small.lower()}, and the page says "Result: N" '
                f'({example} give "Result: {example * factor}").',
                filled(
                    """
const FACTOR = @factor@;
const checks = [], done = [];
let forth = () => true;
const convert = () => {
  const amount = Number($("amount").value);
  $("result").textContent = "";
  if (checks.some((check) => !check($("amount").value))) return;
  const result = forth() ? amount * FACTOR : amount / FACTOR;
  $("result").textContent = "Result: " + result;
  done.forEach((call) => call(amount, result));
};
$("go").onclick = convert;
""",
                    factor=factor,
                ),
                (fill("Amount", a), click("Convert"), reads("Result", a * factor), fill("Amount", b), click("Convert"), reads("Result", b * factor)),
            ),
            Feature(
                "back",
                f'A list "Direction" has the options "{big} to {small}", which is chosen at first, and "{small} to {big}".',
                """
forth = () => $("way").selectedIndex === 0;
""",
                (
                    choose("Direction", f"{small} to {big}"),
                    fill("Amount", c * factor),
                    click("Convert"),
                    reads("Result", c),
                    fill("Amount", a * factor),
                    click("Convert"),
                    reads("Result", a),
                    choose("Direction", f"{big} to {small}"),
                    fill("Amount", b),
                    click("Convert"),
                    reads("Result", b * factor),
                ),
            ),
            Feature(
                "invalid",
                'Where the amount is empty or no number, the page says "Not a number" and no result; after a proper conversion it does not say so any more.',
                """
checks.push((text) => {
  const fine = text.trim() !== "" && Number.isFinite(Number(text));
  $("note").textContent = fine ? "" : "Not a number";
  return fine;
});
""",
                (
                    fill("Amount", a),
                    click("Convert"),
                    hides("Not a number"),
                    fill("Amount", "ten"),
                    click("Convert"),
                    shows("Not a number"),
                    hides("Result: "),
                    fill("Amount", ""),
                    click("Convert"),
                    shows("Not a number"),
                    fill("Amount", b),
                    click("Convert"),
                    hides("Not a number"),
                    reads("Result", b * factor),
                ),
            ),
            Feature(
                "swap",
                'A button "Swap" turns the direction round, and puts the result into the field "Amount" where there is one.',
                """
let latest = "";
done.push((_, result) => { latest = String(result); });
$("turn").onclick = () => {
  $("way").selectedIndex = 1 - $("way").selectedIndex;
  if (latest !== "") $("amount").value = latest;
};
""",
                (
                    click("Swap"),
                    holds("Direction", f"{small} to {big}", "combobox"),
                    fill("Amount", b * factor),
                    click("Convert"),
                    reads("Result", b),
                    click("Swap"),
                    holds("Direction", f"{big} to {small}", "combobox"),
                    holds("Amount", b),
                    click("Convert"),
                    reads("Result", b * factor),
                ),
            ),
            Feature(
                "history",
                'Below stand the conversions that were made, the newest first, each as "A = B" with the two numbers.',
                """
done.push((amount, result) => $("past").prepend(make("li", {}, amount + " = " + result)));
""",
                (
                    fill("Amount", a),
                    click("Convert"),
                    shows(f"{a} = {a * factor}"),
                    fill("Amount", "x"),
                    click("Convert"),
                    fill("Amount", b),
                    click("Convert"),
                    orders(f"{b} = {b * factor}", f"{a} = {a * factor}"),
                    hides("NaN"),
                ),
            ),
            Feature(
                "clear",
                'A button "Clear" empties the field "Amount" and removes the result and the conversions that were made.',
                """
$("clear").onclick = () => { $("amount").value = $("result").textContent = ""; $("past").replaceChildren(); };
""",
                (
                    fill("Amount", c),
                    click("Convert"),
                    shows(f"{c} = {c * factor}"),
                    click("Clear"),
                    hides(f"{c} = {c * factor}"),
                    hides("Result: "),
                    holds("Amount", ""),
                    fill("Amount", a),
                    click("Convert"),
                    shows(f"{a} = {a * factor}"),
                ),
            ),
        ),
    )


def tip(draw: Draw) -> Plan:
    """A bill with a tip, for several people."""
    rates = draw.one(((10, 15, 20), (5, 10, 25)))
    bills = [20 * number for number in draw.numbers(2, 12, 4)]
    a, b, c, example = bills
    people = draw.number(2, 5)
    rate, other = draw.some(rates[1:], 2)
    first = rates[0]
    share = c * (100 + first) / 100 / people
    odd = draw.one([bill for bill in range(41, 99) if 0 < bill * (100 + rates[2]) % 100 < 50])

    return Plan(
        title=draw.one(("Tip calculator", "Split the bill", "At the restaurant")),
        intro="what a bill comes to with the tip, and what each person pays.",
        markup=f"""
<div class="row">
<label>Bill <input id="bill"></label>
<label>Tip <select id="rate"><option>{rates[0]} %</option><option>{rates[1]} %</option><option>{rates[2]} %</option></select></label>
<label>People <input id="people" value="1"></label>
</div>
<label class="side"><input type="checkbox" id="round"> Round up</label>
<p id="tip"></p>
<p class="figure" id="total"></p>
<p id="each"></p>
<p class="note" id="note"></p>
""",
        features=(
            Feature(
                "tip",
                f'There are a field "Bill" and a list "Tip" with the options "{rates[0]} %" (chosen at first), "{rates[1]} %" and "{rates[2]} %". The '
                "page says "
                f'"Tip: X" with two decimals, at once when one of them changes ({example} with {rates[0]} % make "Tip: {example * rates[0] / 100:.2f}").',
                """
const told = [], checks = [];
const draw = () => {
  ["tip", "total", "each"].forEach((id) => ($(id).textContent = ""));
  if (checks.some((check) => !check())) return;
  const bill = Number($("bill").value), rate = parseInt($("rate").value);
  const tip = (bill * rate) / 100;
  $("tip").textContent = "Tip: " + tip.toFixed(2);
  told.forEach((call) => call(bill, tip));
};
$("bill").oninput = $("rate").onchange = draw;
""",
                (
                    fill("Bill", a),
                    reads("Tip", f"{a * first / 100:.2f}"),
                    choose("Tip", f"{rate} %"),
                    reads("Tip", f"{a * rate / 100:.2f}"),
                    fill("Bill", b),
                    reads("Tip", f"{b * rate / 100:.2f}"),
                    choose("Tip", f"{other} %"),
                    reads("Tip", f"{b * other / 100:.2f}"),
                    fill("Bill", odd),
                    reads("Tip", f"{odd * other / 100:.2f}"),
                ),
            ),
            Feature(
                "total",
                'It says "Total: X", the bill and the tip, with two decimals.',
                """
let rounded = (total) => total;
told.push((bill, tip) => { $("total").textContent = "Total: " + rounded(bill + tip).toFixed(2); });
""",
                (fill("Bill", b), reads("Total", f"{b + b * first / 100:.2f}"), choose("Tip", f"{other} %"), reads("Total", f"{b + b * other / 100:.2f}")),
            ),
            Feature(
                "people",
                'A field "People", 1 at first, divides the total: "Each: X" with two decimals.',
                """
told.push((bill, tip) => { $("each").textContent = "Each: " + (rounded(bill + tip) / Number($("people").value)).toFixed(2); });
$("people").oninput = draw;
""",
                (
                    holds("People", 1),
                    fill("Bill", c),
                    reads("Each", f"{c * (100 + first) / 100:.2f}"),
                    fill("People", people),
                    reads("Each", f"{share + 1e-09:.2f}"),
                    reads("Total", f"{c * (100 + first) / 100:.2f}"),
                ),
            ),
            Feature(
                "invalid",
                'Where the bill is no number from 0 on, or the number of people is no whole number from 1 on, it says "Check the numbers" and none of '
                "the three "
                "amounts. With an empty bill, as at first, it says neither.",
                """
checks.push(() => {
  const bill = $("bill").value.trim(), people = Number($("people").value);
  const fine = Number(bill) >= 0 && Number.isInteger(people) && people >= 1;
  $("note").textContent = fine || !bill ? "" : "Check the numbers";
  return fine && bill !== "";
});
""",
                (
                    hides("Check the numbers"),
                    fill("Bill", a),
                    fill("People", 0),
                    shows("Check the numbers"),
                    hides("Total: "),
                    hides("Tip: "),
                    fill("People", people),
                    hides("Check the numbers"),
                    reads("Total", f"{a * (100 + first) / 100:.2f}"),
                    fill("Bill", "-5"),
                    shows("Check the numbers"),
                    hides("Total: "),
                    fill("Bill", "lots"),
                    shows("Check the numbers"),
                    fill("Bill", ""),
                    hides("Check the numbers"),
                    hides("Tip: "),
                ),
            ),
            Feature(
                "round",
                'A checkbox "Round up" raises the total to the next whole number, and what each pays with it; the tip stays.',
                """
rounded = (total) => ($("round").checked ? Math.ceil(total) : total);
$("round").onchange = draw;
""",
                (
                    fill("Bill", odd),
                    choose("Tip", f"{rates[2]} %"),
                    tick("Round up"),
                    reads("Total", f"{-(-odd * (100 + rates[2]) // 100)}.00"),
                    reads("Tip", f"{odd * rates[2] / 100:.2f}"),
                    reads("Each", f"{-(-odd * (100 + rates[2]) // 100)}.00"),
                    tick("Round up"),
                    reads("Total", f"{odd * (100 + rates[2]) / 100:.2f}"),
                ),
            ),
        ),
    )
