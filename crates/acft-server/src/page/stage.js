// What is around the image: its name, the class buttons, and what to say
// when there is no image.

import { button, find, h, icon, sentences, t } from "./dom.js";
import { announce } from "./say.js";

/** Draws the class buttons and the actions once; `act` gets commands. */
export function buildDock(session, act) {
  find("#classes").replaceChildren(
    ...session.classes.map((one) =>
      button(one.name, {
        key: one.key,
        kind: "class",
        "data-class": String(one.id),
        disabled: true,
        "aria-keyshortcuts": one.key,
        onclick: () => act("class", one.id),
      }),
    ),
  );
  const action = (key, command, text) =>
    button(text, { key, kind: "quiet", id: `do-${command}`, "aria-keyshortcuts": key, onclick: () => act(command) });
  find("#actions").replaceChildren(
    action("S", "skip", t("skip")),
    action("U", "undo", t("undo")),
    action("F", "flag", t("flag")),
    action("P", "patches", t("patches")),
    action("G", "why", t("why")),
  );
  find("#dock").classList.toggle("many", session.classes.length > 6);
}

/** The zoom buttons, and the sliders for who has no keys. */
export function buildTools(viewer, act) {
  const tool = (text, key, onclick) =>
    h("button", { type: "button", class: "tool", "aria-label": t(key), title: t(key), onclick }, text);
  const toggle = tool(icon("M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 3v18M12 7h3M12 11h5M12 15h4"), "adjust", () => {
    find("#adjust").hidden = !find("#adjust").hidden;
    toggle.setAttribute("aria-expanded", String(!find("#adjust").hidden));
  });
  toggle.setAttribute("aria-expanded", "false");
  find("#tools").append(
    tool(icon("M12 5v14M5 12h14"), "zoomIn", () => act("zoomIn")),
    tool(icon("M5 12h14"), "zoomOut", () => act("zoomOut")),
    tool(icon("M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"), "fit", () => act("fit")),
    toggle,
  );
  const slider = (key, from, to, onchange) =>
    h("input", { type: "range", min: String(from), max: String(to), step: "0.01", "aria-label": t(key), oninput: (event) => onchange(Number(event.target.value)) });
  const brightness = slider("brightness", -0.6, 0.6, (value) => viewer.setLevels({ brightness: value }));
  const contrast = slider("contrast", -2, 2, (value) => viewer.setLevels({ contrast: Math.exp(value) }));
  find("#adjust").append(
    h("label", {}, t("brightness"), brightness),
    h("label", {}, t("contrast"), contrast),
    h("div", { class: "row" },
      button(t("invert"), { key: "N", kind: "small", onclick: () => act("invert") }),
      button(t("reset"), { key: "W", kind: "small", onclick: () => act("resetLevels") })),
  );
  find("#levels").addEventListener("click", () => act("resetLevels"));
  find("#levels").title = t("resetLevels");
  viewer.onlevels = () => {
    brightness.value = String(viewer.levels.brightness);
    contrast.value = String(Math.log(viewer.levels.contrast));
    const text = viewer.describeLevels();
    find("#levels").hidden = text === "";
    find("#levels").textContent = text ? `${text}  ×` : "";
  };
}

/** Brings the dock, the badge and the caption up to date. */
export function renderStage(labeling, act) {
  const { entry, shown, state } = labeling;
  const settled = state !== "loading" || Boolean(shown);
  find("#dock").hidden = !settled;
  for (const one of find("#classes").children) {
    const id = Number(one.dataset.class);
    one.disabled = !shown || state !== "shown";
    one.setAttribute("aria-pressed", String(Boolean(entry && entry.kind === "label" && entry.class === id)));
  }
  find("#do-skip").disabled = !labeling.current || Boolean(entry);
  find("#do-flag").disabled = !shown;
  const flagged = labeling.flags().length > 0;
  find("#do-flag span").textContent = t(flagged ? "flagOn" : "flag");
  find("#do-flag").classList.toggle("on", flagged);
  const badge = find("#badge");
  badge.hidden = !entry;
  if (entry) {
    badge.replaceChildren(
      h("span", {}, t("badgeBack", { back: labeling.back, what: labeling.describe(entry) })),
      button(t("backToNow"), { key: "Esc", kind: "small", onclick: () => act("escape") }),
    );
  }
  const notes = (shown?.flags ?? []).filter((flag) => flag.note).map((flag) => `⚑ ${flag.annotator}: ${flag.note}`);
  find("#caption").replaceChildren(
    ...(shown && state === "shown"
      ? [
          h("span", {}, shown.name),
          shown.group ? h("span", {}, t("group", { name: shown.group })) : "",
          h("span", {}, `${labeling.picture.width} × ${labeling.picture.height}${shown.depth > 8 ? ` · ${shown.depth} bit` : ""}`),
          ...notes.map((note) => h("span", { class: "flag-note" }, note)),
        ]
      : []),
  );
  renderScreen(labeling, act);
}

/** What stands where the image would be. */
function renderScreen(labeling, act) {
  const screen = find("#screen");
  const content = labeling.state === "shown" ? null : screenFor(labeling, act);
  screen.hidden = !content;
  screen.replaceChildren(...(content ?? []));
}

function screenFor(labeling, act) {
  const { queue, outbox, progress } = labeling.around();
  const review = button(t("toReview"), { key: "R", onclick: () => act("review") });
  const again = (text) => button(text, { kind: "primary", onclick: () => act("again") });
  switch (labeling.state) {
    case "loading":
      return [h("div", { class: "spinner", role: "img", "aria-label": t("loading") })];
    case "unreadable":
      return message(t("unreadableTitle"), labeling.error.message, labeling.error.help, [
        button(t("skipIt"), { key: "S", kind: "primary", onclick: () => act("skip") }),
        button(t("tryAgain"), { onclick: () => labeling.reload() }),
      ]);
    case "exhausted":
      if (progress?.candidates === 0) return message(t("emptyTitle"), t("emptyText"));
      return message(t("exhaustedTitle"), t("exhaustedText", { n: progress?.labels ?? labeling.done.length }), "", [review]);
    case "advised":
      return message(t("stopTitle"), queue.advice, "", [
        button(t("goOn"), { kind: "primary", onclick: () => act("goOn") }),
        button(t("toProgress"), { key: "I", onclick: () => act("progress") }),
        review,
      ]);
    case "waiting":
      return message(t("waitingTitle"), t("waitingText"), "", [review]);
    case "unreachable":
      return message(t("unreachableTitle"), outbox.unsaved ? t("kept", { n: outbox.unsaved }) : t("unreachableText"), queue.error?.help, [again(t("tryNow"))]);
    default:
      return message(t("refusedTitle"), queue.error?.message, queue.error?.help, [again(t("tryAgain"))]);
  }
}

export function message(title, text, help = "", buttons = []) {
  return [
    h("div", { class: "message" },
      h("h2", {}, title),
      text ? h("p", {}, sentences(text)) : null,
      help ? h("p", { class: "muted" }, sentences(help)) : null,
      buttons.length ? h("div", { class: "row" }, buttons) : null),
  ];
}

/** Whether everything that was said is on the server's disk. */
export function renderSaved(outbox) {
  const { unsaved, trouble } = outbox;
  const place = find("#saved");
  place.hidden = false;
  place.classList.toggle("trouble", Boolean(trouble));
  if (trouble) place.textContent = t("notSaved", { n: unsaved });
  else place.textContent = t(unsaved ? "saving" : "saved");
  renderBanner(outbox);
}

/** What is wrong stays in sight for as long as it is. */
function renderBanner({ unsaved, trouble, retry }) {
  const banner = find("#banner");
  const news = banner.hidden === Boolean(trouble);
  banner.hidden = !trouble;
  if (!trouble) {
    if (news) announce(t("savedAgain"));
    return;
  }
  const { error, until } = trouble;
  const reason = sentences(...(error.status ? [error.message, error.help] : [t("unreachableTitle")]));
  const wait = Math.max(0, Math.ceil((until - Date.now()) / 1000));
  // The button stays the same one, so that it can keep the focus.
  if (!banner.firstChild) {
    banner.append(h("span", {}), h("span", { class: "muted" }), button(t("tryNow"), { kind: "small", onclick: retry }));
  }
  banner.children[0].textContent = `${reason} ${t("kept", { n: unsaved })}`;
  banner.children[1].textContent = wait > 0 ? t("inSeconds", { n: wait }) : "";
  if (news) announce(`${reason} ${t("kept", { n: unsaved })}`);
}
