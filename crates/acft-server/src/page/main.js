// Starts the page and joins its parts: keys and buttons become commands here.

import { Api, Refused } from "./api.js";
import { askNote, askToken } from "./dialogs.js";
import { CROSS, button, find, focusStage, h, icon, t, translate } from "./dom.js";
import { showHelp } from "./help.js";
import { listen } from "./keys.js";
import { Labeling } from "./labeling.js";
import { Outbox } from "./outbox.js";
import { Pictures } from "./pictures.js";
import { Pulse, renderProgress, renderTop } from "./progress.js";
import { Queue } from "./queue.js";
import { Review } from "./review.js";
import { announce, toast } from "./say.js";
import { buildDock, buildTools, message, renderSaved, renderStage } from "./stage.js";
import { startTheme, nextTheme } from "./theme.js";
import { Viewer } from "./viewer.js";
import { renderWhy } from "./why.js";

const api = new Api(askToken);
const app = { panel: null, strip: false, agreement: null, reason: "" };

startTheme();
translate(document);
start();

async function start() {
  for (let wait = 500; ; wait = Math.min(8000, wait * 2)) {
    try {
      app.session = await api.get("/api/session");
      break;
    } catch (error) {
      const help = error instanceof Refused ? error.help : t("unreachableText");
      const title = error instanceof Refused ? t("failedTitle") : t("unreachableTitle");
      find("#screen").hidden = false;
      find("#screen").replaceChildren(...message(title, error.message, help));
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  build();
}

function build() {
  const { session } = app;
  document.title = `${session.project} · acft`;
  find("#project").textContent = session.project;
  find("#project").title = `${session.annotator} · acft ${session.version}`;
  app.pictures = new Pictures(api);
  app.outbox = new Outbox(api, session);
  app.queue = new Queue(api, app.pictures, app.outbox);
  app.viewer = new Viewer(find("#stage"));
  app.labeling = new Labeling(app);
  app.pulse = new Pulse(api);
  app.review = new Review(find("#review-view"), { ...app, api, leave: () => showView("label") });
  app.labeling.around = () => ({ queue: app.queue, outbox: app.outbox, progress: app.pulse.progress });
  app.labeling.nextText = nextText;
  buildDock(session, act);
  buildTools(app.viewer, act);
  buildViews();
  wire();
  app.outbox.start();
  app.labeling.start();
  app.pulse.ask();
  if (session.show_guess === "before") openPanel("why");
}

function wire() {
  const { labeling, outbox, pulse } = app;
  labeling.onchange = () => {
    renderStage(labeling, act);
    renderBatch();
    renderStrip();
    if (app.panel === "why") renderPanel();
  };
  labeling.onspoken = () => step(1);
  labeling.onundone = () => step(-1);
  labeling.onsaved = () => pulse.soon();
  outbox.onchange = () => {
    renderSaved(outbox);
    if (labeling.state === "unreachable") renderStage(labeling, act);
  };
  setInterval(() => outbox.trouble && renderSaved(outbox), 1000);
  pulse.onchange = async () => {
    resetSteps();
    renderTop(pulse);
    renderBatch();
    if (app.panel === "progress") await refreshPanel();
    if (labeling.state === "exhausted") renderStage(labeling, act);
  };
  listen(app.session.classes, act);
  find("#network").addEventListener("click", () => act("progress"));
  find("#panel-close").append(icon(CROSS));
  find("#panel-close").addEventListener("click", closePanel);
  // A held Enter on a class button would label what nobody has seen.
  addEventListener("keydown", (event) => event.repeat && event.target.closest?.("button.class") && event.preventDefault());
  addEventListener("beforeunload", (event) => {
    if (outbox.unsaved === 0) return;
    event.preventDefault();
    event.returnValue = t("leaving");
  });
}

/** Does a command. Says whether it was one for the view that is open. */
function act(command, value, event) {
  const { labeling, viewer } = app;
  const inReview = !find("#review-view").hidden;
  const general = {
    help: () => showHelp(app.session),
    review: () => showView(inReview ? "label" : "review"),
  };
  if (general[command]) return general[command](), true;
  if (inReview && command === "progress") return showView("label"), openPanel("progress"), true;
  if (inReview) return app.review.act(command, value, event);
  const pressedAt = performance.now();
  const commands = {
    class: () => (flash(value), labeling.label(value, pressedAt)),
    skip: () => labeling.skip(pressedAt),
    undo: () => labeling.undo(),
    flag,
    back: () => labeling.look(1),
    forward: () => labeling.look(-1),
    patches: toggleStrip,
    why: () => togglePanel("why"),
    progress: () => togglePanel("progress"),
    escape,
    zoomIn: viewer.zoomIn,
    zoomOut: viewer.zoomOut,
    fit: () => viewer.toggleFit(),
    pan: () => viewer.pan(...value),
    darker: () => viewer.level(-0.04, 1),
    brighter: () => viewer.level(0.04, 1),
    flatter: () => viewer.level(0, 1 / 1.12),
    steeper: () => viewer.level(0, 1.12),
    invert: viewer.invert,
    resetLevels: viewer.resetLevels,
    outline: viewer.toggleOutline,
    again: () => labeling.askAgain(),
    goOn,
  };
  if (!commands[command]) return false;
  commands[command]();
  return true;
}

function escape() {
  if (!find("#adjust").hidden) find("#adjust").hidden = true;
  else if (app.labeling.back > 0) app.labeling.look(-app.labeling.back);
  else if (app.panel) closePanel();
  else if (app.strip) toggleStrip();
}

/** Shows on the button what a key did: the image has changed by then. */
function flash(id) {
  const one = find(`#classes [data-class="${id}"]`);
  if (!one || one.disabled) return;
  one.classList.remove("flash");
  requestAnimationFrame(() => one.classList.add("flash"));
}

async function flag() {
  if (!app.labeling.shown) return;
  const { candidate } = app.labeling.shown;
  const answer = await askNote(app.labeling.flags());
  // The image may have changed under the dialog; the flag is for the one that was seen.
  if (!answer || app.labeling.shown?.candidate !== candidate) return;
  if (answer.remove) app.labeling.unflag();
  else app.labeling.flag(answer.note);
}

async function goOn() {
  try {
    await api.post("/api/go-on");
    toast(t("wentOn"));
    app.labeling.askAgain();
    app.pulse.soon();
  } catch (error) {
    toast(error.message, { detail: error.help, kind: "trouble" });
  }
}

// Where in the batch the expert is. The server counts what it has on disk, so
// what was said since its last answer is added here.

let steps = 0;

function step(by) {
  steps += by;
  renderBatch();
}

function resetSteps() {
  steps = app.outbox.ops.reduce((sum, op) => sum + (op.kind === "label" || op.kind === "skip" ? 1 : op.kind === "undo" ? -1 : 0), 0);
}

function place() {
  const { batch } = app.pulse.progress ?? {};
  if (!batch?.size) return null;
  return { number: batch.number, size: batch.size, n: Math.min(batch.size, Math.max(1, batch.done + 1 + steps)) };
}

function nextText() {
  const at = place();
  return at ? t("nextImage", { n: Math.min(at.size, at.n), size: at.size }) : t("nextImagePlain");
}

function renderBatch() {
  const at = place();
  if (!at) return;
  const fill = h("div", { class: "meter-fill" });
  fill.style.width = `${((at.n - 1) / at.size) * 100}%`;
  find("#batch").replaceChildren(
    h("span", { class: "muted" }, t("batch", at)),
    h("span", {}, t("ofBatch", at)),
    h("div", { class: "meter", "aria-hidden": "true" }, fill),
  );
}

// The panel on the side.

function togglePanel(kind) {
  if (app.panel === kind) closePanel();
  else openPanel(kind);
}

function openPanel(kind) {
  app.panel = kind;
  find("#panel").hidden = false;
  find("#panel-title").textContent = t(kind === "why" ? "whyTitle" : "progressTitle");
  renderPanel();
  markViews();
  announce(find("#panel-title").textContent);
  if (kind === "progress") app.pulse.soon();
}

function closePanel() {
  app.panel = null;
  find("#panel").hidden = true;
  markViews();
  focusStage();
}

function renderPanel() {
  const { labeling } = app;
  const className = (id) => labeling.className(id);
  if (app.panel === "why") {
    const now = labeling.current?.why ? { assignment: labeling.current, why: labeling.current.why } : null;
    renderWhy(find("#panel-body"), labeling.entry ?? now ?? labeling.done.at(-1), className);
  } else if (app.panel === "progress") {
    renderProgress(find("#panel-body"), app.pulse, { className, agreement: app.agreement, reason: app.reason, goOn });
  }
}

async function refreshPanel() {
  renderPanel();
  const last = app.pulse.progress?.curve?.at(-1);
  app.reason = last && !last.adopted ? await app.pulse.reasonOf(last.model) : "";
  if (app.session.overlap > 1) app.agreement = await api.get("/api/agreement").catch(() => null);
  renderPanel();
}

// The strip of patches.

function toggleStrip() {
  app.strip = !app.strip;
  find("#patches").hidden = !app.strip;
  find("#do-patches").setAttribute("aria-pressed", String(app.strip));
  renderStrip();
}

async function renderStrip() {
  const key = app.labeling.shown?.candidate ?? null;
  if (!app.strip || app.stripOf === key) return;
  app.stripOf = key;
  const place = find("#patches");
  place.replaceChildren();
  if (!key) return;
  try {
    const { url, count } = await app.pictures.patches(key);
    if (app.stripOf !== key) return URL.revokeObjectURL(url);
    place.replaceChildren(h("img", { src: url, alt: t("patchesAlt", { n: count }), onload: () => URL.revokeObjectURL(url) }));
  } catch (error) {
    if (app.stripOf === key) place.replaceChildren(h("p", { class: "muted" }, t("patchesFailed", { error: error.message })));
  }
}

// The views.

function buildViews() {
  const theme = h("button", { type: "button", class: "icon-button", id: "do-theme" }, icon("M20 14.5A8 8 0 1 1 9.5 4a6.5 6.5 0 0 0 10.5 10.5"));
  const nameTheme = (name) => {
    theme.title = t("theme", { name: t(name) });
    theme.setAttribute("aria-label", theme.title);
  };
  theme.addEventListener("click", () => {
    nameTheme(nextTheme());
    announce(theme.title);
    app.viewer.ask();
  });
  nameTheme(startTheme());
  find("#views").setAttribute("aria-label", t("views"));
  find("#views").append(
    button(t("progress"), { key: "I", kind: "quiet", id: "do-progress", onclick: () => act("progress") }),
    button(t("review"), { key: "R", kind: "quiet", id: "do-review", onclick: () => act("review") }),
    button(t("help"), { key: "?", kind: "quiet", id: "do-help", onclick: () => act("help") }),
    theme,
  );
}

function showView(name) {
  const reviewing = name === "review";
  find("#review-view").hidden = !reviewing;
  find("#label-view").hidden = reviewing;
  markViews();
  if (reviewing) app.review.open(app.pulse.progress);
  else focusStage();
  announce(t(reviewing ? "reviewTitle" : "label"));
}

function markViews() {
  find("#do-progress").setAttribute("aria-pressed", String(app.panel === "progress"));
  find("#do-why").setAttribute("aria-pressed", String(app.panel === "why"));
  find("#do-review").setAttribute("aria-pressed", String(!find("#review-view").hidden));
}
