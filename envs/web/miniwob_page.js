/* What a page of MiniWoB is given before its own scripts run: a clock that moves with the steps alone, names for what has no text, and the way to begin an episode.
 *
 * It runs in the page's own world, where the tasks keep their reward.
 */
(() => {
  "use strict";
  if (window.prmGym) return;
  const START = Date.UTC(2017, 0, 2, 9); // after all dates that the tasks ask for
  const MOST_CALLS = 20000; // of timers, in one step
  const RealDate = Date;
  let now = START, count = 0, began = false;
  const timers = new Map();

  // Timers and dates. Nothing runs but in `advance`.
  const later = (call, wait, args, every) => {
    count += 1;
    if (typeof call === "function") timers.set(count, { at: now + Math.max(every ? 1 : 0, Number(wait) || 0), call, args, every });
    return count;
  };
  const drop = (id) => void timers.delete(Number(id));
  window.setTimeout = (call, wait, ...args) => later(call, wait, args, 0);
  window.setInterval = (call, wait, ...args) => later(call, wait, args, Math.max(1, Number(wait) || 0));
  window.clearTimeout = window.clearInterval = window.cancelAnimationFrame = drop;
  window.requestAnimationFrame = (call) => later(() => call(now - START), 16, [], 0);
  window.Date = new Proxy(RealDate, {
    construct: (target, args, made) => Reflect.construct(target, args.length ? args : [now], made === window.Date ? target : made),
    apply: () => new RealDate(now).toString(),
    get: (target, name) => (name === "now" ? () => now : Reflect.get(target, name)),
  });
  RealDate.prototype.constructor = window.Date;
  performance.now = () => now - START;
  const advance = (ms) => {
    const end = now + ms;
    let ran = 0;
    for (; ran < MOST_CALLS; ran++) {
      let next = null;
      for (const [id, timer] of timers) if (timer.at <= end && (next === null || timer.at < next[1].at)) next = [id, timer];
      if (next === null) break;
      const [id, timer] = next;
      now = Math.max(now, timer.at);
      if (timer.every) timer.at += timer.every;
      else timers.delete(id);
      try {
        timer.call.apply(window, timer.args);
      } catch (error) {
        console.error(error);
      }
    }
    now = end;
    return ran;
  };

  // What listens to the pointer is marked, so that it can be told from what does not.
  const POINTER = new Set(["click", "dblclick", "mousedown", "mouseup", "pointerdown", "mouseenter", "mouseover", "dragstart"]);
  const listen = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (type, ...rest) {
    if (POINTER.has(type) && this instanceof Element && this !== document.body && this !== document.documentElement) this.setAttribute("data-listens", "");
    return listen.call(this, type, ...rest);
  };
  // One that holds little else is pointed at by itself, and not what it lies in.
  const POINTED = "[data-listens]:not(svg, g):not(:has(* *)):not(:has(button, input, select, textarea, [href], [data-listens]))";
  const STYLE =
    "#reward-display, #sync-task-cover, #click-canvas { display: none !important }" +
    "* { transition: none !important; animation: none !important; caret-color: transparent !important }" +
    "[data-holds] { cursor: auto !important }" +
    "[data-pointed], .ui-sortable-handle, #area svg :is(circle, ellipse, rect, polygon, path, line, text) { cursor: pointer !important }";

  // How that looks which has no text.
  const SHAPES = "#area svg :is(circle, ellipse, rect, polygon, path, line, text)";
  const NAMELESS = "button, a, [role=button], [tabindex], .ui-sortable-handle, [data-pointed]";
  const COLOURS = {
    "0,0,0": "black", "255,255,255": "white", "255,0,0": "red", "0,128,0": "green", "0,255,0": "lime", "0,0,255": "blue", "255,255,0": "yellow",
    "0,255,255": "cyan", "255,0,255": "magenta", "128,128,128": "gray", "128,0,128": "purple", "255,165,0": "orange", "255,192,203": "pink", "128,128,0": "olive",
    "165,42,42": "brown", "0,0,128": "navy", "0,128,128": "teal", "128,0,0": "maroon",
  };
  const colour = (text) => {
    const parts = text.match(/[\d.]+/g) ?? [];
    if (parts.length < 3 || parts[3] === "0") return "";
    const key = parts.slice(0, 3).join(",");
    return COLOURS[key] ?? `rgb(${key})`;
  };
  const place = (box) => `${Math.round(box.width)} x ${Math.round(box.height)} at ${Math.round(box.left + box.width / 2)}, ${Math.round(box.top + box.height / 2)}`;
  const shape = (node) => {
    const style = getComputedStyle(node), text = node.localName === "text" ? JSON.stringify(node.textContent.trim()) : node.localName;
    return [colour(style.fill) || colour(style.stroke), text, place(node.getBoundingClientRect())].filter(Boolean).join(" ");
  };
  const thing = (node) => {
    const words = (node.getAttribute("class") ?? "").split(/\s+/).filter((word) => word && !/^ui-(state|corner|widget|button)/.test(word));
    const seen = colour(getComputedStyle(node).backgroundColor);
    return [words.join(" ") || node.id, seen && `${seen} ${place(node.getBoundingClientRect())}`].filter(Boolean).join(" ") || node.localName;
  };
  const look = () => {
    const label = (node, text) => {
      if (node.getAttribute("aria-label") === text) return;
      node.setAttribute("aria-label", text);
      node.setAttribute("data-looks", "");
    };
    for (const node of document.querySelectorAll("[data-pointed]")) if (!node.matches(POINTED)) node.removeAttribute("data-pointed");
    for (const node of document.querySelectorAll(POINTED)) {
      if (node.hasAttribute("data-pointed")) continue;
      node.setAttribute("data-pointed", "");
      if (node.parentElement !== document.body) node.parentElement.setAttribute("data-holds", "");
    }
    for (const node of document.querySelectorAll(SHAPES)) label(node, shape(node));
    for (const node of document.querySelectorAll(NAMELESS)) {
      if (node.closest("svg") || /^(input|textarea|select)$/.test(node.localName) || node.querySelector("img[alt]")) continue;
      const said = node.textContent.trim() || node.title || (node.hasAttribute("aria-label") && !node.hasAttribute("data-looks"));
      if (!said) label(node, thing(node));
      else if (node.hasAttribute("data-looks")) {
        node.removeAttribute("aria-label");
        node.removeAttribute("data-looks");
      }
    }
  };

  const told = (ms) => {
    const ran = began && !window.WOB_DONE_GLOBAL ? advance(ms) : 0;
    look();
    return [ran, [began, Boolean(window.WOB_DONE_GLOBAL), Number(window.WOB_RAW_REWARD_GLOBAL) || 0]];
  };
  // Pictures have their size only when they are there.
  const pictures = async () => {
    const addresses = new Set();
    for (const node of document.body.querySelectorAll("*")) {
      const style = getComputedStyle(node);
      for (const found of `${style.content} ${style.backgroundImage}`.matchAll(/url\("(.*?)"\)/g)) addresses.add(found[1]);
      if (node.localName === "img" && node.src) addresses.add(node.src);
    }
    for (const style of document.querySelectorAll("style")) {
      for (const found of style.textContent.matchAll(/url\(["']?(.*?)["']?\)/g)) addresses.add(found[1]); // what is shown under the pointer
    }
    const loaded = (address) =>
      new Promise((resolve) => {
        const image = new Image();
        image.onload = image.onerror = resolve;
        image.src = address;
      });
    await Promise.all([...addresses].map(loaded));
  };
  const begin = async (seed) => {
    const first = !began;
    if (!document.getElementById("prm-gym-style")) {
      const style = document.head.appendChild(document.createElement("style"));
      style.id = "prm-gym-style";
      style.textContent = STYLE;
      advance(1000); // what the page prepares
    }
    timers.clear();
    now = START;
    document.activeElement?.blur?.();
    if (window.jQuery) jQuery.fx.off = true;
    core.EPISODE_MAX_TIME = 1e12;
    core.countdownTimer = core.clearTimer = core.prepareCanvas = core.canvasClear = () => {}; // of the clock, and of the marks where was clicked: neither is shown
    Math.seedrandom(seed);
    core.startEpisodeReal();
    began = true;
    if (first) await pictures();
    look();
    const said = core.getUtterance();
    return (typeof said === "string" ? said : said.utterance).replace(/\s+/g, " ").trim();
  };
  const answer = (said) => document.dispatchEvent(new CustomEvent("prm-gym-answer", { detail: JSON.stringify(said) }));
  listen.call(document, "prm-gym-question", (event) => {
    const [what, number] = JSON.parse(event.detail);
    if (what === "told") {
      const [ran, said] = told(number);
      if (ran) event.preventDefault(); // what they have set going is waited for
      return answer(said);
    }
    event.preventDefault();
    begin(number).then((said) => answer([said, ""]), (error) => answer(["", String(error)]));
  });
  Object.defineProperty(window, "prmGym", { value: true });
})();
