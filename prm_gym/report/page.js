// Sorts tables by their headers and shows the values under the pointer. The page says everything without it.
"use strict";

function sortValue(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
}

function compare(a, b) {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

// A missing number has no data-value and its text is "-": it stays last whichever way the column is sorted.
function sortBy(table, heading) {
  const column = heading.cellIndex;
  const number = heading.classList.contains("number");
  const previous = heading.getAttribute("aria-sort");
  const descending = previous ? previous === "ascending" : number;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const missing = (row) => number && row.cells[column].dataset.value === undefined;
  const rows = [...body.rows].sort((a, b) => {
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    const order = compare(sortValue(a, column), sortValue(b, column));
    return descending ? -order : order;
  });
  body.append(...rows);
}

for (const heading of document.querySelectorAll("th[data-sort]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...heading.childNodes);
  button.addEventListener("click", () => sortBy(heading.closest("table"), heading));
  heading.append(button);
}

function svgElement(name, className, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  made.setAttribute("class", className);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function textElement(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

// Marks with the same data-column are read together: a column is one evaluation, or one difficulty bin.
function columnsOf(svg) {
  const columns = new Map();
  for (const mark of svg.querySelectorAll("[data-column]")) {
    const { column } = mark.dataset;
    if (!columns.has(column)) columns.set(column, { name: column, marks: [] });
    columns.get(column).marks.push(mark);
    mark.querySelector("title")?.remove();
  }
  for (const column of columns.values()) {
    column.x = column.marks.reduce((sum, mark) => sum + Number(mark.dataset.x), 0) / column.marks.length;
  }
  return [...columns.values()].sort((a, b) => a.x - b.x);
}

function readout(column) {
  const box = textElement("div", "", "readout");
  box.append(textElement("p", column.name));
  const rows = document.createElement("div");
  for (const mark of [...column.marks].sort((a, b) => a.dataset.y - b.dataset.y)) {
    rows.append(textElement("i", "", `series-${mark.dataset.series}`), textElement("b", mark.dataset.name), textElement("span", mark.dataset.value));
  }
  box.append(rows);
  return box;
}

function watch(svg) {
  const columns = columnsOf(svg);
  if (columns.length === 0) return;
  const figure = svg.closest("figure");
  const overlay = svgElement("g", "overlay", {});
  svg.append(overlay);
  let shown = -1;
  let box = null;

  function hide() {
    shown = -1;
    overlay.replaceChildren();
    box?.remove();
  }

  function show(index) {
    if (index === shown) return;
    hide();
    shown = index;
    const column = columns[index];
    const { x, y, width } = svg.getBoundingClientRect();
    const scale = width / svg.viewBox.baseVal.width;
    const [top, bottom] = [Number(svg.dataset.top), Number(svg.dataset.bottom)];
    overlay.append(svgElement("line", "crosshair", { x1: column.x, x2: column.x, y1: top, y2: bottom }));
    for (const mark of column.marks) overlay.append(svgElement("circle", "halo", { cx: mark.dataset.x, cy: mark.dataset.y, r: 5.5 }));
    box = readout(column);
    box.setAttribute("role", "status");
    figure.append(box);
    const frame = figure.getBoundingClientRect();
    const at = x - frame.x + column.x * scale;
    const right = at + 14 + box.offsetWidth <= frame.width;
    const left = right ? at + 14 : Math.max(0, at - 14 - box.offsetWidth);
    box.style.left = `${left}px`;
    // Away from the marks: low when they are high, and the other way round.
    const middle = (top + bottom) / 2;
    const high = column.marks.reduce((sum, mark) => sum + Number(mark.dataset.y), 0) / column.marks.length < middle;
    const edge = y - frame.y + (high ? bottom : top) * scale;
    box.style.top = `${high ? edge - box.offsetHeight - 6 : edge + 6}px`;
  }

  function point(event) {
    const { x, width } = svg.getBoundingClientRect();
    const at = ((event.clientX - x) / width) * svg.viewBox.baseVal.width;
    const distances = columns.map((column) => Math.abs(column.x - at));
    show(distances.indexOf(Math.min(...distances)));
  }

  svg.addEventListener("pointermove", point);
  svg.addEventListener("pointerdown", point);
  svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hide());
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") hide();
    if (step === undefined) return;
    event.preventDefault();
    show(Math.min(columns.length - 1, Math.max(0, shown === -1 && step < 0 ? columns.length - 1 : shown + step)));
  });
  svg.setAttribute("tabindex", "0");
}

for (const svg of document.querySelectorAll("svg.curves, svg.bins")) watch(svg);

// Where the clipboard is closed to the page (an old browser, a page that was not opened from a file or over https), the text is selected for the reader.
async function copy(pre, button) {
  const text = pre.querySelector("code").textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(pre.querySelector("code"));
    button.textContent = "Selected: press Ctrl+C";
  }
  setTimeout(() => (button.textContent = button.dataset.said), 2000);
}

for (const pre of document.querySelectorAll("pre[data-copy]")) {
  const button = textElement("button", `Copy the ${pre.dataset.copy}`, "copy");
  button.type = "button";
  button.dataset.said = button.textContent;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", () => copy(pre, button));
  pre.after(button);
}
