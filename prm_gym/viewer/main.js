// Where the reader is, and what keys do. The address says it: #TRAJECTORY/STEP/VIEW.

let index;
const keys = []; // of the trajectories: their ids, told apart where two files have the same
const numbers = new Map();
const now = { n: -1, step: null, view: "steps", shown: null };
const VIEWS = { steps: "Steps", attempts: "Attempts", graph: "Graph" };

function hashOf({ n, step = null, view = "steps" }) {
  return `#${encodeURIComponent(keys[n])}${step === null && view === "steps" ? "" : `/${step ?? ""}`}${view === "steps" ? "" : `/${view}`}`;
}

function parsedHash() {
  const [key, step, view] = location.hash.slice(1).split("/");
  try {
    const n = numbers.get(decodeURIComponent(key ?? ""));
    return n === undefined ? null : { n, step: /^\d{1,7}$/.test(step ?? "") ? Number(step) : null, view: Object.hasOwn(VIEWS, view ?? "") ? view : "steps" };
  } catch {
    return null; // no encoding of anything
  }
}

function nameAll() {
  const times = new Map(); // of an id, so that ten thousand that are equal are told apart at once
  for (const [n, id] of index.id.entries()) {
    let [key, again] = [id, times.get(id) ?? 2];
    while (numbers.has(key)) key = `${id}~${again++}`;
    times.set(id, again);
    keys.push(key);
    numbers.set(key, n);
  }
}

let showing = 0;

// Show what the address says.
async function route(focus = false) {
  const wanted = parsedHash();
  if (!wanted) {
    const gone = location.hash.length > 1;
    if (gone) $("view").replaceChildren(el("p", { class: "soft" }, "No trajectory has this address. Choose one from the list."));
    return;
  }
  const same = wanted.n === now.n && wanted.view === now.view && now.shown;
  Object.assign(now, wanted);
  if (!same) {
    showing += 1;
    const mine = showing;
    now.shown = null;
    selectRow(wanted.n, focus);
    $("view").setAttribute("aria-busy", "true");
    const body = await viewOf(wanted).catch((error) => el("p", { role: "alert" }, `This cannot be shown: ${error.message}`));
    if (mine !== showing) return;
    now.shown = body;
    $("view").replaceChildren(heading(wanted), body);
    $("view").removeAttribute("aria-busy");
    $("view").scrollTop = 0;
    document.title = `${index.id[wanted.n]} - trajectories`;
  }
  reveal(now.step, same);
}

async function viewOf({ n, view }) {
  if (view === "attempts") return attemptsView(n);
  if (view === "graph") return graphView(n);
  return stepsView(await trajectoryOf(n), n);
}

function heading({ n, view }) {
  const links = Object.entries(VIEWS).map(([name, words]) => el("a", { href: hashOf({ n, view: name }), "aria-current": name === view ? "page" : null }, words));
  return el("header", { class: "shown" }, el("h2", { id: "shown-name", dir: "auto" }, said(index.id[n])),
    el("p", { class: "question", dir: "auto" }, said(index.groups.title[index.group[n]])), el("nav", { "aria-label": "Views" }, links));
}

// Bring a step to the top, and mark it.
function reveal(step, focus) {
  for (const each of document.querySelectorAll(".step.current")) each.classList.remove("current");
  if (step === null || !now.shown?.upTo) return;
  now.shown.upTo(step + 1);
  const there = $(`step-${step}`);
  if (!there) return;
  there.classList.add("current");
  there.scrollIntoView({ block: "start" });
  if (focus) there.focus({ preventScroll: true });
}

// Go somewhere with a key: the address changes, and "back" leaves it all in one step.
function go(place, focus) {
  history.replaceState(null, "", hashOf(place));
  route(focus);
}

function moveTrajectory(by, focus) {
  const n = neighbour(by);
  if (n !== undefined) go({ n, view: now.view }, focus);
}

function moveStep(by) {
  if (now.n < 0 || now.view !== "steps") return;
  const last = index.steps[now.n] - 1;
  const step = now.step === null ? (by > 0 ? 0 : last) : Math.min(last, Math.max(0, now.step + by));
  if (last >= 0) go({ n: now.n, step }, false);
}

const HELP = [
  ["j, k", "next, previous trajectory"], ["\u2191 \u2193 in the list", "likewise"], ["\u2192 \u2190, or n, p", "next, previous step"], ["s, a, g", "steps, attempts, graph"],
  ["/", "search"], ["d", "light or dark"], ["Esc", "clear and leave the search, close this"], ["?", "this help"],
];

const DOES = {
  j: () => moveTrajectory(1, false), k: () => moveTrajectory(-1, false), n: () => moveStep(1), p: () => moveStep(-1), ArrowRight: () => moveStep(1), ArrowLeft: () => moveStep(-1),
  s: () => now.n >= 0 && go({ n: now.n, view: "steps" }), a: () => now.n >= 0 && go({ n: now.n, view: "attempts" }), g: () => now.n >= 0 && go({ n: now.n, view: "graph" }),
  d: switchTheme, "/": () => $("search").focus(), "?": () => $("help").showModal(),
};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  const { target, key } = event;
  if (key === "Escape") $("troubles")?.removeAttribute("open");
  if (key === "Escape" && target.matches("input, select")) target.blur();
  if (target.matches("input, select, textarea")) return;
  const inList = $("list").contains(target);
  if (inList && (key === "ArrowDown" || key === "ArrowUp")) {
    event.preventDefault();
    moveTrajectory(key === "ArrowDown" ? 1 : -1, true);
    return;
  }
  const scrolls = target.matches(".scroll, pre") && key.startsWith("Arrow");
  if (!Object.hasOwn(DOES, key) || scrolls) return;
  event.preventDefault();
  DOES[key]();
}

const THEMES = ["", "light", "dark"];

function applyTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  $("theme").textContent = { "": "Theme: system", light: "Theme: light", dark: "Theme: dark" }[theme];
}

function switchTheme() {
  const theme = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme ?? "") + 1) % THEMES.length];
  applyTheme(theme);
  try {
    localStorage.setItem("prm-gym-theme", theme);
  } catch { /* a page from a file may have no storage */ }
}

function rememberedTheme() {
  try {
    const theme = localStorage.getItem("prm-gym-theme");
    return THEMES.includes(theme) ? theme : "";
  } catch {
    return "";
  }
}

// A file that grows while it is looked at.
function watchFiles() {
  const timer = setInterval(async () => {
    const changed = await asked(`changes?reading=${index.reading}`).catch(() => null);
    if (changed === null) clearInterval(timer);
    $("changed").textContent = changed === null ? "The server has ended; what is not unpacked yet cannot be shown." : changed.changed ? "The files have changed: reload the page to read them again." : "";
  }, 5000);
}

// Hover, right-click and rows use real links; only the address counts.
async function begin() {
  $("help-keys").append(...HELP.map(([key, words]) => el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, words))));
  applyTheme(rememberedTheme());
  index = document.body.dataset.server ? await asked("index") : await unpacked($("index").textContent);
  nameAll();
  fillFilters();
  refilter();
  document.body.dataset.ready = "list";
  $("theme").addEventListener("click", switchTheme);
  $("help-button").addEventListener("click", () => $("help").showModal());
  $("help-close").addEventListener("click", () => $("help").close());
  document.addEventListener("keydown", pressed);
  addEventListener("hashchange", () => route());
  if (index.server) watchFiles();
  await route();
}

begin().catch((error) => {
  $("view").replaceChildren(el("p", { role: "alert" }, `The page cannot be shown: ${error.message}. It needs a browser from 2023 or later.`));
});
