// What opens beside the image: the panel with reasons or progress, and the
// strip of patches.

import { CROSS, find, focusStage, h, icon, t } from "./dom.js";
import { renderProgress } from "./progress.js";
import { announce } from "./say.js";
import { renderWhy } from "./why.js";

const TITLES = { why: "whyTitle", progress: "progressTitle" };

/** The panel on the side: `kind` is what it shows, or null. */
export class Panel {
  #agreement = null;
  #reason = "";
  kind = null;

  constructor({ api, session, labeling, pulse, goOn, onchange }) {
    Object.assign(this, { api, session, labeling, pulse, goOn, onchange });
    find("#panel-close").append(icon(CROSS));
    find("#panel-close").addEventListener("click", () => this.close());
  }

  toggle(kind) {
    if (this.kind === kind) this.close();
    else this.open(kind);
  }

  open(kind) {
    this.kind = kind;
    find("#panel").hidden = false;
    find("#panel-title").textContent = t(TITLES[kind]);
    find("#panel-body").scrollTop = 0;
    this.render();
    this.onchange();
    announce(t(TITLES[kind]));
    if (kind === "progress") this.pulse.soon();
  }

  close() {
    this.kind = null;
    find("#panel").hidden = true;
    this.onchange();
    focusStage();
  }

  render() {
    const { labeling } = this;
    const className = (id) => labeling.className(id);
    const target = find("#panel-body");
    if (this.kind === "why") {
      const before = labeling.current?.why ? { assignment: labeling.current, why: labeling.current.why } : null;
      renderWhy(target, labeling.entry ?? before ?? labeling.done.at(-1), className);
    } else if (this.kind === "progress") {
      renderProgress(target, this.pulse, { className, agreement: this.#agreement, reason: this.#reason, goOn: this.goOn });
    }
  }

  /** Renders at once what is known, and again with what must be asked for. */
  async refresh() {
    this.render();
    const last = this.pulse.progress?.curve?.at(-1);
    this.#reason = last && !last.adopted ? await this.pulse.reasonOf(last.model) : "";
    if (this.session.overlap > 1) this.#agreement = await this.api.get("/api/agreement").catch(() => null);
    this.render();
  }
}

/** The patches of the image on the screen, as the network sees it. */
export class Strip {
  #of = null;
  on = false;

  constructor({ labeling, pictures }) {
    Object.assign(this, { labeling, pictures });
  }

  toggle() {
    this.on = !this.on;
    find("#patches").hidden = !this.on;
    find("#do-patches").setAttribute("aria-pressed", String(this.on));
    this.render();
  }

  async render() {
    const key = this.labeling.shown?.candidate ?? null;
    if (!this.on || this.#of === key) return;
    this.#of = key;
    const place = find("#patches");
    place.replaceChildren();
    if (!key) return;
    try {
      const { url, count } = await this.pictures.patches(key);
      if (this.#of !== key) return URL.revokeObjectURL(url);
      place.replaceChildren(h("img", { src: url, alt: t("patchesAlt", { n: count }), onload: () => URL.revokeObjectURL(url) }));
    } catch (error) {
      if (this.#of === key) place.replaceChildren(h("p", { class: "muted" }, t("patchesFailed", { error: error.message })));
    }
  }
}
