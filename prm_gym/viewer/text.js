"use strict";
// Elements and texts. Whatever came with the data becomes text nodes alone; nothing here writes markup.

const SVG = "http://www.w3.org/2000/svg";
const MINUS = "\u2212";
// Letters that are not seen or that turn the direction of what follows; joiners, which scripts and emoji need, are left alone.
const UNSEEN = /([\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}])/u;

function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "onclick") node.addEventListener("click", value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// A text as nodes: letters that would not be seen are named.
function said(text) {
  return text.replaceAll("\r\n", "\n").split(UNSEEN).filter((part) => part !== "").map((part) => {
    if (!UNSEEN.test(part)) return part;
    const code = `U+${part.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
    return el("span", { class: "unseen-letter", title: "a letter that is not seen" }, code);
  });
}

function bidi(text, className) {
  return el("bdi", { class: className }, said(text));
}

const LINES = 14;
const LETTERS = 1600;
const SLICE = 100_000;

// A long text, folded; lines that were not in the text before are marked.
function textBlock(text, { before = null, label = "text" } = {}) {
  const known = before === null ? null : counts(before.split("\n"));
  const box = el("div", { class: "text" });
  const pre = el("pre", { tabindex: 0, role: "region", "aria-label": label, dir: "auto" });
  const lines = text.split("\n");
  const long = lines.length > LINES + 2 || text.length > LETTERS + 200;
  let shown = 0;

  function show(length) {
    shown = length;
    const part = text.length <= length ? text : text.slice(0, length);
    pre.replaceChildren(...marked(part, known === null ? null : new Map(known)));
  }

  const folded = Math.min(LETTERS, lines.slice(0, LINES).join("\n").length);
  show(long ? folded : text.length);
  box.append(pre);
  if (long) {
    const button = el("button", { type: "button", class: "more", "aria-expanded": "false" });
    const name = () => {
      const open = shown > folded;
      const rest = text.length - shown;
      button.textContent = rest > 0 ? `Show ${rest <= SLICE || !open ? "all" : "more of"} ${text.length.toLocaleString("en")} characters` : "Show less";
      button.setAttribute("aria-expanded", String(open));
    };
    button.addEventListener("click", () => {
      show(shown >= text.length ? folded : Math.min(text.length, (shown > folded ? shown : 0) + SLICE));
      name();
    });
    name();
    box.append(button);
  }
  return box;
}

function counts(lines) {
  const found = new Map();
  for (const line of lines) found.set(line, (found.get(line) ?? 0) + 1);
  return found;
}

function marked(text, known) {
  if (known === null) return said(text);
  return text.split("\n").flatMap((line, place) => {
    const times = known.get(line) ?? 0;
    known.set(line, times - 1);
    const nodes = times > 0 || line === "" ? said(line) : [el("ins", {}, said(line))];
    return place === 0 ? nodes : ["\n", ...nodes];
  });
}

function number(value, digits = 3) {
  if (typeof value !== "number") return value === null ? "no finite number" : String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value).replace("-", MINUS);
  return (Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 10 ** -digits) ? value.toExponential(2) : value.toFixed(digits)).replace("-", MINUS);
}

// Of rewards and advantages, which are sums: what is left of 0.1 + 0.2 - 0.3 is nothing.
function signed(value) {
  if (typeof value === "number" && Math.abs(value) < 1e-12) return "0";
  const text = number(value);
  return value > 0 ? `+${text}` : text;
}

const DEPTH = 8;
const ROWS = 100;

// JSON for a person: objects as tables, lists of lists as tables, the rest as text.
function jsonView(value, depth = 0) {
  if (value === null) return el("span", { class: "soft" }, "none");
  if (typeof value !== "object") return el("span", { class: "value" }, said(typeof value === "number" ? number(value, 6) : String(value)));
  if (depth >= DEPTH) return el("span", { class: "value" }, said(JSON.stringify(value).slice(0, 2000)));
  return Array.isArray(value) ? listView(value, depth) : objectView(value, depth);
}

function listView(value, depth) {
  if (value.length === 0) return el("span", { class: "soft" }, "empty");
  const flat = (list) => list.every((each) => each === null || typeof each !== "object");
  const rest = value.length > ROWS ? el("p", { class: "soft" }, `and ${value.length - ROWS} more`) : null;
  const shown = value.slice(0, ROWS);
  if (flat(value)) {
    const short = value.every((each) => String(each).length < 40);
    return short ? el("span", { class: "value" }, said(shown.map((each) => (each === null ? "none" : String(each))).join(", ")), rest)
      : el("div", {}, el("ol", { start: 0 }, shown.map((each) => el("li", {}, said(String(each))))), rest);
  }
  return el("div", {}, el("ol", { start: 0 }, shown.map((each) => el("li", {}, jsonView(each, depth + 1)))), rest);
}

function objectView(value, depth) {
  const entries = Object.entries(value);
  if (entries.length === 0) return el("span", { class: "soft" }, "empty");
  const rows = entries.slice(0, ROWS).map(([key, each]) => el("tr", {}, el("th", { scope: "row" }, said(key)), el("td", {}, jsonView(each, depth + 1))));
  const rest = entries.length > ROWS ? el("p", { class: "soft" }, `and ${entries.length - ROWS} more`) : null;
  return el("div", {}, el("table", { class: "fields" }, el("tbody", {}, rows)), rest);
}

// A structure in which the premises hold and the conclusion does not: what exists, what the names mean, what is true; all else is false.
function counterModel(model) {
  const atom = ([predicate, ...values]) => (values.length ? `${predicate}(${values.join(", ")})` : String(predicate));
  const equation = (parts) => `${atom(parts.slice(0, -1))} = ${parts.at(-1)}`;
  const rows = [["exists", (model.domain ?? []).join(", ")]];
  for (const [sort, elements] of Object.entries(model.sorts ?? {})) rows.push([`sort ${sort}`, elements.join(", ")]);
  const constants = Object.entries(model.constants ?? {});
  if (constants.length) rows.push(["names", constants.map(([name, value]) => `${name} = ${value}`).join(", ")]);
  rows.push(["true", model.true.map(atom).join(", ") || "nothing"], ["false", "all other atoms"]);
  if (model.functions?.length) rows.push(["functions", model.functions.map(equation).join(", ")]);
  return el("table", { class: "fields model" }, el("caption", {}, "Counter-model: the premises hold in it, the conclusion does not"),
    el("tbody", {}, rows.map(([name, text]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, said(text))))));
}

function isModel(value) {
  const words = (list) => Array.isArray(list) && list.every((each) => each === null || typeof each !== "object"); // an object may have no text
  const lists = (list) => Array.isArray(list) && list.every((each) => words(each) && each.length > 0);
  const plainObject = (each) => each === undefined || (typeof each === "object" && each !== null && !Array.isArray(each));
  return typeof value === "object" && value !== null && words(value.domain) && lists(value.true) && plainObject(value.constants)
    && words(Object.values(value.constants ?? {}))
    && plainObject(value.sorts) && Object.values(value.sorts ?? {}).every(words) && (value.functions === undefined || lists(value.functions));
}
