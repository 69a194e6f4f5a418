// Starts the page and joins its parts: keys and buttons become commands here.

import { Api, Refused } from "./api.js";
import { askNote, askToken } from "./dialogs.js";
import { button, find, focusStage, h, icon, sentences, t, translate } from "./dom.js";
import { showHelp } from "./help.js";
import { listen } from "./keys.js";
import { Labeling } from "./labeling.js";
import { Outbox } from "./outbox.js";
import { Pictures } from "./pictures.js";
import { showPeople } from "./people.js";
import { Panel, Strip } from "./panels.js";
import { Place } from "./place.js";
import { Pulse, renderTop } from "./progress.js";
import { Queue } from "./queue.js";
import { Review } from "./review.js";
import { announce, toast } from "./say.js";
import { buildDock, buildTools, message, renderSaved, renderStage } from "./stage.js";
import { startTheme, nextTheme } from "./theme.js";
import { Viewer } from "./viewer.js";

const api = new Api(askToken);
const app = {};

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
  app.queue.prepare = (picture) => app.viewer.prepare(picture);
  app.labeling = new Labeling(app);
  app.pulse = new Pulse(api);
  app.review = new Review(find("#review-view"), { ...app, api, leave: () => showView("label") });
  app.labeling.around = () => ({ queue: app.queue, outbox: app.outbox, progress: app.pulse.progress });
  app.place = new Place(app.pulse, app.outbox);
  app.labeling.nextText = () => app.place.text();
  app.panel = new Panel({ ...app, api, goOn, onchange: markViews });
  app.strip = new Strip(app);
  buildDock(session, act);
  buildTools(app.viewer, act);
  buildViews();
  wire();
  app.outbox.start();
  app.labeling.start();
  app.pulse.ask();
  if (session.show_guess === "before") app.panel.open("why");
}

function wire() {
  const { labeling, outbox, panel, place, pulse, strip } = app;
  labeling.onchange = () => {
    renderStage(labeling, act);
    place.render();
    strip.render();
    if (panel.kind === "why") panel.render();
  };
  labeling.onspoken = () => place.step(1);
  labeling.onundone = () => place.step(-1);
  labeling.onadvice = (advice) =>
    toast(t("adviceNote"), { detail: sentences(advice), kind: "notice", action: { text: t("toProgress"), run: () => panel.open("progress") } });
  labeling.onsaved = () => pulse.soon();
  outbox.onchange = () => {
    renderSaved(outbox);
    if (labeling.state === "unreachable") renderStage(labeling, act);
  };
  setInterval(() => outbox.trouble && renderSaved(outbox), 1000);
  pulse.onchange = async () => {
    place.reset();
    renderTop(pulse);
    if (panel.kind === "progress") await panel.refresh();
    if (labeling.state === "exhausted") renderStage(labeling, act);
  };
  listen(app.session.classes, act);
  find("#network").addEventListener("click", () => act("progress"));
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
  if (inReview && command === "progress") return showView("label"), app.panel.open("progress"), true;
  if (inReview) return app.review.act(command, value, event);
  const pressedAt = performance.now();
  const commands = {
    class: () => (flash(value), labeling.label(value, pressedAt)),
    skip: () => labeling.skip(pressedAt),
    undo: () => labeling.undo(),
    flag,
    back: () => labeling.look(1),
    forward: () => labeling.look(-1),
    patches: () => app.strip.toggle(),
    why: () => app.panel.toggle("why"),
    progress: () => app.panel.toggle("progress"),
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
  else if (app.panel.kind) app.panel.close();
  else if (app.strip.on) app.strip.toggle();
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
    ...(app.session.role === "administrator" ? [button(t("people"), { kind: "quiet", id: "do-people", onclick: () => showPeople(api, app.session) })] : []),
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
  find("#do-progress").setAttribute("aria-pressed", String(app.panel.kind === "progress"));
  find("#do-why").setAttribute("aria-pressed", String(app.panel.kind === "why"));
  find("#do-review").setAttribute("aria-pressed", String(!find("#review-view").hidden));
}
