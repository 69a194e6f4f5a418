// Says what a key means. What is typed into a field stays there.

const COMMANDS = {
  s: "skip",
  u: "undo",
  f: "flag",
  p: "patches",
  g: "why",
  i: "progress",
  r: "review",
  "?": "help",
  Escape: "escape",
  ArrowLeft: "back",
  ArrowRight: "forward",
  ArrowUp: "up",
  ArrowDown: "down",
  "+": "zoomIn",
  "=": "zoomIn",
  "-": "zoomOut",
  "0": "fit",
  z: "fit",
  "[": "darker",
  "]": "brighter",
  "{": "flatter",
  "}": "steeper",
  n: "invert",
  w: "resetLevels",
  b: "outline",
};

const PANS = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
const HELD = new Set(["back", "forward", "up", "down", "zoomIn", "zoomOut", "darker", "brighter", "flatter", "steeper"]);

/** Calls `handle(command, value, event)`; it says whether it did something. */
export function listen(classes, handle) {
  const byKey = new Map(classes.filter((one) => one.key).map((one) => [one.key.toLowerCase(), one.id]));
  const listener = (event) => {
    const meaning = read(event, byKey);
    if (meaning && handle(meaning[0], meaning[1], event)) event.preventDefault();
  };
  document.addEventListener("keydown", listener);
  return () => document.removeEventListener("keydown", listener);
}

function read(event, byKey) {
  const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select, dialog, [contenteditable]");
  // Brackets are on AltGr in many countries, which comes as Ctrl with Alt.
  const chord = (event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState("AltGraph");
  if (typing || chord || event.isComposing) return null;
  if (event.shiftKey && PANS[event.key]) return ["pan", PANS[event.key]];
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // A class that is named 0 has that key; fitting has another, too.
  // A label that a held key gives would be for an image that nobody saw.
  if (byKey.has(key)) return event.repeat ? null : ["class", byKey.get(key)];
  const command = COMMANDS[key];
  if (!command || (event.repeat && !HELD.has(command))) return null;
  return [command, undefined];
}
