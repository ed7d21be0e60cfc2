// The list: filters, search, order, groups; of ten thousand rows those alone are there that are seen.

const ROW = 48;
const MARGIN = 10;
const MOST_ROWS = 300_000; // browsers draw no element higher than some 30 million pixels
const [VALID, TRUNCATED, SPLIT] = [1, 2, 4];
const [POSITIVE, NEGATIVE, ZERO, NONE] = [1, 2, 4, 8];

const GLYPHS = {
  correct: "\u2713", incorrect: "\u2717", neutral: "\u25cb", trivial: "\u2261", vacuous: "\u2205", malformed: "!",
  abstain: "?", timeout: "t", error: "e", unlabelled: "\u00b7",
};
const WORDS = {
  correct: "correct", incorrect: "incorrect", neutral: "neutral", trivial: "trivial: right, but empty", vacuous: "vacuous: from contradictory premises",
  malformed: "malformed: no step", abstain: "cannot tell", timeout: "cannot tell: out of time", error: "cannot tell: the verifier failed", unlabelled: "no label",
};

const list = {
  rows: [], // numbers of trajectories; ~g for the heading of group g
  place: new Map(), // number of a trajectory -> its row
  names: null, // what the search finds at once, in small letters, from the first search on
  found: null, // numbers that the search in steps has found, or null
  nodes: new Map(),
  selected: -1,
};

const $ = (id) => document.getElementById(id);

function outcomeText(n) {
  const outcome = index.outcome[n];
  if (!(index.flags[n] & VALID)) return "spoilt";
  return outcome === null ? "cannot tell" : outcome.toFixed(2);
}

function marksOf(n) {
  return index.marks_of.reduce((all, column) => all | column[n], 0);
}

const OUTCOMES = {
  solved: (n) => index.outcome[n] === 1,
  partial: (n) => index.outcome[n] !== null && index.outcome[n] > 0 && index.outcome[n] < 1,
  failed: (n) => index.outcome[n] === 0,
  unknown: (n) => index.outcome[n] === null,
};
const STATES = {
  valid: (n) => index.flags[n] & VALID,
  invalid: (n) => !(index.flags[n] & VALID),
  truncated: (n) => index.flags[n] & TRUNCATED,
  finished: (n) => !(index.flags[n] & TRUNCATED),
};
const SIGNS = { positive: POSITIVE, negative: NEGATIVE, zero: ZERO, none: NONE };

function chosenFilters() {
  const tests = [];
  const value = (id) => $(id)?.value ?? "";
  if (value("env")) tests.push((n) => index.env[n] === Number(value("env")));
  if (value("agent")) tests.push((n) => index.agent[n] === Number(value("agent")));
  if (value("outcome")) tests.push(OUTCOMES[value("outcome")]);
  if (value("state")) tests.push(STATES[value("state")]);
  if (value("verdict")) {
    const bit = 1 << Number(value("verdict"));
    const column = value("verifier") && index.marks_of[Number(value("verifier"))];
    tests.push((n) => (column ? column[n] : marksOf(n)) & bit);
  } else if (value("verifier")) {
    tests.push((n) => index.marks_of[Number(value("verifier"))][n]);
  }
  if (value("sign")) tests.push((n) => index.signs[Number(value("assigner") || 0)][n] & SIGNS[value("sign")]);
  if ($("split").checked) tests.push((n) => index.flags[n] & SPLIT);
  const needle = $("search").value.trim().toLowerCase();
  if (needle) {
    list.names ??= index.id.map((id, n) => `${id}\n${index.groups.title[index.group[n]]}\n${index.groups.id[index.group[n]]}`.toLowerCase());
    tests.push((n) => list.found?.has(n) || list.names[n].includes(needle));
  }
  return tests;
}

const ORDERS = {
  file: null,
  best: (a, b) => known(index.outcome[b]) - known(index.outcome[a]),
  worst: (a, b) => unknownLast(index.outcome[a]) - unknownLast(index.outcome[b]),
  reward: (a, b) => index.reward[b] - index.reward[a],
  longest: (a, b) => index.steps[b] - index.steps[a],
  shortest: (a, b) => index.steps[a] - index.steps[b],
};
const known = (value) => value ?? -1; // what is not known is last either way
const unknownLast = (value) => value ?? 2;

function refilter() {
  const tests = chosenFilters();
  const numbers = [];
  for (let n = 0; n < index.id.length; n += 1) if (tests.every((test) => test(n))) numbers.push(n);
  const order = ORDERS[$("order").value];
  if (order) numbers.sort((a, b) => order(a, b) || a - b);
  const rows = $("grouped").checked ? groupedRows(numbers) : numbers;
  const cut = rows.length > MOST_ROWS;
  list.rows = cut ? rows.slice(0, MOST_ROWS) : rows;
  list.place = new Map(list.rows.map((n, row) => [n, row]));
  const all = index.id.length;
  $("count").textContent = (numbers.length === all ? `${all.toLocaleString("en")} trajectories` : `${numbers.length.toLocaleString("en")} of ${all.toLocaleString("en")}`)
    + (cut ? `; the first ${MOST_ROWS.toLocaleString("en")} rows are listed, filter to see the rest` : "");
  $("rows").style.height = `${list.rows.length * ROW}px`;
  for (const node of list.nodes.values()) node.remove();
  list.nodes.clear();
  drawRows();
}

// Attempts at a task under its heading, tasks in the order of their first one.
function groupedRows(numbers) {
  const members = new Map();
  for (const n of numbers) {
    const group = index.group[n];
    if (!members.has(group)) members.set(group, []);
    members.get(group).push(n);
  }
  return [...members].flatMap(([group, each]) => [~group, ...each]);
}

function drawRows() {
  const box = $("list");
  const first = Math.max(0, Math.floor(box.scrollTop / ROW) - MARGIN);
  const last = Math.min(list.rows.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW) + MARGIN);
  for (const [row, node] of list.nodes) {
    if (row >= first && row < last) continue;
    if (node.contains(document.activeElement)) box.focus({ preventScroll: true });
    node.remove();
    list.nodes.delete(row);
  }
  const chosen = selectedRow();
  const tabbed = chosen >= first && chosen < last ? chosen : list.rows.findIndex((n, row) => n >= 0 && row >= first);
  for (let row = first; row < last; row += 1) {
    if (!list.nodes.has(row)) {
      const node = list.rows[row] < 0 ? headingRow(~list.rows[row]) : trajectoryRow(list.rows[row]);
      node.style.transform = `translateY(${row * ROW}px)`;
      node.setAttribute("aria-setsize", list.rows.length);
      node.setAttribute("aria-posinset", row + 1);
      list.nodes.set(row, node);
      const after = [...list.nodes.keys()].filter((other) => other > row).sort((a, b) => a - b)[0];
      $("rows").insertBefore(node, after === undefined ? null : list.nodes.get(after));
    }
    const link = list.nodes.get(row).querySelector("a");
    if (!link) continue;
    link.tabIndex = row === tabbed ? 0 : -1;
    if (list.rows[row] === list.selected) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

// Row of the selected trajectory; -1 where it is not in the list.
function selectedRow() {
  return list.selected < 0 ? -1 : list.place.get(list.selected) ?? -1;
}

function headingRow(group) {
  const [first, size] = [index.groups.first[group], index.groups.size[group]];
  let solved = 0;
  for (let n = first; n < first + size; n += 1) solved += index.outcome[n] === 1;
  const title = index.groups.title[group];
  return el("li", { class: "heading" }, el("span", { class: "title" }, bidi(title || index.groups.id[group])),
    el("span", { class: "soft" }, `${solved} of ${size} solved`, index.files.length > 1 ? [" \u00b7 ", bidi(shortPath(index.files[index.groups.file[group]].path))] : null));
}

const shortPath = (path) => path.split("/").slice(-2).join("/");

function trajectoryRow(n) {
  const marks = marksOf(n);
  const glyphs = index.marks.flatMap((mark, bit) => (marks & (1 << bit) ? [el("span", { class: `glyph ${mark}`, title: WORDS[mark] }, GLYPHS[mark], el("span", { class: "unseen" }, ` ${mark} `))] : []));
  const flags = [index.flags[n] & TRUNCATED ? "cut" : "", index.flags[n] & SPLIT ? "disagreement" : ""].filter(Boolean);
  const title = $("grouped").checked ? index.agents[index.agent[n]] : index.groups.title[index.group[n]];
  return el("li", {}, el("a", { href: hashOf({ n }), "data-n": n },
    el("span", { class: "id" }, bidi(shortened(index.id[n], 120))), el("span", { class: "soft title" }, bidi(title)),
    el("span", { class: `outcome ${outcomeClass(n)}` }, outcomeText(n)),
    el("span", { class: "glyphs" }, glyphs, flags.map((flag) => el("span", { class: "flag" }, flag))),
    el("span", { class: "soft steps" }, `${index.steps[n]} ${index.steps[n] === 1 ? "step" : "steps"}`)));
}

function outcomeClass(n) {
  if (!(index.flags[n] & VALID) || index.outcome[n] === null) return "unknown";
  return index.outcome[n] > 0 ? "good" : "bad";
}

// Show a trajectory as the selected one, and bring its row into view.
function selectRow(n, focus) {
  list.selected = n;
  const row = list.place.get(n);
  if (row !== undefined) {
    const box = $("list");
    const top = row * ROW;
    const above = list.rows[row - 1] < 0 ? ROW : 0;
    if (top - above < box.scrollTop) box.scrollTop = top - above;
    else if (top + ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW - box.clientHeight;
  }
  drawRows();
  if (focus && row !== undefined) list.nodes.get(row)?.querySelector("a").focus({ preventScroll: true });
}

// The trajectory before or after the selected one.
function neighbour(by) {
  let row = selectedRow();
  if (row < 0 && by < 0) row = list.rows.length;
  do row += by;
  while (row >= 0 && row < list.rows.length && list.rows[row] < 0);
  return list.rows[row];
}

let searching = 0;

// What is named so at once, and what has it in its steps as it is found.
function search() {
  searching += 1;
  const mine = searching;
  const needle = $("search").value.trim();
  list.found = null;
  refilter();
  if (needle.length < 2) {
    $("progress").textContent = "";
    return;
  }
  list.found = new Set();
  $("progress").textContent = "Searching the steps\u2026";
  let drawn = -Infinity; // what is found first is shown first
  searchSteps(needle, (hits, share) => {
    if (mine !== searching) return;
    for (const hit of hits) list.found.add(hit);
    $("progress").textContent = share < 1 ? `Searching the steps\u2026 ${Math.floor(100 * share)} %` : "";
    if (share < 1 && (hits.length === 0 || performance.now() - drawn < 250)) return;
    drawn = performance.now();
    refilter();
  }, () => mine !== searching).catch((error) => { $("progress").textContent = `The steps cannot be searched: ${error.message}`; });
}

function option(value, text) {
  return el("option", { value }, text);
}

function fillFilters() {
  const named = (names) => names.map((name, at) => option(at, name));
  $("env").append(...named(index.envs));
  $("agent").append(...named(index.agents));
  $("verifier").append(...named(index.verifiers));
  const borne = index.id.reduce((all, _, n) => all | marksOf(n), 0);
  $("verdict").append(...index.marks.flatMap((mark, bit) => (borne & (1 << bit) ? [option(bit, WORDS[mark])] : [])));
  $("assigner").append(...named(index.credits.map((credit) => credit.name)));
  if (index.credits.length === 0) for (const id of ["assigner", "sign"]) $(id).closest("label").hidden = true;
  let due = 0;
  $("filters").addEventListener("change", refilter);
  $("search").addEventListener("input", () => {
    clearTimeout(due);
    due = setTimeout(search, 160);
  });
  $("reset").addEventListener("click", () => {
    for (const each of $("filters").querySelectorAll("select")) each.selectedIndex = 0;
    $("split").checked = false;
    $("search").value = "";
    search();
  });
  let asked = false;
  $("list").addEventListener("scroll", () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      drawRows();
    });
  }, { passive: true });
  new ResizeObserver(drawRows).observe($("list"));
}
