// Behaviour of our pages, declared by attributes; prm_gym/web/text_browser.py does the same without a browser.
//   a[href], form            fetched and put in the place of the page, without loading a new document
//   [data-into=ID]           on a link or form: what comes is put into that element instead
//   [data-submit]            on a field: its form is sent when it changes ("change") or while it is typed into ("input")
//   [data-open=ID]           opens a dialog; [data-close] closes the one around it
//   [data-toggle=ID]         shows or hides an element
"use strict";
(() => {
  const busy = (delta) => {
    const root = document.documentElement;
    const count = Number(root.getAttribute("data-busy") || 0) + delta;
    if (count > 0) root.setAttribute("data-busy", String(count));
    else root.removeAttribute("data-busy");
  };

  const show = (html, url, push) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    if (push) history[url === location.href ? "replaceState" : "pushState"](null, "", url);
    document.title = page.title;
    document.body.replaceWith(document.adoptNode(page.body));
    scrollTo(0, 0);
  };

  const visit = async (url, options, into, push) => {
    busy(1);
    try {
      const response = await fetch(url, options);
      const html = await response.text();
      if (into) {
        const target = document.getElementById(into);
        if (target) target.innerHTML = html;
      } else show(html, response.url, push && response.status !== 422);
    } catch {
      location.href = url; // the server is gone: let the browser say so
    } finally {
      busy(-1);
    }
  };

  const send = (form, submitter) => {
    const fields = new URLSearchParams(new FormData(form, submitter));
    const url = new URL(form.getAttribute("action") || location.href, location.href);
    const into = form.dataset.into;
    if (form.method === "post") return visit(url, { method: "POST", body: fields }, into, true);
    url.search = fields;
    return visit(url, {}, into, true);
  };

  const toggle = (button) => {
    const target = document.getElementById(button.dataset.toggle);
    if (!target) return;
    target.hidden = !target.hidden;
    button.setAttribute("aria-expanded", String(!target.hidden));
  };

  document.addEventListener("click", (event) => {
    const at = event.target.closest("a[href], [data-open], [data-close], [data-toggle]");
    if (!at || event.defaultPrevented) return;
    if (at.dataset.open) document.getElementById(at.dataset.open)?.showModal();
    else if ("close" in at.dataset) at.closest("dialog")?.close();
    else if (at.dataset.toggle) toggle(at);
    else if (!at.target && at.origin === location.origin) {
      event.preventDefault();
      visit(at.href, {}, at.dataset.into, true);
    }
  });

  document.addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.target, event.submitter);
  });

  for (const kind of ["change", "input"]) {
    document.addEventListener(kind, (event) => {
      if (event.target.dataset?.submit === kind && event.target.form) send(event.target.form, null);
    });
  }

  // Lists and choices are changed by clicks and selections alone, as in the text mode.
  document.addEventListener("keydown", (event) => {
    const field = event.target;
    const chooses = field.tagName === "SELECT" || (field.tagName === "INPUT" && ["radio", "range", "number", "date", "time"].includes(field.type));
    const opens = field.tagName === "SELECT" && ["Enter", " "].includes(event.key);
    if (opens || (chooses && /^(Arrow|Page|Home|End)/.test(event.key))) event.preventDefault();
  });

  addEventListener("popstate", () => visit(location.href, {}, null, false));
})();
