// Where in the batch the expert is. The server counts what it has on disk, so
// what was said since its last answer is added here.

import { find, h, t } from "./dom.js";

const WEIGHTS = { label: 1, skip: 1, undo: -1 };

export class Place {
  #pulse;
  #outbox;
  #steps = 0;

  constructor(pulse, outbox) {
    this.#pulse = pulse;
    this.#outbox = outbox;
  }

  /** One more was labeled, or one was taken back. */
  step(by) {
    this.#steps += by;
    this.render();
  }

  /** The server has counted: what is still on the way to it is missing there. */
  reset() {
    this.#steps = this.#outbox.ops.reduce((sum, op) => sum + (WEIGHTS[op.kind] ?? 0), 0);
    this.render();
  }

  /** For who listens. */
  text() {
    const at = this.#at();
    return at ? t("nextImage", at) : t("nextImagePlain");
  }

  render() {
    const at = this.#at();
    find("#batch").hidden = !at;
    if (!at) return;
    const fill = h("div", { class: "meter-fill" });
    fill.style.width = `${((at.n - 1) / at.size) * 100}%`;
    find("#batch").replaceChildren(
      h("span", { class: "muted" }, t("batch", at)),
      h("span", {}, t("ofBatch", at)),
      h("div", { class: "meter", "aria-hidden": "true" }, fill),
    );
  }

  #at() {
    const { batch } = this.#pulse.progress ?? {};
    if (!batch?.size) return null;
    const n = Math.min(batch.size, Math.max(1, batch.done + 1 + this.#steps));
    return { number: batch.number, size: batch.size, n };
  }
}
