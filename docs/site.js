// What the theme leaves without a name for screen readers, or out of reach of the keyboard; some of it is made when it comes into sight.
const name = (selector, label) => document.querySelectorAll(selector).forEach((each, place) => each.setAttribute("aria-label", label(place + 1)));
const amend = () => {
  name(".md-search", () => "Search");
  name(".md-code__nav", (place) => `Code block ${place}`);
  document.querySelectorAll(".md-nav--primary nav.md-nav").forEach((each) => each.removeAttribute("aria-labelledby"));
  name(".md-nav--primary nav.md-nav", (place) => `Section ${place}`);
  document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])").forEach((each) => each.setAttribute("tabindex", "0"));
};
amend();
new MutationObserver(amend).observe(document.querySelector(".md-container"), { childList: true, subtree: true });
