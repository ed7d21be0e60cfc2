// One trajectory: a table of its steps with verdicts, rewards and advantages above, and every step below.

const FIRST_STEPS = 60;
const MOST_COLUMNS = 400;
const FIRST_VERDICTS = 30;
const FIRST_VERIFIERS = 30;

// Advantage as a bar from the middle, and its number; what is not known is said in words.
function bar(value, largest, reason) {
  if (value === null || value === undefined) return el("span", { class: "bar-cell soft", title: reason }, el("span", { class: "none" }, value === null ? "taken out" : "cannot tell"));
  const share = largest > 0 ? Math.abs(value) / largest : 0;
  const box = svg("svg", { class: "bar", viewBox: "0 0 80 10", "aria-hidden": "true" },
    svg("line", { x1: 40, x2: 40, y1: 0, y2: 10, class: "zero" }),
    svg("rect", { x: value < 0 ? 40 - 40 * share : 40, y: 2, width: Math.max(40 * share, value === 0 ? 0 : 0.8), height: 6, class: value < 0 ? "negative" : "positive" }));
  return el("span", { class: "bar-cell" }, box, el("span", { class: "number" }, signed(value)));
}

// Why an assigner says nothing of a trajectory's steps.
function creditReason(n, assigner) {
  const { name, reasons } = index.credits[assigner];
  const path = index.files[index.groups.file[index.group[n]]].path;
  if (reasons[path]) return reasons[path];
  if (!(index.flags[n] & VALID)) return "the infrastructure spoilt this episode, so it trains nobody";
  return `${name} assigns nothing to it: it has no steps, or a reward or outcome that is none`;
}

function largestOf(values) {
  return (values ?? []).reduce((most, value) => (value === null ? most : Math.max(most, Math.abs(value))), 0);
}

// What is made of items, put into a box so many at a time: a page that draws thousands of them at once stands still. Returns the box, with a button for more.
function inParts(box, items, most, words, make) {
  const button = el("button", { type: "button", class: "more" });
  let there = 0;

  function next() {
    const from = there;
    there = Math.min(items.length, from + most);
    box.append(...items.slice(from, there).map((item, at) => make(item, from + at)));
    button.hidden = there === items.length;
    button.textContent = `Show ${Math.min(most, items.length - there)} more of ${items.length} ${words}`;
  }

  button.addEventListener("click", next);
  next();
  return { box, button: items.length > most ? button : null };
}

function glyphOf(verdict) {
  return verdict.label ?? (verdict.status === "ok" ? "unlabelled" : verdict.status);
}

function strip(shown, n) {
  const steps = shown.steps.slice(0, MOST_COLUMNS);
  const of = steps.map((step) => new Map((step.verdicts ?? []).map((verdict) => [verdict.by, verdict])));
  const by = [...new Set(of.flatMap((verdicts) => [...verdicts.keys()]))];
  const judged = inParts(el("tbody", {}), by, FIRST_VERIFIERS, "verifiers", (verifier) => el("tr", {}, el("th", { scope: "row" }, bidi(shown.texts[verifier])), of.map((verdicts) => {
    const verdict = verdicts.get(verifier);
    const mark = verdict && glyphOf(verdict);
    return el("td", {}, verdict ? el("span", { class: `glyph ${mark}`, title: WORDS[mark] }, GLYPHS[mark], el("span", { class: "unseen" }, mark)) : el("span", { class: "soft", title: "no verdict" }, "-"));
  })));
  const rows = [
    el("tr", {}, el("th", { scope: "row" }, "reward"), steps.map((step) => el("td", { class: "number" }, signed(step.reward)))),
    ...index.credits.map(({ name }, assigner) => {
      const values = shown.advantages[assigner];
      const largest = largestOf(values);
      const reason = values ? "the assigner takes the step out, or counts it once elsewhere" : creditReason(n, assigner);
      return el("tr", {}, el("th", { scope: "row" }, bidi(name)), steps.map((_, at) => el("td", {}, bar(values ? values[at] : undefined, largest, reason))));
    }),
  ];
  const head = el("tr", {}, el("th", { scope: "col" }, "step"), steps.map((step, at) => el("th", { scope: "col" }, el("a", { href: hashOf({ n, step: at }), "data-step": at }, String(step.index)))));
  const left = shown.steps.length - steps.length;
  const table = el("table", { class: "strip" }, el("caption", {}, `Verdicts, rewards and advantages${left ? `; the first ${MOST_COLUMNS} of ${shown.steps.length} steps` : ""}`), el("thead", {}, head), judged.box, el("tbody", {}, rows));
  return el("div", {}, el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Steps at a glance" }, table), judged.button);
}

function verdictView(verdict, texts) {
  const mark = glyphOf(verdict);
  const score = verdict.score === undefined ? el("span", { class: "soft" }, "cannot tell") : el("span", { class: "number" }, `P(right) ${number(verdict.score)}`);
  const seconds = `${number(1000 * verdict.seconds, 2)} ms${verdict.queued ? `, ${number(1000 * verdict.queued, 2)} ms queued` : ""}`;
  const { counterexample, ...rest } = verdict.evidence ?? {};
  const model = isModel(counterexample);
  const evidence = model ? rest : verdict.evidence ?? {};
  return el("li", { class: "verdict" },
    el("p", {}, el("span", { class: `glyph ${mark}`, "aria-hidden": "true" }, GLYPHS[mark]), el("strong", {}, bidi(texts[verdict.by])), " ",
      el("span", { class: `label ${mark}` }, verdict.label ?? (verdict.status === "ok" ? "no label" : verdict.status)), " ", score),
    texts[verdict.reason] ? el("p", { class: "reason", dir: "auto" }, said(texts[verdict.reason])) : null,
    model ? counterModel(counterexample) : null,
    Object.keys(evidence).length ? el("details", { open: JSON.stringify(evidence).length < 400 }, el("summary", {}, "Evidence"), jsonView(evidence)) : null,
    el("p", { class: "soft fine" }, `${verdict.status}${texts[verdict.version] ? `, version ${texts[verdict.version]}` : ""}, ${seconds}`));
}

function verdictsView(verdicts, texts) {
  if (verdicts.length === 0) return el("p", { class: "soft" }, "No verifier judged this step.");
  const { box, button } = inParts(el("ul", { class: "verdicts" }), verdicts, FIRST_VERDICTS, "verdicts", (verdict) => verdictView(verdict, texts));
  return el("div", {}, box, button);
}

function picture(image, after) {
  if (!image) return null;
  if (image.reason) return el("p", { class: "soft" }, `Not shown: ${image.reason}.`);
  const alt = after ? `The page after the step: ${after.split("\n").slice(0, 3).join(", ").slice(0, 200)}` : "The page after the step";
  return el("figure", {}, el("img", { src: `data:image/${image.kind};base64,${image.data}`, alt, loading: "lazy" }), el("figcaption", { class: "soft" }, "The page after the step"));
}

function creditTable(shown, n, at) {
  if (index.credits.length === 0) return null;
  return el("table", { class: "fields credit" }, el("caption", {}, "Advantage"), el("tbody", {}, index.credits.map(({ name }, assigner) => {
    const values = shown.advantages[assigner];
    const reason = values ? (values[at] === null ? "the assigner takes the step out, or counts it once elsewhere" : "") : creditReason(n, assigner);
    return el("tr", {}, el("th", { scope: "row" }, bidi(name)), el("td", {}, bar(values ? values[at] : undefined, largestOf(values), reason), reason ? el("span", { class: "soft fine" }, `: ${reason}`) : null));
  })));
}

function stepView(shown, n, at) {
  const step = shown.steps[at];
  const { texts } = shown;
  const before = at > 0 ? texts[shown.steps[at - 1].observation] : null;
  const facts = [
    `state ${step.state}`, step.next === step.state ? "the state stays" : `to ${step.next}`, step.terminated ? "the task ends here" : "", step.truncated ? "cut here" : "",
    step.logprob === undefined ? "" : `log-probability ${number(step.logprob)}`, step.tokens === undefined ? "" : `${step.tokens} tokens`,
    step.policy === undefined ? "" : `weights ${step.policy}`, step.parent ? `branches from ${step.parent}` : "",
  ].filter(Boolean);
  const left = el("div", { class: "said" },
    el("h4", {}, "Observation"), textBlock(texts[step.observation], { before, label: `Observation of step ${step.index}` }),
    el("h4", {}, "Action"), textBlock(texts[step.action], { label: `Action of step ${step.index}` }),
    picture(step.image, step.after === undefined ? "" : texts[step.after]));
  const right = el("div", { class: "judged" },
    el("h4", {}, "Verdicts"), verdictsView(step.verdicts ?? [], texts),
    creditTable(shown, n, at),
    step.claims && more(`Claims (${step.claims.length})`, () => jsonView(step.claims.length === 1 ? step.claims[0] : step.claims)),
    step.actions && more(`Admissible actions (${step.actions.length})`, () => el("ol", {}, step.actions.slice(0, 500).map((action) => el("li", {}, bidi(texts[action]))))));
  return el("article", { class: "step", id: `step-${at}`, tabindex: -1, "aria-labelledby": `step-${at}-name` },
    el("header", {}, el("h3", { id: `step-${at}-name` }, el("a", { href: hashOf({ n, step: at }) }, `Step ${step.index}`)),
      el("span", { class: "reward" }, `reward ${signed(step.reward)}`), el("span", { class: "soft fine", dir: "auto" }, said(facts.join(" \u00b7 ")))),
    el("div", { class: "columns" }, left, right));
}

// Something that is made when it is opened.
function more(name, make) {
  const box = el("details", {}, el("summary", {}, name));
  box.addEventListener("toggle", () => box.childElementCount === 1 && box.append(make()), { once: true });
  return box;
}

function facts(shown, n) {
  const group = index.group[n];
  const file = index.files[index.groups.file[group]].path;
  const pairs = [
    ["Outcome", outcomeText(n) + (index.flags[n] & VALID ? "" : ": the infrastructure failed, and the episode trains nobody")],
    ["Reward", signed(index.reward[n])], ["Ended", index.flags[n] & TRUNCATED ? "cut" : "finished"],
    ["Environment", index.envs[index.env[n]]], ["Agent", index.agents[index.agent[n]]], ["Seed", shown.seed ?? "none"],
  ];
  const rest = [["Task", shown.task], ["Written by", shown.version ? `prm_gym ${shown.version}` : "not said"], ["Stored in", `${file}, line ${index.line[n]}`]];
  const listed = (each) => el("dl", { class: "facts" }, each.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, bidi(value)))));
  const instructions = shown.texts[shown.instructions];
  return el("div", {}, listed(pairs), more("Task, options and file", () => el("div", {}, listed(rest),
    jsonView({ options: shown.options, metadata: shown.metadata }), el("h4", {}, "Question"), textBlock(shown.texts[shown.question], { label: "Question" }),
    instructions ? [el("h4", {}, "Instructions"), textBlock(instructions, { label: "Instructions" })] : null)));
}

function stepsView(shown, n) {
  const box = el("div", { class: "steps" });
  const button = el("button", { type: "button", class: "more" });
  let there = 0;

  function upTo(count) {
    const last = Math.min(shown.steps.length, count);
    for (; there < last; there += 1) button.before(stepView(shown, n, there));
    button.hidden = there === shown.steps.length;
    button.textContent = `Show more: ${there} of ${shown.steps.length} steps are here`;
  }

  button.addEventListener("click", () => upTo(there + FIRST_STEPS));
  box.append(button);
  upTo(FIRST_STEPS);
  if (shown.steps.length === 0) box.append(el("p", { class: "soft" }, "The trajectory has no steps."));
  if (shown.final !== null) box.append(el("article", { class: "step" }, el("header", {}, el("h3", {}, "Cut here, before")), textBlock(shown.texts[shown.final], { label: "Observation after the last step" })));
  const view = el("div", {}, facts(shown, n), shown.steps.length ? strip(shown, n) : null, box);
  view.upTo = upTo;
  return view;
}
