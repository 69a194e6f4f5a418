// Tells the expert what happened: aloud for screen readers, and in a corner.

import { CROSS, find, h, icon, t } from "./dom.js";

const SHORT_MS = 4000;
const LONG_MS = 10_000;
let flip = false;

/** Announces something to screen readers only. */
export function announce(text) {
  // The same sentence twice is read twice only if it differs.
  flip = !flip;
  find("#live").textContent = flip ? text : `${text}\u00a0`;
}

/** Shows a note that goes away by itself, and announces it. */
export function toast(text, { detail = "", kind = "note", action = null } = {}) {
  const close = () => note.remove();
  const note = h(
    "div",
    { class: `toast ${kind}`, role: kind === "trouble" ? "alert" : undefined },
    h("div", { class: "toast-text" }, h("strong", {}, text), detail ? h("span", {}, detail) : null),
    action ? h("button", { type: "button", class: "button small", onclick: () => (close(), action.run()) }, action.text) : null,
    h("button", { type: "button", class: "icon-button", "aria-label": t("close"), onclick: close }, icon(CROSS)),
  );
  const stack = find("#toasts");
  stack.append(note);
  while (stack.children.length > 4) stack.firstChild.remove();
  if (kind !== "trouble") {
    announce(`${text} ${detail}`.trim());
    setTimeout(close, detail ? LONG_MS : SHORT_MS);
  }
  return close;
}
