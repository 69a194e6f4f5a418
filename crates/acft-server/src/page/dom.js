// Makes elements and finds their texts.

import { texts } from "./en.js";

const SVG = "http://www.w3.org/2000/svg";

/** The text of a key, with its {places} filled in. */
export function t(key, values = {}) {
  const text = texts[key];
  if (text === undefined) return key;
  if (typeof text === "function") return text(values);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** Fills the texts into the static part of the page. */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-t]")) {
    element.textContent = t(element.dataset.t);
  }
  for (const element of root.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", t(element.dataset.tLabel));
    if (element.tagName === "BUTTON") element.title = t(element.dataset.tLabel);
  }
}

export const find = (selector) => document.querySelector(selector);

/** An element: `on…` are listeners, the rest are attributes; false leaves one out. */
export function h(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const CROSS = "M6 6l12 12M18 6L6 18";

/** A small drawing of lines, for buttons that have no room for words. */
export function icon(path) {
  return s("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, s("path", { d: path }));
}

/** A button with its key shown beside its text. */
export function button(text, { key, onclick, kind = "", ...rest }) {
  return h(
    "button",
    { type: "button", class: `button ${kind}`, onclick, ...rest },
    key ? h("kbd", { "aria-hidden": "true" }, key) : null,
    h("span", {}, text),
  );
}

/** The server's messages begin small and end without a stop, to fit into others. */
export const sentences = (...texts) =>
  texts
    .filter(Boolean)
    .map((text) => `${capitalised(text)}${/[.!?]$/.test(text) ? "" : "."}`)
    .join(" ");

/** A path or a number stays as it is. */
const capitalised = (text) => (/^[a-z]+[ ,]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text);

export const percent = (p) => `${Math.round(p * 100)} %`;

/** Seconds as people say them. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "";
  if (seconds < 10) return t("seconds", { n: seconds.toFixed(1) });
  if (seconds < 90) return t("seconds", { n: Math.round(seconds) });
  if (seconds < 5400) return t("minutes", { n: Math.round(seconds / 60) });
  return t("hours", { n: (seconds / 3600).toFixed(1) });
}

/** Focus must not be lost when what had it goes away. */
export function focusStage() {
  const review = find("#review-view");
  (review && !review.hidden ? find("#review-stage") : find("#stage"))?.focus({ preventScroll: true });
}
