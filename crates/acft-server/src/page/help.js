// The keys, on one page.

import { button, h, t } from "./dom.js";
import { open } from "./dialogs.js";

const GROUPS = [
  ["helpLabel", [["S", "helpSkip"], ["U", "helpUndo"], ["F", "helpFlag"], ["← →", "helpMove"]]],
  ["helpLook", [
    ["+ −", "helpZoom"],
    ["Z", "helpFit"],
    ["Shift ← ↑ → ↓", "helpPan"],
    ["[ ]", "helpBrightness"],
    ["{ }", "helpContrast"],
    ["N", "helpInvert"],
    ["W", "helpReset"],
    ["B", "helpOutline"],
  ]],
  ["helpPanels", [
    ["P", "helpPatches"],
    ["G", "helpWhy"],
    ["I", "helpProgress"],
    ["R", "helpReview"],
    ["?", "helpHelp"],
    ["Esc", "helpEscape"],
  ]],
];

export function showHelp(session) {
  const hasZero = session.classes.some((one) => one.key === "0");
  const classes = session.classes.map((one) => [one.key ?? "", one.name]);
  return open(t("helpTitle"), (close) => [
    h(
      "div",
      { class: "help-groups" },
      GROUPS.map(([title, keys], i) =>
        h(
          "section",
          {},
          h("h3", {}, t(title)),
          h("dl", { class: "keys" }, i === 0 ? classes.map(([key, name]) => row(key, name)) : null, keys.map(([key, text]) => row(key === "Z" && !hasZero ? "0 Z" : key, t(text)))),
        ),
      ),
    ),
    h("p", { class: "muted" }, t("helpMouse")),
    h("div", { class: "dialog-buttons" }, button(t("close"), { kind: "primary", onclick: () => close(null), autofocus: true })),
  ]);
}

function row(key, text) {
  return h("div", {}, h("dt", {}, key ? key.split(" ").map((one) => h("kbd", {}, one)) : "–"), h("dd", {}, text));
}
