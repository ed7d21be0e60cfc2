// A group's attempts beside one another, rows aligned where they are in the same state.

const COLUMNS = 12;
const FIRST_ROWS = 200;
const MOST_GLYPHS = 12;

// Names of the states that several attempts came by.
function sharedStates(sequences) {
  const came = counts(sequences.flatMap((sequence) => [...new Set(sequence)]));
  return new Map([...came].filter(([, times]) => times > 1).map(([state], place) => [state, `S${place + 1}`]));
}

// Rows of (attempt -> step) such that equal states stand in one row as far as the attempts agree on their order.
//
// States of one attempt alone stand in the same rows, in cells that are not shaded. A shared state waits until no other attempt still comes to it; where all
// wait for one another (the attempts go round in different order), the attempt that is furthest behind goes on.
function aligned(sequences, shared) {
  const at = sequences.map(() => 0);
  const ahead = sequences.map((sequence) => counts(sequence));
  const rows = [];
  const state = (attempt) => sequences[attempt][at[attempt]];
  for (;;) {
    const open = sequences.flatMap((sequence, attempt) => (at[attempt] < sequence.length ? [attempt] : []));
    if (open.length === 0) return rows;
    const alone = open.filter((attempt) => !shared.has(state(attempt)));
    const wanted = nextShared(open.filter((attempt) => shared.has(state(attempt))), open, state, ahead, alone.length ? null : at);
    const going = [...alone, ...open.filter((attempt) => state(attempt) === wanted)];
    rows.push({ state: wanted, row: new Map(going.map((attempt) => [attempt, at[attempt]])) });
    for (const attempt of going) {
      ahead[attempt].set(state(attempt), ahead[attempt].get(state(attempt)) - 1);
      at[attempt] += 1;
    }
  }
}

// The shared state that no attempt still comes to but those that stand in it; null where there is none and somebody else can go on (`at` is null then).
function nextShared(waiting, open, state, ahead, at) {
  const free = waiting.find((attempt) => open.every((other) => state(other) === state(attempt) || !ahead[other].get(state(attempt))));
  if (free !== undefined) return state(free);
  return at === null ? null : state(waiting.reduce((best, attempt) => (at[attempt] < at[best] ? attempt : best)));
}

function attemptCell(shown, n, at, assigner, largest, names) {
  const step = shown.steps[at];
  const values = shown.advantages[assigner];
  const verdicts = step.verdicts ?? [];
  return el("td", { class: names.has(step.state) ? "shared" : "" },
    el("a", { href: hashOf({ n, step: at }), class: "action", title: `Step ${step.index}` }, bidi(shortened(shown.texts[step.action], 70)), el("span", { class: "unseen" }, `, step ${step.index}`)),
    el("span", { class: "glyphs" }, verdicts.slice(0, MOST_GLYPHS).map((verdict) => {
      const mark = glyphOf(verdict);
      return el("span", { class: `glyph ${mark}`, title: `${shown.texts[verdict.by]}: ${WORDS[mark]}` }, GLYPHS[mark], el("span", { class: "unseen" }, ` ${shown.texts[verdict.by]} ${mark} `));
    }), verdicts.length > MOST_GLYPHS ? el("a", { href: hashOf({ n, step: at }), class: "soft fine" }, ` ${verdicts.length - MOST_GLYPHS} more`) : null),
    index.credits.length ? bar(values ? values[at] : undefined, largest, values ? "taken out" : creditReason(n, assigner)) : null);
}

function shortened(text, length) {
  const flat = text.slice(0, 20 * length).replace(/\s+/g, " ").trim();
  if (flat.length <= length) return flat;
  const head = (length - 1) >> 1;
  return `${flat.slice(0, head)}\u2026${flat.slice(flat.length - (length - 1 - head))}`;
}

async function attemptsView(n) {
  const group = index.group[n];
  const all = Array.from({ length: index.groups.size[group] }, (_, place) => index.groups.first[group] + place);
  const box = el("div", { class: "attempts" });
  let count = Math.max(COLUMNS, all.indexOf(n) + 1);
  let assigner = 0;

  async function draw() {
    const members = all.slice(0, count);
    const shown = await Promise.all(members.map(trajectoryOf));
    const sequences = shown.map((each) => each.steps.map((step) => step.state));
    const names = sharedStates(sequences);
    const head = el("tr", {}, el("th", { scope: "col" }, "state"), members.map((member) => el("th", { scope: "col", class: member === n ? "own" : "" },
      el("a", { href: hashOf({ n: member }) }, bidi(index.id[member])), " ", el("span", { class: `outcome ${outcomeClass(member)}` }, outcomeText(member)))));
    const largest = largestOf(shown.flatMap((each) => each.advantages[assigner] ?? []));
    const rows = inParts(el("tbody", {}), aligned(sequences, names), FIRST_ROWS, "rows", ({ state, row }) => el("tr", {}, el("th", { scope: "row", class: state === null ? "state soft" : "state", title: state }, names.get(state) ?? el("span", { class: "unseen" }, "states of one attempt")),
      members.map((member, attempt) => (row.has(attempt) ? attemptCell(shown[attempt], member, row.get(attempt), assigner, largest, names) : el("td", { class: "empty" })))));
    const left = all.length - count;
    box.replaceChildren(
      el("p", { class: "soft" }, `${all.length} ${all.length === 1 ? "attempt" : "attempts"} at this task; several of them came by ${names.size} ${names.size === 1 ? "state" : "states"}. Shaded cells of a row are steps taken in one and the same state, the others in states of one attempt alone.`),
      assignerChoice(assigner, (chosen) => {
        assigner = chosen;
        draw();
      }),
      el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Attempts side by side" }, el("table", { class: "aligned" }, el("caption", { class: "unseen" }, "Attempts side by side"), el("thead", {}, head), rows.box)),
      rows.button ?? "",
      left > 0 ? el("button", { type: "button", class: "more", onclick: () => {
        count += COLUMNS;
        draw();
      } }, `Show ${Math.min(left, COLUMNS)} more of ${all.length} attempts`) : "");
  }

  await draw();
  return box;
}

function assignerChoice(chosen, told) {
  if (index.credits.length === 0) return "";
  const select = el("select", {}, index.credits.map(({ name }, at) => el("option", { value: at, selected: at === chosen }, name)));
  select.addEventListener("change", () => told(Number(select.value)));
  return el("label", { class: "choice" }, "Advantages by ", select);
}
