// How far the project is: asked for in the background, shown in the frame
// and, in full, in a panel.

import { button, duration, find, h, percent, sentences, t } from "./dom.js";
import { bars, learningCurve, meter } from "./charts.js";
import { toast } from "./say.js";

const BUSY_MS = 2000;
const IDLE_MS = 8000;
const SOON_MS = 400;

/** Asks how far things are, more often while the network works. */
export class Pulse {
  #api;
  #timer = null;
  #seen = null;
  progress = null;
  error = null;
  onchange = () => {};

  constructor(api) {
    this.#api = api;
    document.addEventListener("visibilitychange", () => document.hidden || this.soon());
  }

  /** Asks again shortly: something has changed. */
  soon() {
    this.#plan(SOON_MS);
  }

  async ask() {
    try {
      this.progress = await this.#api.get("/api/progress");
      this.error = null;
      await this.#notice();
    } catch (error) {
      this.error = error;
    }
    this.onchange(this);
    const busy = this.progress?.work && this.progress.work.phase !== "idle";
    this.#plan(busy ? BUSY_MS : IDLE_MS);
  }

  #plan(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (document.hidden ? this.#plan(IDLE_MS) : this.ask()), ms);
  }

  /** Says so when the network has learned, and also when that was no use. */
  async #notice() {
    const curve = this.progress.curve ?? [];
    const last = curve.at(-1);
    const before = this.#seen;
    this.#seen = curve.length;
    if (before === null || !last || curve.length <= before) return;
    if (last.adopted) {
      const known = Number.isFinite(last.auc);
      toast(t("adoptedNote"), {
        detail: known ? t("adoptedDetail", { auc: last.auc.toFixed(3), labels: last.labels }) : t("adoptedDetailPlain", { labels: last.labels }),
      });
    } else {
      toast(t("notAdopted"), { detail: sentences(await this.reasonOf(last.model)), kind: "notice" });
    }
  }

  /** Why a model was adopted or not. */
  async reasonOf(hash) {
    try {
      const models = await this.#api.get("/api/models");
      return (models.models ?? models).find((model) => model.hash === hash)?.why ?? "";
    } catch {
      return "";
    }
  }
}

/** What the network is doing, in a few words. */
export function workText(work) {
  if (!work) return "";
  const parts = [t(work.phase)];
  if (work.phase === "training" && work.epochs) parts.push(t("epoch", { epoch: work.epoch, epochs: work.epochs }));
  else if (work.phase !== "idle" && work.total) parts.push(t("scored", { done: work.done, total: work.total }));
  if (work.phase !== "idle" && work.seconds_left) parts.push(t("timeLeft", { time: duration(work.seconds_left) }));
  return parts.join(" · ");
}

/** The line on top of the page. */
export function renderTop({ progress }) {
  if (!progress) return;
  const network = find("#network");
  network.hidden = !progress.work;
  network.className = `network ${progress.work?.phase === "idle" ? "" : "busy"}`;
  network.replaceChildren(h("span", { class: "pulse", "aria-hidden": "true" }), workText(progress.work));
}

/** Everything, in the panel. `classes` gives names; `extra` what was asked besides. */
export function renderProgress(target, { progress, error }, { className, agreement, reason, goOn }) {
  if (!progress) {
    const text = error ? t("progressFailed", { error: error.message }) : t("loading");
    return target.replaceChildren(h("p", { class: "muted" }, text));
  }
  const named = (rows) => (rows ?? []).map((row) => ({ ...row, name: className(row.class) }));
  target.replaceChildren(
    ...[
      stopSection(progress, goOn),
      figures(progress),
      networkSection(progress, reason),
      section("curve", learningCurve(progress.curve ?? [], progress.model?.hash), h("p", { class: "muted small" }, t("curveCaption"))),
      section("gate", h("p", {}, gateSentence(progress.holdout, named))),
      balanceSection(progress.balance, named),
      expertsSection(progress.annotators),
      agreementSection(agreement, progress.disputed),
    ].filter(Boolean),
  );
}

function section(key, ...children) {
  return h("section", {}, h("h3", {}, t(key)), ...children);
}

function stopSection({ stop, advice }, goOn) {
  const text = stop ?? advice;
  if (!text) return null;
  return h("section", { class: "callout" }, h("h3", {}, t("stopTitle")), h("p", {}, sentences(text)), button(t("goOn"), { onclick: goOn }));
}

function figures({ labels, budget, seconds_per_label: seconds, pool, skipped, unreadable, away }) {
  const figure = (value, text) => h("div", { class: "figure" }, h("b", {}, value), h("span", {}, text));
  return h(
    "section",
    {},
    h(
      "div",
      { class: "figures" },
      figure(String(labels), budget ? `${t("labelsGiven")} ${t("ofBudget", { budget })}` : t("labelsGiven")),
      seconds ? figure(duration(seconds), t("perLabel")) : null,
      Number.isFinite(pool) ? figure(String(pool), t("inPool")) : null,
      skipped ? figure(String(skipped), t("skippedCount")) : null,
      unreadable ? figure(String(unreadable), t("unreadableCount")) : null,
      away ? figure(String(away), t("awayCount")) : null,
    ),
    budget ? meter(labels, budget, t("labelsGiven")) : null,
  );
}

function networkSection({ work, batch, unlearned }, reason) {
  const children = [h("p", {}, workText(work))];
  if (work && work.phase !== "idle" && work.total) children.push(meter(work.done, work.total, t(work.phase)));
  if (unlearned) children.push(h("p", { class: "muted small" }, t("unlearned", { n: unlearned })));
  if (work?.message) children.push(h("p", { class: "muted small" }, sentences(work.message)));
  if (reason) children.push(h("div", { class: "callout" }, h("strong", {}, t("notAdopted")), h("p", {}, sentences(reason))));
  if (batch?.size) {
    children.push(h("p", { class: "spread" }, h("span", {}, t("batch", { number: batch.number })), h("span", {}, t("ofBatch", { n: batch.done, size: batch.size }))));
    children.push(meter(batch.done, batch.size, t("batch", { number: batch.number })));
  }
  return section("network", ...children);
}

function gateSentence(holdout, named) {
  if (!holdout) return "";
  if (holdout.gate) return t("gateOpen");
  const counts = named(holdout.per_class).map((row) => `${row.name} ${row.count}`).join(", ");
  return t("gateClosed", { needed: holdout.needed, counts });
}

function balanceSection(balance, named) {
  if (!balance) return null;
  const selected = named(balance.selected);
  const heldOut = new Map((balance.holdout ?? []).map((row) => [row.class, row.count]));
  const total = (rows) => Math.max(1, rows.reduce((sum, row) => sum + row.count, 0));
  const all = [total(selected), total(balance.holdout ?? [])];
  const rows = selected.map(({ class: id, name, count }) => {
    const other = heldOut.get(id) ?? 0;
    return {
      name,
      values: [
        { share: count / all[0], text: `${percent(count / all[0])} · ${count}` },
        { share: other / all[1], text: `${percent(other / all[1])} · ${other}`, kind: "quiet" },
      ],
    };
  });
  const legend = h("p", { class: "legend small" }, h("i", { class: "swatch" }), t("balanceSelected"), h("i", { class: "swatch quiet" }), t("balanceHoldout"));
  return section("balance", bars(rows, "wide"), legend, h("p", { class: "muted small" }, t("balanceCaption")));
}

function expertsSection(annotators) {
  if (!annotators || annotators.length < 2) return null;
  return section(
    "experts",
    h("dl", { class: "rows" }, annotators.map((one) => h("div", {}, h("dt", {}, one.name), h("dd", {}, [t("expertRow", { labels: one.labels }), duration(one.seconds_per_label)].filter(Boolean).join(" · "))))),
  );
}

function agreementSection(agreement, disputed) {
  if (!agreement?.pairs?.length) return null;
  const row = (pair) =>
    h("div", {}, h("dt", {}, [pair.a, pair.b].join(" – ")), h("dd", {}, [t("agreementRow", pair), Number.isFinite(pair.kappa) ? t("kappa", { kappa: pair.kappa.toFixed(2) }) : ""].filter(Boolean).join(" · ")));
  const note = disputed ? h("p", { class: "muted small" }, t("disputedCount", { n: disputed })) : null;
  return section("agreement", ...[h("dl", { class: "rows" }, agreement.pairs.map(row)), note].filter(Boolean));
}
