/* The part of an action that happens inside the page: finding the element, saying why it cannot be acted on, and doing what needs no pointer and no key.
 *
 * It completes what observer.js left under `name`, in the same world. A request is answered with [error, point, seen]: what is seen after the page has settled,
 * or the point at which the pointer is to press.
 */
(function (name) {
  "use strict";
  const page = globalThis[name];
  if (page.step) return;
  const { see, settled, tick, normal, quoted, hidden, innerDocument, modalDialog } = page;
  const read = (type, property) => {
    const getter = Object.getOwnPropertyDescriptor(type.prototype, property).get;
    return (node) => getter.call(node);
  };
  const method = (type, property) => {
    const call = type.prototype[property];
    return (node, ...values) => call.apply(node, values);
  };
  const write = (type, property) => {
    const setter = Object.getOwnPropertyDescriptor(type.prototype, property).set;
    return (node, value) => setter.call(node, value);
  };
  const nodeType = read(Node, "nodeType"), parentNode = read(Node, "parentNode"), isConnected = read(Node, "isConnected"), ownerDocument = read(Node, "ownerDocument"), holds = method(Node, "contains");
  const rootOf = method(Node, "getRootNode"), localName = read(Element, "localName"), attribute = method(Element, "getAttribute"), shadowRoot = read(Element, "shadowRoot");
  const rectangles = method(Element, "getClientRects"), scrollTo = method(Element, "scrollIntoView"), closest = method(Element, "closest");
  const viewOf = read(Document, "defaultView"), bodyOf = read(Document, "body"), hitIn = method(Document, "elementFromPoint"), hitInShadow = method(ShadowRoot, "elementFromPoint");
  const command = method(Document, "execCommand"), hostOf = read(ShadowRoot, "host"), dispatch = method(EventTarget, "dispatchEvent");
  const typeOf = read(HTMLInputElement, "type"), inputValue = read(HTMLInputElement, "value"), setInput = write(HTMLInputElement, "value");
  const areaValue = read(HTMLTextAreaElement, "value"), setArea = write(HTMLTextAreaElement, "value"), setText = write(Node, "textContent");
  const selectInput = method(HTMLInputElement, "select"), selectArea = method(HTMLTextAreaElement, "select"), setRange = method(HTMLTextAreaElement, "setSelectionRange"), listen = method(EventTarget, "addEventListener");
  const selectOptions = read(HTMLSelectElement, "options"), isMultiple = read(HTMLSelectElement, "multiple"), setSelected = write(HTMLOptionElement, "selected");
  const optionLabel = read(HTMLOptionElement, "label"), unlisten = method(EventTarget, "removeEventListener"), labelControl = read(HTMLLabelElement, "control");
  const focusHtml = method(HTMLElement, "focus"), focusSvg = method(SVGElement, "focus"), blurHtml = method(HTMLElement, "blur"), clickHtml = method(HTMLElement, "click");
  const SET_AT_ONCE = new Set(["number", "date", "month", "week", "time", "datetime-local", "color", "range"]);
  const UNTYPED = new Set(["checkbox", "radio", "file", "submit", "button", "reset", "image", "hidden", "range"]);
  const PICKERS = new Set(["color", "file"]);

  const event = (node, type, init = {}) => dispatch(node, new Event(type, { bubbles: true, composed: true, ...init }));
  const svg = (node) => node instanceof SVGElement;
  const focus = (node) => {
    const fresh = page.focusedNode() !== node;
    (svg(node) ? focusSvg : focusHtml)(node, { preventScroll: true });
    if (fresh) toEnd(node);
  };
  // Whoever acts on elements sees no caret: it stands at the end of a field of several lines.
  const toEnd = (node) => node instanceof HTMLTextAreaElement && setRange(node, areaValue(node).length, areaValue(node).length);

  // Why an element cannot be acted on; "" where it can.
  const refusal = (ref, node) => {
    if (!page.known(ref)) return `there is no element [${ref}]`;
    if (!node || !isConnected(node)) return `[${ref}] is no longer on the page`;
    const dialog = modalDialog();
    if (dialog && !holds(dialog, outermost(node))) return `[${ref}] is behind the open dialog`;
    return unseen(node) ? `[${ref}] cannot be seen` : page.isDisabled(node) ? `[${ref}] is disabled` : "";
  };
  const unseen = (node) => {
    if (!rectangles(node).length) return true;
    for (let outer = node; outer; outer = host(outer)) if (hidden(outer)) return true;
    return false;
  };
  // The element that holds the shadow tree or the frame in which a node is.
  const host = (node) => {
    const root = rootOf(node);
    if (root instanceof ShadowRoot) return hostOf(root);
    const view = viewOf(ownerDocument(node));
    return view && view !== window ? view.frameElement : null;
  };
  const outermost = (node) => {
    for (let outer = host(node); outer; outer = host(node)) node = outer;
    return node;
  };

  // A point of the element that a press would reach; else what would be reached instead.
  const pointOf = (node) => {
    scrollTo(node, { block: "nearest", inline: "nearest", behavior: "instant" });
    let above = null;
    for (const again of [false, true]) {
      if (again) scrollTo(node, { block: "center", inline: "center", behavior: "instant" });
      for (const box of rectangles(node)) {
        if (box.width <= 0 || box.height <= 0) continue;
        for (const [across, down] of [[0.5, 0.5], [0.2, 0.5], [0.8, 0.5], [0.5, 0.2], [0.5, 0.8]]) {
          const point = reached(node, box.left + box.width * across, box.top + box.height * down);
          if (point.hit) return point;
          above ??= point.above;
        }
      }
    }
    return { above };
  };
  const reached = (node, x, y) => {
    const view = viewOf(ownerDocument(node));
    if (x < 0 || y < 0 || x >= view.innerWidth || y >= view.innerHeight) return { above: null };
    let hit = hitIn(ownerDocument(node), x, y);
    for (let root; hit && (root = shadowRoot(hit)); hit = root) {
      root = hitInShadow(root, x, y);
      if (!root || root === hit) break;
    }
    if (!hit || !belongs(hit, node)) return { above: hit };
    const frame = view === window ? null : view.frameElement;
    if (!frame) return { hit, x, y };
    const outer = rectangles(frame)[0];
    return outer ? reached(frame, outer.left + frame.clientLeft + x, outer.top + frame.clientTop + y) : { above: null };
  };
  const belongs = (hit, node) => {
    for (let at = hit; at; at = parentNode(at) ?? (at instanceof ShadowRoot ? hostOf(at) : null)) {
      if (at === node) return true;
      if (at instanceof HTMLLabelElement && labelControl(at) === node) return true;
    }
    return false;
  };
  const described = (node) => {
    for (let at = node; at && nodeType(at) === 1; at = parentNode(at)) {
      const tag = localName(at), role = page.roleOf(at, tag, { clickables: false });
      if (role) return `${role} ${quoted(page.nameOf(at, tag, role))}`;
      if (tag === "dialog" || attribute(at, "role") === "dialog" || attribute(at, "role") === "alertdialog") {
        return `dialog ${quoted(page.nameOf(at, tag, "dialog").slice(0, 60))}`;
      }
    }
    if (!node) return "nothing that can be pressed";
    const text = page.nameOf(node, localName(node), "text").slice(0, 60);
    return text ? `text ${quoted(text)}` : `a ${localName(node)} without a name`;
  };

  const pick = (ref, node) => {
    focus(node); // what opens a list or a window of the system is given the focus alone
    return "";
  };
  const picker = (node) => (localName(node) === "select" && !isMultiple(node)) || (localName(node) === "input" && PICKERS.has(typeOf(node)));

  const click = (node, times) => {
    const view = viewOf(ownerDocument(node)), box = rectangles(node)[0];
    const init = { bubbles: true, cancelable: true, composed: true, view, clientX: box.left + box.width / 2, clientY: box.top + box.height / 2, button: 0 };
    for (let time = 1; time <= times; time++) {
      dispatch(node, new PointerEvent("pointerdown", { ...init, isPrimary: true, buttons: 1 }));
      if (dispatch(node, new MouseEvent("mousedown", { ...init, detail: time, buttons: 1 }))) focusFrom(node);
      dispatch(node, new PointerEvent("pointerup", { ...init, isPrimary: true }));
      dispatch(node, new MouseEvent("mouseup", { ...init, detail: time }));
      if (svg(node)) dispatch(node, new MouseEvent("click", { ...init, detail: time }));
      else clickHtml(node);
    }
    if (times === 2) dispatch(node, new MouseEvent("dblclick", { ...init, detail: 2 }));
  };
  // As a press does: the nearest element that can have the focus gets it, and where there is none it is lost.
  const focusFrom = (node) => {
    for (let at = node; at; at = parentNode(at)) {
      if (!(at instanceof HTMLElement || svg(at))) continue;
      focus(at);
      if (page.focusedNode() === at) return;
    }
    const focused = page.focusedNode();
    if (focused instanceof HTMLElement) blurHtml(focused);
  };

  // What a pointer that comes over an element tells it, where the browser paints nothing and so moves no pointer.
  const hover = (node) => {
    scrollTo(node, { block: "nearest" });
    const view = viewOf(ownerDocument(node)), box = rectangles(node)[0];
    const init = { bubbles: true, cancelable: true, composed: true, view, clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
    for (const type of ["over", "enter", "move"]) {
      const bubbles = type !== "enter";
      dispatch(node, new PointerEvent(`pointer${type}`, { ...init, bubbles, isPrimary: true }));
      dispatch(node, new MouseEvent(`mouse${type}`, { ...init, bubbles }));
    }
  };

  const canType = (node) => {
    const tag = localName(node);
    return tag === "textarea" || page.editable(node) || (tag === "input" && !UNTYPED.has(typeOf(node)));
  };
  const type = (node, text) => {
    const tag = localName(node), own = ownerDocument(node);
    focus(node);
    if (tag === "input") text = text.replace(/\r\n|\r|\n/g, " ");
    if (tag === "input" && SET_AT_ONCE.has(typeOf(node))) {
      setInput(node, text);
      event(node, "input");
      return void event(node, "change");
    }
    if (tag === "input") selectInput(node);
    else if (tag === "textarea") selectArea(node);
    else own.getSelection().selectAllChildren(node);
    // What the browser itself does for a typing person: its events are trusted, and a length that is allowed is kept.
    const done = text ? command(own, "insertText", false, text) : command(own, "delete") || true;
    if (!done) {
      tag === "input" ? setInput(node, text) : tag === "textarea" ? setArea(node, text) : setText(node, text);
      event(node, "input");
    }
    if (tag === "input" || tag === "textarea") changed(node);
  };
  // The browser says "change" when the focus leaves, and would say it again after a change of our making: so the focus leaves and comes back, unseen.
  const MOVES = ["blur", "focusout", "focus", "focusin"];
  const changed = (node) => {
    const view = viewOf(ownerDocument(node)), hide = (moved) => moved.stopImmediatePropagation();
    for (const move of MOVES) listen(view, move, hide, true);
    blurHtml(node);
    if (isConnected(node) && page.focusedNode() === bodyOf(document)) focus(node);
    for (const move of MOVES) unlisten(view, move, hide, true);
  };

  const choose = (ref, node, wanted) => {
    if (localName(node) !== "select") return `[${ref}] has no options to select`;
    const able = [...selectOptions(node)].filter((option) => !option.matches(":disabled"));
    const plain = (text) => normal(text).toLowerCase();
    const option =
      able.find((each) => page.labelOf(each) === wanted || optionLabel(each) === wanted) ?? able.find((each) => plain(optionLabel(each)) === plain(wanted));
    if (!option) {
      const offered = able.slice(0, 10).map((each) => `"${page.labelOf(each)}"`);
      return offered.length ? `[${ref}] has no option "${wanted}"; it has: ${offered.join(", ")}` : `[${ref}] has no options to select`;
    }
    focus(node);
    setSelected(option, true);
    event(node, "input");
    event(node, "change");
    return "";
  };

  // Another page of the site in the place of the one that is shown, in the same document, as a visitor who comes finds it; or why that needs another document.
  const parse = method(DOMParser, "parseFromString"), adopt = method(Document, "adoptNode"), replace = method(Element, "replaceWith"), clone = method(Node, "cloneNode");
  const headOf = read(Document, "head"), documentElement = read(Document, "documentElement"), childrenOf = read(Element, "children"), outerOf = read(Element, "outerHTML");
  const titleOf = read(Document, "title"), setTitle = write(Document, "title"), readyState = read(Document, "readyState");
  const LEAVINGS = ["blur", "focusout", "change", "input"]; // what a field may say when it goes, and nobody is to hear
  const stores = () => document.cookie || localStorage.length || sessionStorage.length || window.name;
  const around = (own) => {
    const kept = [...childrenOf(headOf(own))].filter((node) => localName(node) !== "title");
    return [clone(documentElement(own), false), ...kept].map(outerOf).join(); // a page that is busy differs too
  };
  const show = ({ url, html }) => {
    const other = parse(new DOMParser(), html, "text/html");
    const same = new URL(url).origin === location.origin && readyState(document) === "complete" && around(other) === around(document);
    if (!same || stores()) return "another document is needed";
    const hide = (left) => left.stopImmediatePropagation();
    for (const kind of LEAVINGS) listen(window, kind, hide, true);
    replace(bodyOf(document), adopt(document, bodyOf(other)));
    for (const kind of LEAVINGS) unlisten(window, kind, hide, true);
    setTitle(document, titleOf(other));
    history.replaceState(null, "", url);
    getSelection().removeAllRanges();
    window.scrollTo({ top: 0, left: 0, behavior: "instant" });
    return "";
  };

  // What an action does to an element, or why it cannot.
  const done = (request, node) => {
    const { ref } = request;
    if (request.do === "scroll") return void window.scrollBy({ top: request.by * window.innerHeight, behavior: "instant" }) ?? "";
    if (request.do === "nothing") return "";
    if (request.do === "show") return show(request);
    const error = refusal(ref, node);
    if (error) return error;
    if (request.do === "focus") return focus(node), "";
    if (request.do === "hover") return hover(node), "";
    if (request.do === "select") return choose(ref, node, request.text);
    if (request.do === "type") {
      if (!canType(node)) return `[${ref}] is not a field that can be typed into`;
      if (page.isReadonly(node, localName(node))) return `[${ref}] is read-only`;
      return type(node, request.text), "";
    }
    if (request.do === "click") return picker(node) ? pick(ref, node) : (scrollTo(node, { block: "nearest" }), click(node, request.count), "");
    return "";
  };

  // The press that was announced has arrived; the page is looked at only then.
  let arrive = () => {};
  const arrival = (node) => {
    const view = viewOf(ownerDocument(node));
    return new Promise((resolve) => {
      arrive = () => (unlisten(view, "mouseup", arrived, true), resolve());
      const arrived = (happened) => happened.isTrusted && --left === 0 && arrive();
      let left = 1;
      page.presses = (times) => (left = times);
      listen(view, "mouseup", arrived, true);
    });
  };
  let arriving = Promise.resolve(), pressed = null;

  let downloads = false; // the link that was clicked asks for a download, of which the browser tells a moment later
  const after = async (request) => {
    await (downloads ? new Promise((resolve) => setTimeout(resolve, 150)) : tick());
    downloads = false;
    const quiet = await settled(request.cap);
    return [...see(request), quiet];
  };
  page.step = async (request) => {
    const node = page.element(request.ref);
    downloads = Boolean(node && (request.do === "click" || request.do === "point") && closest(node, "a[download]"));
    const error = done(request, node);
    if (error && request.do === "show") return JSON.stringify([error, null, null]);
    if (error || request.do !== "point") return JSON.stringify([error, null, await after(request)]);
    if (!request.hover && picker(node)) return JSON.stringify([pick(request.ref, node), null, await after(request)]);
    const point = pointOf(node);
    if (!point.hit) return JSON.stringify([`[${request.ref}] is covered by ${described(point.above)}`, null, [...see(request), true]]);
    if (!request.hover) {
      arriving = arrival(node);
      pressed = node;
      page.presses(request.count);
    }
    return JSON.stringify(["", [point.x, point.y], null]);
  };
  // After the pointer or a key: what is seen once the page has settled.
  page.finish = async (request) => {
    if (request.pressed) {
      await arriving;
      if (pressed) toEnd(pressed);
      pressed = null;
    }
    return JSON.stringify(["", null, await after(request)]);
  };
  page.arrived = () => arrive();
})
