// The graph of a group's attempts: states that several met in, steps coloured by their mean advantage. What is chosen lists its steps.

const [WIDE, HIGH] = [168, 48];
const MOST_LISTED = 200;

// From strongly negative by neutral to strongly positive, the colours of all pictures of credit.
function advantageColour(value, largest) {
  if (value === null) return "var(--soft)";
  const share = largest > 0 ? Math.min(1, Math.abs(value) / largest) : 0;
  const sign = value < 0 ? "negative" : "positive";
  const [from, to, part] = share < 0.5 ? ["neutral", `${sign}-soft`, 2 * share] : [`${sign}-soft`, sign, 2 * share - 1];
  return `color-mix(in oklab, var(--${to}) ${(100 * part).toFixed(1)}%, var(--${from}))`;
}

function meanText(value) {
  return value === null ? "none: taken out or not known" : signed(value);
}

function edgeName(edge, advantage) {
  return `${edge.action || "an empty action"}: taken ${edge.rows.length} times by ${edge.attempts} attempts, mean advantage ${meanText(advantage)}`;
}

function nodeName(node) {
  if (node.end) return `end with outcome ${node.outcome === null ? "not known" : number(node.outcome)}, ${node.attempts} attempts`;
  return `state of ${node.attempts} attempts, ${node.visits} visits${node.starts ? ", a beginning" : ""}${node.cut ? `, ${node.cut} cut here` : ""}: ${node.text}`;
}

function stepsTable(graph, edges, assigner) {
  const rows = edges.flatMap((edge) => edge.rows.map(([n, at]) => ({ edge, n, at })));
  const body = rows.slice(0, MOST_LISTED).map(({ edge, n, at }) => el("tr", {}, el("th", { scope: "row" }, el("a", { href: hashOf({ n, step: at }) }, bidi(index.id[n]), ` step ${at}`)),
    el("td", {}, bidi(edge.action)), el("td", {}, el("span", { class: `outcome ${outcomeClass(n)}` }, outcomeText(n)))));
  const means = edges.length === 1 ? index.credits.map(({ name }, each) => `${name} ${meanText(edges[0].advantages[each])}`).join(", ") : "";
  return [means ? el("p", {}, `Mean advantage: ${means}`) : null,
    el("table", { class: "listed" }, el("caption", {}, `${rows.length} ${rows.length === 1 ? "step" : "steps"}${rows.length > MOST_LISTED ? `, the first ${MOST_LISTED}` : ""}`), el("tbody", {}, body))];
}

function drawnEdge(graph, edge, place, assigner, largest, chosen) {
  const advantage = edge.advantages[assigner] ?? null;
  const points = edge.curve.map(place);
  const path = `M${points[0]}C${points.slice(1).join(" ")}`;
  const line = svg("path", { d: path, class: advantage === null ? "edge dropped" : "edge", "stroke-width": Math.min(1.4 * edge.rows.length ** 0.6, 14).toFixed(2) });
  line.style.stroke = advantageColour(advantage, largest);
  return svg("g", { class: "pick", tabindex: 0, role: "button", "aria-label": edgeName(edge, advantage), "data-source": edge.source, "data-target": edge.target, onclick: chosen },
    svg("title", {}, edgeName(edge, advantage)), svg("path", { d: path, class: "reach" }), line);
}

const ALONG = [0.56, 0.5, 0.62, 0.44, 0.68];
const MOST_LABELS = 80;

// The actions, near the middle of their edges, where they cover no other one and no state; frequent ones first.
function labels(edges, nodes, place) {
  const taken = nodes.map((node) => [...place([node.x, node.y]), 20, 13]);
  const free = ([x, y, width, height]) => taken.every(([u, v, wide, high]) => Math.abs(x - u) > (width + wide) / 2 + 8 || Math.abs(y - v) > (height + high) / 2 + 2);
  const often = [...edges].sort((a, b) => b.rows.length - a.rows.length).slice(0, MOST_LABELS);
  return often.flatMap((edge) => {
    const text = shortened(edge.action, 22);
    const [a, b, c, d] = edge.curve.map(place);
    for (const t of ALONG) {
      const [x, y] = [0, 1].map((axis) => (1 - t) ** 3 * a[axis] + 3 * (1 - t) ** 2 * t * b[axis] + 3 * (1 - t) * t ** 2 * c[axis] + t ** 3 * d[axis]);
      const box = [x, y, 5.6 * text.length, 12];
      if (!free(box)) continue;
      taken.push(box);
      return [svg("text", { x, y, class: "action-label" }, text)];
    }
    return [];
  });
}

function drawnNode(node, [x, y], chosen) {
  const merged = !node.end && node.attempts > 1;
  const parts = node.end
    ? [svg("rect", { x: x - 17, y: y - 10, width: 34, height: 20, rx: 3, class: node.outcome > 0 ? "end good" : "end" }),
      svg("text", { x, y, class: node.outcome > 0 ? "on-dark" : "" }, node.outcome === null ? "?" : number(node.outcome, 2))]
    : [node.starts ? svg("circle", { cx: x, cy: y, r: 15, class: "start" }) : null, svg("circle", { cx: x, cy: y, r: merged ? 11 : 9, class: merged ? "state merged" : "state" }),
      svg("text", { x, y, class: merged ? "on-dark" : "" }, String(node.attempts))];
  return svg("g", { class: "pick", tabindex: 0, role: "button", "aria-label": nodeName(node), "data-node": node.number, onclick: chosen }, svg("title", {}, nodeName(node)), ...parts,
    node.cut ? svg("text", { x, y: y + 22, class: "fine" }, `cut \u00d7${node.cut}`) : null);
}

async function graphView(n) {
  const group = index.group[n];
  const graph = await graphOf(group);
  if (graph.reason) return el("p", { class: "soft" }, `There is no graph of this task: ${graph.reason}.`);
  const panel = el("div", { class: "chosen", role: "status" });
  const box = el("div", { class: "graph" });
  const heights = graph.nodes.map((node) => node.y);
  const [top, bottom] = [Math.min(...heights) - 1, Math.max(...heights) + 1];
  const columns = 1 + Math.max(...graph.nodes.map((node) => node.x));
  const place = ([x, y]) => [+(40 + x * WIDE).toFixed(1), +((y - top) * HIGH).toFixed(1)];

  function choose(target, edges, title) {
    for (const each of box.querySelectorAll(".pick")) each.classList.toggle("quiet", each !== target && !edges.some((edge) => each.dataset.source === String(edge.source) && each.dataset.target === String(edge.target)));
    target.setAttribute("aria-pressed", "true");
    for (const each of box.querySelectorAll("[aria-pressed]")) if (each !== target) each.removeAttribute("aria-pressed");
    panel.replaceChildren(el("h3", { dir: "auto" }, said(title)), ...stepsTable(graph, edges).filter(Boolean));
  }

  function draw(assigner) {
    const largest = largestOf(graph.edges.map((edge) => edge.advantages[assigner] ?? null));
    const [width, height] = [80 + (columns - 1) * WIDE, (bottom - top) * HIGH];
    const edges = graph.edges.map((edge) => drawnEdge(graph, edge, place, assigner, largest, (event) => choose(event.currentTarget, [edge], edge.action || "an empty action")));
    const nodes = graph.nodes.map((node) => drawnNode(node, place([node.x, node.y]), (event) => {
      const touching = graph.edges.filter((edge) => (node.end ? edge.target : edge.source) === node.number);
      choose(event.currentTarget, touching, node.end ? nodeName(node) : `Steps taken in this state: ${node.text}`);
    }));
    const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": "States and steps of the attempts at this task", class: "step-graph" }, ...edges, ...nodes, ...labels(graph.edges, graph.nodes, place));
    drawing.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.target.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    });
    const merged = graph.nodes.filter((node) => !node.end && node.attempts > 1).length;
    panel.replaceChildren(el("p", { class: "soft" }, "Choose a state or a step to list where it occurs."));
    box.replaceChildren(
      el("p", { class: "soft" }, `${graph.nodes.filter((node) => !node.end).length} states, ${merged} of them of several attempts (dark, with how many); ${graph.edges.length} different steps, as wide as they are frequent. ${graph.left_out}`),
      assignerChoice(assigner, draw), scale(largest),
      el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Graph of steps" }, drawing), panel);
  }

  draw(0);
  return box;
}

function scale(largest) {
  const shares = [-1, -0.5, 0, 0.5, 1];
  return el("p", { class: "scale" }, "mean advantage ", shares.map((share) => {
    const swatch = svg("svg", { class: "swatch", viewBox: "0 0 22 10", "aria-hidden": "true" }, svg("rect", { width: 22, height: 10 }));
    swatch.style.fill = advantageColour(share, 1);
    return el("span", {}, swatch, signed(share * largest), " ");
  }));
}
