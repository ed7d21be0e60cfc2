/* What an agent sees of a page, and the part of its actions that happens inside the page.
 *
 * This runs in a world of its own: it shares the page's nodes with the page's scripts, but none of their objects, so that nothing the page overrides changes what
 * is seen. One thing crosses: a form or a document answers for its named controls before its own properties (<input name="parentNode">). Every property of a node
 * is therefore read through the getter of its prototype, never as node.property.
 *
 * `name` is the global under which it is found; it is drawn at random, so that a command that is sent to another world by mistake finds nothing.
 */
(function (name) {
  "use strict";
  if (Object.prototype.hasOwnProperty.call(globalThis, name)) return;

  const read = (type, property) => {
    const getter = Object.getOwnPropertyDescriptor(type.prototype, property).get;
    return (node) => getter.call(node);
  };
  const method = (type, property) => {
    const call = type.prototype[property];
    return (node, ...values) => call.apply(node, values);
  };
  const nodeType = read(Node, "nodeType"), firstChild = read(Node, "firstChild"), nextSibling = read(Node, "nextSibling"), parentNode = read(Node, "parentNode");
  const isConnected = read(Node, "isConnected"), ownerDocument = read(Node, "ownerDocument"), textContent = read(Node, "textContent");
  const dataOf = read(CharacterData, "data"), localName = read(Element, "localName"), shadowRoot = read(Element, "shadowRoot");
  const attribute = method(Element, "getAttribute"), hasAttribute = method(Element, "hasAttribute"), matches = method(Element, "matches"), closest = method(Element, "closest");
  const isVisible = method(Element, "checkVisibility"), queryAll = method(Element, "querySelectorAll"), elementsOf = method(Element, "getElementsByTagName");
  const bodyOf = read(Document, "body"), rootOf = read(Document, "documentElement"), titleOf = read(Document, "title"), addressOf = read(Document, "URL");
  const readyState = read(Document, "readyState"), byId = method(Document, "getElementById"), queryDocument = method(Document, "querySelectorAll");
  const activeOf = read(Document, "activeElement"), activeIn = read(ShadowRoot, "activeElement"), viewOf = read(Document, "defaultView");
  const typeOf = read(HTMLInputElement, "type"), inputValue = read(HTMLInputElement, "value"), isChecked = read(HTMLInputElement, "checked"), filesOf = read(HTMLInputElement, "files");
  const areaValue = read(HTMLTextAreaElement, "value"), selectOptions = read(HTMLSelectElement, "options"), isMultiple = read(HTMLSelectElement, "multiple");
  const optionLabel = read(HTMLOptionElement, "label"), isSelected = read(HTMLOptionElement, "selected");
  const labelControl = read(HTMLLabelElement, "control"), frameDocument = read(HTMLIFrameElement, "contentDocument"), assigned = method(HTMLSlotElement, "assignedNodes");
  const LABELS = { input: read(HTMLInputElement, "labels"), textarea: read(HTMLTextAreaElement, "labels"), select: read(HTMLSelectElement, "labels") };

  const LONGEST_ADDRESS = 2000, MOST_NODES = 20000, MOST_ITEMS = 3000, DEEPEST = 1000, MOST_OPTIONS = 60, LONGEST_NAME = 160, LONGEST_VALUE = 500, LONGEST_LINE = 400, LONGEST = 100000; // characters that are looked at for any of them
  const SKIPPED = new Set("script style template noscript head meta link title base param source track".split(" "));
  const UNSAID = new Set([...SKIPPED, "svg", "iframe"]);
  const INLINE = new Set(
    "a abbr b bdi bdo cite code data del dfn em font i ins kbd label mark q s samp small span strong sub sup time tt u var output td th slot".split(" "),
  );
  const SHAPES = new Set("circle ellipse g image line path polygon polyline rect text tspan use".split(" "));
  const ROLES = { switch: "checkbox" };
  for (const role of ["button", "link", "checkbox", "radio", "tab", "menuitem", "option", "textbox", "combobox", "slider"]) ROLES[role] = role;
  const INPUTS = { search: "searchbox", checkbox: "checkbox", radio: "radio", range: "slider", file: "file", hidden: "" };
  const TEXTUAL = new Set(["text", "email", "tel", "url", "password", "number", "date", "time", "datetime-local", "month", "week", "color"]);
  const BUTTONS = new Set(["submit", "reset", "button", "image"]);
  const NOTHING = new Set(), DRAWN = new Set(["svg", "title"]);
  const FIELDS = new Set(["input", "select", "textarea", "button", "datalist"]);
  const STATES = ["checked", "disabled", "readonly", "expanded", "collapsed", "current", "pressed", "selected", "invalid", "focused"];

  const WHITE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g; // what Python's str.split() takes for white
  const cut = (text, most) => (text.length <= most ? text : Array.from(text.slice(0, 2 * most)).slice(0, most).join(""));
  const normal = (text) => text.slice(0, LONGEST).replace(WHITE, " ").replace(/^ | $/g, "").toWellFormed();
  const quoted = (text) => JSON.stringify(text);

  let foreign = false; // whether the page is not ours: more of it is looked at then

  // Numbers of elements: from 1 on in the order of first sight; they begin anew with another body.
  let numbers = new WeakMap(), elements = new Map(), count = 0, body = null, beginnings = 0;
  const numberOf = (node) => {
    let number = numbers.get(node);
    if (number === undefined) {
      numbers.set(node, (number = ++count));
      elements.set(number, new WeakRef(node));
    }
    return number;
  };
  const begin = () => {
    if (bodyOf(document) === body) return;
    body = bodyOf(document);
    numbers = new WeakMap();
    elements = new Map();
    count = 0;
    beginnings += 1;
  };

  // Dialogs in the order in which they were opened, which the document itself does not tell.
  let opened = [];
  const noteOpened = (records) => {
    for (const { target } of records) {
      opened = opened.filter((dialog) => dialog !== target && isConnected(dialog));
      if (matches(target, "dialog[open]")) opened.push(target);
    }
  };
  const openings = new MutationObserver(noteOpened);
  openings.observe(document, { subtree: true, attributeFilter: ["open"] });
  const modalDialog = () => {
    const modal = [...queryDocument(document, "dialog:modal")];
    if (modal.length < 2) return modal[0] ?? null;
    noteOpened(openings.takeRecords());
    return modal.sort((one, other) => opened.indexOf(one) - opened.indexOf(other)).at(-1);
  };

  const hidden = (node) => {
    if (isVisible(node, { visibilityProperty: true, opacityProperty: true })) return hasAttribute(node, "hidden") && attribute(node, "hidden") !== "until-found";
    return hasAttribute(node, "hidden") || viewOf(ownerDocument(node)).getComputedStyle(node).display !== "contents";
  };
  const editable = (node) => ["", "true", "plaintext-only"].includes(attribute(node, "contenteditable")?.toLowerCase());

  const roleOf = (node, tag, options) => {
    const role = ROLES[attribute(node, "role")];
    if (tag === "a" && hasAttribute(node, "href")) return "link";
    if (tag === "button" || tag === "summary") return role ?? "button";
    if (tag === "input") return (TEXTUAL.has(typeOf(node)) ? "textbox" : (BUTTONS.has(typeOf(node)) ? "button" : role ?? INPUTS[typeOf(node)])) ?? "textbox";
    if (tag === "textarea") return "textbox";
    if (tag === "select") return isMultiple(node) ? "listbox" : "combobox";
    if (role) return role;
    if (editable(node)) return "textbox";
    return options.clickables && clickable(node, tag) ? "clickable" : "";
  };
  const clickable = (node, tag) => {
    if (tag === "body" || tag === "html" || tag === "iframe" || (tag === "label" && labelControl(node))) return false;
    if (hasAttribute(node, "onclick") || /^\s*\+?\d/.test(attribute(node, "tabindex") ?? "")) return true;
    const view = viewOf(ownerDocument(node)), parent = parentNode(node);
    if (view.getComputedStyle(node).cursor !== "pointer") return false;
    return !(parent && nodeType(parent) === 1 && view.getComputedStyle(parent).cursor === "pointer");
  };

  const field = (tag, role) => tag === "textarea" || tag === "select" || (tag === "input" && role !== "button");
  // The text of a node, with spaces around its blocks; images count by what is said of them, and inside a label its controls are left out.
  const textIn = (node, without = NOTHING, depth = 0) => {
    let text = "";
    for (let child = firstChild(node); child; child = nextSibling(child)) {
      const type = nodeType(child);
      if (type === 3) text += dataOf(child);
      if (type !== 1 || depth > DEEPEST) continue;
      const tag = localName(child);
      if ((UNSAID.has(tag) && !(foreign && DRAWN.has(tag))) || without.has(tag) || (tag !== "option" && !DRAWN.has(tag) && hidden(child))) continue;
      if (tag === "img") text += ` ${attribute(child, "alt") ?? ""} `;
      else if (INLINE.has(tag) && tag !== "td" && tag !== "th") text += textIn(child, without, depth + 1);
      else text += ` ${textIn(child, without, depth + 1)} `;
    }
    return text;
  };
  const nameOf = (node, tag, role) => {
    const own = normal(attribute(node, "aria-label") ?? "");
    if (own) return cut(own, LONGEST_NAME);
    let found = "";
    for (const id of (attribute(node, "aria-labelledby") ?? "").split(/\s+/)) {
      const other = id && byId(ownerDocument(node), id);
      if (other) found += " " + textIn(other);
    }
    found = normal(found);
    if (!found && tag === "input" && role === "button") {
      const shown = normal(attribute(node, "value") || attribute(node, "alt") || "");
      found = shown || ({ submit: "Submit", image: "Submit", reset: "Reset" }[typeOf(node)] ?? "");
    } else if (!found && field(tag, role)) {
      const labels = [...(LABELS[tag](node) ?? [])], around = closest(node, "label:not([for])");
      if (around && !labels.includes(around)) labels.push(around); // it is the label of its first field alone, and speaks of them all
      for (const label of labels) found += " " + textIn(label, FIELDS);
      found = normal(found) || normal(attribute(node, "placeholder") ?? "");
    } else if (!found && !editable(node)) found = normal(textIn(node));
    return cut(found || normal(attribute(node, "title") ?? ""), LONGEST_NAME);
  };
  const labelOf = (option) => cut(normal(optionLabel(option)), LONGEST_NAME);
  const valueOf = (node, tag, role) => {
    if (tag === "select") {
      const chosen = [];
      for (const option of selectOptions(node)) if (isSelected(option)) chosen.push(labelOf(option));
      return cut(chosen.join(", "), LONGEST_VALUE);
    }
    if (tag === "textarea") return cut(areaValue(node).slice(0, LONGEST).toWellFormed(), LONGEST_VALUE);
    if (tag === "input") {
      if (role === "checkbox" || role === "radio" || role === "button") return null;
      if (role === "file") return cut([...(filesOf(node) ?? [])].map((file) => file.name.toWellFormed()).join(", "), LONGEST_VALUE);
      const value = inputValue(node).slice(0, LONGEST).toWellFormed();
      return typeOf(node) === "password" ? "\u2022".repeat(Math.min(Array.from(value).length, LONGEST_VALUE)) : cut(value, LONGEST_VALUE);
    }
    if (editable(node)) return cut(normal(textContent(node)), LONGEST_VALUE);
    const value = attribute(node, "aria-valuetext") ?? attribute(node, "aria-valuenow");
    return role === "slider" && value !== null ? cut(normal(value), LONGEST_VALUE) : null;
  };
  const focusedNode = () => {
    let node = activeOf(document);
    for (let root; node && (root = nodeType(node) === 1 && (shadowRoot(node) ?? innerDocument(node))); ) {
      const inner = nodeType(root) === 9 ? activeOf(root) : activeIn(root);
      if (!inner) break;
      node = inner;
    }
    return node;
  };
  const statesOf = (node, tag, role, focused) => {
    const is = (state, value) => attribute(node, "aria-" + state) === value;
    const type = tag === "input" ? typeOf(node) : "";
    const found = {
      checked: type === "checkbox" || type === "radio" ? isChecked(node) : is("checked", "true"),
      disabled: isDisabled(node),
      readonly: isReadonly(node, tag),
      expanded: tag === "summary" ? isOpen(node) : is("expanded", "true"),
      collapsed: tag === "summary" ? !isOpen(node) : is("expanded", "false"),
      current: hasAttribute(node, "aria-current") && !is("current", "false"),
      pressed: is("pressed", "true"),
      selected: is("selected", "true"),
      invalid: is("invalid", "true"),
      focused: node === focused,
    };
    return STATES.filter((state) => found[state]);
  };
  const isDisabled = (node) => matches(node, ":disabled") || attribute(node, "aria-disabled") === "true";
  const isReadonly = (node, tag) => (tag === "input" || tag === "textarea") && hasAttribute(node, "readonly");
  const isOpen = (summary) => Boolean(closest(summary, "details")) && hasAttribute(closest(summary, "details"), "open");
  const optionsOf = (node) => {
    const labels = [];
    for (const option of selectOptions(node)) {
      if (labels.length === MOST_OPTIONS) break;
      if (!matches(option, ":disabled")) labels.push(labelOf(option));
    }
    return labels;
  };
  const innerDocument = (node) => (localName(node) === "iframe" || localName(node) === "frame" ? frameDocument(node) : null);

  // The walk over the page, in the order of the page.
  class Walk {
    constructor(options) {
      this.options = options;
      this.items = [];
      this.line = "";
      this.nodes = 0;
      this.walked = 0;
      this.full = false;
      this.focused = focusedNode();
    }
    flush() {
      const line = normal(this.line);
      this.line = "";
      if (line) this.add([0, "text", cut(line, LONGEST_LINE)]);
    }
    add(item) {
      if (this.items.length < MOST_ITEMS) this.items.push(item);
      else this.full = true;
    }
    children(node, silent, depth) {
      if (depth > DEEPEST) return void (this.full = true);
      if (localName(node) === "slot") {
        const given = assigned(node);
        if (given.length) return given.forEach((child) => this.visit(child, silent, depth));
      }
      const shadow = shadowRoot(node);
      for (let child = firstChild(shadow ?? node); child && !this.full; child = nextSibling(child)) this.visit(child, silent, depth);
    }
    visit(node, silent, depth) {
      if (this.full) return;
      if (++this.nodes > MOST_NODES) return void (this.full = true);
      const type = nodeType(node);
      if (type === 3) return void (silent || (this.line += dataOf(node)));
      if (type !== 1) return;
      this.walked += 1;
      this.element(node, localName(node), silent, depth + 1);
    }
    element(node, tag, silent, depth) {
      const options = this.options;
      if (SKIPPED.has(tag) || hidden(node)) return;
      if (tag === "br" || tag === "hr") return this.flush();
      if (tag === "iframe" || tag === "frame") return this.frame(node, silent, depth);
      if (tag === "svg" && !attribute(node, "role") && !attribute(node, "aria-label") && !options.clickables) return;
      const role = roleOf(node, tag, options);
      if (tag === "input" && !role) return;
      if (silent && !foreign && !FIELDS.has(tag)) return this.children(node, silent, depth); // in a label
      if (role) {
        this.flush();
        this.add([
          numberOf(node), role, nameOf(node, tag, role), valueOf(node, tag, role), statesOf(node, tag, role, this.focused), tag === "select" ? optionsOf(node) : [],
        ]);
        if (role === "clickable") this.children(node, true, depth); // what else can be clicked in it
        return;
      }
      if (node instanceof SVGElement) return this.drawing(node, tag, silent, depth);
      if (tag === "img") {
        const shown = normal(attribute(node, "alt") ?? "");
        if (!shown || silent) return;
        this.flush();
        return this.add([0, "image", cut(shown, LONGEST_NAME)]);
      }
      if (/^h[1-6]$/.test(tag) || attribute(node, "role") === "heading") return this.heading(node, silent, depth);
      if (tag === "label" && labelControl(node)) return foreign || !hasAttribute(node, "for") ? this.children(node, true, depth) : undefined;
      if ((tag === "td" || tag === "th") && !silent && normal(this.line) && previousCell(node)) this.line += " | ";
      if (INLINE.has(tag)) return this.children(node, silent, depth);
      this.flush();
      if (tag === "details" && !hasAttribute(node, "open")) this.summary(node, silent, depth);
      else this.children(node, silent, depth);
      this.flush();
    }
    summary(node, silent, depth) {
      for (let child = firstChild(node); child; child = nextSibling(child)) {
        if (nodeType(child) === 1 && localName(child) === "summary") return this.visit(child, silent, depth);
      }
    }
    heading(node, silent, depth) {
      this.flush();
      const inner = [...queryAll(node, "*")].some((child) => roleOf(child, localName(child), this.options));
      if (inner) {
        this.children(node, silent, depth);
        return this.flush();
      }
      const text = normal(textIn(node));
      if (text && !silent) this.add([0, "heading", cut(text, LONGEST_LINE)]);
    }
    drawing(node, tag, silent, depth) {
      const label = normal(attribute(node, "aria-label") ?? "");
      if (tag === "svg" && label && !silent) {
        this.flush();
        this.add([0, "image", cut(label, LONGEST_NAME)]);
      }
      if (this.options.clickables && (tag === "svg" || SHAPES.has(tag))) this.children(node, silent, depth);
    }
    frame(node, silent, depth) {
      if (!this.options.clickables) return;
      const inner = frameDocument(node);
      if (!inner || !bodyOf(inner)) return;
      this.flush();
      this.children(bodyOf(inner), silent, depth);
      this.flush();
    }
  }
  const previousCell = (node) => {
    const row = parentNode(node);
    for (let cell = firstChild(row); cell && cell !== node; cell = nextSibling(cell)) if (nodeType(cell) === 1 && /^t[dh]$/.test(localName(cell))) return true;
    return false;
  };

  const see = (options) => {
    begin();
    foreign = options.clickables;
    const walk = new Walk(options), root = modalDialog() ?? body;
    if (root) {
      walk.children(root, false, 0);
      walk.flush();
    }
    const left = walk.full && root ? Math.max(1, elementsOf(root, "*").length - walk.walked) : 0;
    return [addressOf(document).slice(0, LONGEST_ADDRESS).toWellFormed(), cut(normal(titleOf(document)), LONGEST_LINE), walk.items, beginnings, left];
  };

  // Until the page has done what it was about to do: it is complete, and says of itself that it is not busy.
  const busy = () => readyState(document) !== "complete" || (rootOf(document) && hasAttribute(rootOf(document), "data-busy"));
  const channel = new MessageChannel(), ticking = [];
  channel.port1.onmessage = () => ticking.shift()();
  const tick = () => new Promise((resolve) => (ticking.push(resolve), channel.port2.postMessage(0)));
  const settled = (cap) =>
    new Promise((resolve) => {
      if (!busy()) return resolve(true);
      const end = (quiet) => {
        watch.disconnect();
        removeEventListener("load", later, true);
        clearTimeout(timer);
        resolve(quiet);
      };
      const look = () => busy() || end(true);
      const later = () => setTimeout(look, 0);
      const watch = new MutationObserver(look), timer = setTimeout(() => end(false), cap);
      watch.observe(document, { attributes: true, subtree: true, childList: true, attributeFilter: ["data-busy"] });
      addEventListener("load", later, true);
    });

  Object.defineProperty(globalThis, name, {
    value: {
      see, settled, tick, numberOf, roleOf, nameOf, normal, quoted, cut, hidden, isDisabled, isReadonly, editable, optionsOf, labelOf, modalDialog, innerDocument, focusedNode,
      known: (number) => number > 0 && number <= count,
      element: (number) => elements.get(number)?.deref() ?? null,
    },
  });
})
