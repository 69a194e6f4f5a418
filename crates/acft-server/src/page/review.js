// A second look at what was labeled: find, open, correct.

import { candidatePath } from "./api.js";
import { askNote } from "./dialogs.js";
import { button, h, percent, sentences, t } from "./dom.js";
import { announce, toast } from "./say.js";
import { Viewer } from "./viewer.js";
import { Picture } from "./pictures.js";

const PAGE = 48;
const THUMB = 168;
/** Longer sides are not sent. */
const SHRUNK = 2048;
const SWITCHES = [
  ["flagged", "filterFlagged"],
  ["disagreed", "filterDisagreed"],
  ["disputed", "filterDisputed"],
];

export class Review {
  #root;
  #list;
  #more;
  #detail;
  #viewer = null;
  #filter = { "class-number": "", annotator: "", flagged: false, disagreed: false, disputed: false };
  #items = [];
  #total = 0;
  #at = -1;
  #seen;

  constructor(root, parts) {
    this.#root = root;
    Object.assign(this, parts);
    // A thumbnail is a whole picture on the way, so only those in sight are fetched.
    this.#seen = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) this.#thumbnail(entry.target);
    });
  }

  /** Shows the view, with what is labeled by now. */
  open(progress) {
    if (!this.#viewer) this.#build(progress);
    this.#load(0);
  }

  /** Does a command of the keyboard. */
  act(command, value, event) {
    const commands = {
      class: () => this.#correct(value),
      skip: () => this.#correct(null),
      flag: () => this.#flag(),
      escape: () => this.leave(),
      back: () => this.#select(this.#at - 1),
      forward: () => this.#select(this.#at + 1),
      up: () => this.#select(this.#at - this.#columns()),
      down: () => this.#select(this.#at + this.#columns()),
      zoomIn: this.#viewer?.zoomIn,
      zoomOut: this.#viewer?.zoomOut,
      fit: () => this.#viewer?.toggleFit(),
      pan: () => this.#viewer?.pan(...value),
      darker: () => this.#viewer?.level(-0.04, 1),
      brighter: () => this.#viewer?.level(0.04, 1),
      flatter: () => this.#viewer?.level(0, 1 / 1.12),
      steeper: () => this.#viewer?.level(0, 1.12),
      invert: this.#viewer?.invert,
      resetLevels: this.#viewer?.resetLevels,
      outline: this.#viewer?.toggleOutline,
    };
    // In a list of boxes arrows move between boxes of the filters, not images.
    if (!commands[command] || event?.target.closest?.(".filters") && command !== "escape") return false;
    commands[command]();
    return true;
  }

  #build(progress) {
    this.#list = h("div", { class: "thumbs", role: "listbox", "aria-label": t("reviewTitle") });
    this.#more = h("div", { class: "more" });
    this.#detail = h("aside", { class: "detail" });
    const stage = h("section", { id: "review-stage", class: "stage", tabindex: "-1", "aria-label": t("image") });
    this.#root.replaceChildren(
      h("section", { class: "review-list" }, this.#filters(progress), h("div", { class: "scroll" }, this.#list, this.#more)),
      h("section", { class: "review-open" }, stage, this.#detail),
    );
    this.#viewer = new Viewer(stage);
  }

  #filters(progress) {
    const select = (key, text, options) =>
      h("label", {}, h("span", {}, t(text)),
        h("select", { onchange: (event) => this.#change(key, event.target.value) },
          h("option", { value: "" }, t("filterAll")),
          options.map(([value, name]) => h("option", { value }, name))));
    const names = (progress?.annotators ?? []).map((one) => [one.name, one.name]);
    this.count = h("span", { class: "muted", role: "status" });
    return h(
      "div",
      { class: "filters" },
      select("class-number", "filterClass", this.session.classes.map((one) => [String(one.id), one.name])),
      names.length > 1 ? select("annotator", "filterAnnotator", names) : null,
      SWITCHES.filter(([key]) => key !== "disputed" || this.session.overlap > 1 || this.session.several).map(([key, text]) =>
        h("label", { class: "switch" }, h("input", { type: "checkbox", onchange: (event) => this.#change(key, event.target.checked) }), t(text))),
      this.count,
    );
  }

  #change(key, value) {
    this.#filter[key] = value;
    this.#load(0);
  }

  async #load(offset) {
    const query = new URLSearchParams({ offset: String(offset), limit: String(PAGE) });
    for (const [key, value] of Object.entries(this.#filter)) if (value) query.set(key, value === true ? "1" : value);
    try {
      const { total, items } = await this.api.get(`/api/review?${query}`);
      this.#total = total;
      this.#items = offset ? [...this.#items, ...items] : items;
      this.#render(offset);
    } catch (error) {
      this.#more.replaceChildren(h("p", { class: "muted" }, t("reviewFailed", { error: error.message })));
    }
  }

  #render(offset) {
    this.count.textContent = t("reviewCount", { n: this.#total });
    const cards = this.#items.slice(offset).map((item) => this.#card(item));
    if (offset) this.#list.append(...cards);
    else this.#list.replaceChildren(...cards);
    this.#more.replaceChildren(...this.#below());
    if (!offset) this.#select(0);
  }

  /** What stands under the list. */
  #below() {
    if (this.#items.length === 0) return [h("p", { class: "muted" }, t("reviewEmpty"))];
    if (this.#items.length >= this.#total) return [];
    return [button(t("reviewMore"), { onclick: () => this.#load(this.#items.length) })];
  }

  #card(item) {
    const card = h(
      "button",
      { type: "button", class: "thumb", role: "option", "data-key": item.candidate, onclick: () => this.#select(this.#items.indexOf(item)) },
      h("canvas", { width: THUMB, height: THUMB, "aria-hidden": "true" }),
      h("span", { class: "thumb-label" }),
      h("span", { class: "thumb-name muted" }, item.name),
    );
    card.item = item;
    this.#label(card);
    this.#seen.observe(card);
    return card;
  }

  #label(card) {
    const { item } = card;
    const disagreed = item.guess !== null && item.guess !== undefined && item.guess !== item.label;
    card.querySelector(".thumb-label").replaceChildren(
      h("b", {}, this.#name(item.label)),
      item.flags?.length ? h("i", { title: t("filterFlagged") }, "⚑") : "",
      disagreed ? h("i", { title: t("guessed", { name: this.#name(item.guess) }) }, "≠") : "",
    );
  }

  #relabel(item) {
    const card = this.#list.querySelector(`[data-key="${item.candidate}"]`);
    if (card) this.#label(card);
  }

  #name(id) {
    return id === null || id === undefined ? t("unlabeled") : this.labeling.className(id);
  }

  /** Draws the candidate small, with a little of what is around it. */
  async #thumbnail(card) {
    this.#seen.unobserve(card);
    const { item } = card;
    try {
      const picture = new Picture({ ...item, depth: 8 });
      picture.load(this.api);
      await picture.ready;
      // A large picture comes smaller than the box is measured in.
      if (item.region && !item.width && Math.max(picture.width, picture.height) >= SHRUNK) {
        Object.assign(picture, pick(await this.api.get(candidatePath(item.candidate))));
      }
      drawThumbnail(card.querySelector("canvas"), picture);
      picture.bitmap.close();
    } catch {
      card.classList.add("broken");
    }
  }

  #columns() {
    const first = this.#list.firstElementChild?.getBoundingClientRect().top;
    return Math.max(1, [...this.#list.children].filter((one) => one.getBoundingClientRect().top === first).length);
  }

  async #select(index) {
    if (this.#items.length === 0) {
      this.#at = -1;
      this.#viewer.show(null);
      return this.#detail.replaceChildren(h("p", { class: "muted" }, t("reviewPick")));
    }
    // Going past the end brings what comes after it.
    if (index >= this.#items.length && this.#items.length < this.#total) await this.#load(this.#items.length);
    this.#at = Math.min(this.#items.length - 1, Math.max(0, index));
    const item = this.#items[this.#at];
    for (const card of this.#list.children) {
      card.setAttribute("aria-selected", String(card.item === item));
      // One stop for the Tab key; the arrows move within.
      card.tabIndex = card.item === item ? 0 : -1;
    }
    const card = this.#list.querySelector(`[data-key="${item.candidate}"]`);
    card?.scrollIntoView({ block: "nearest" });
    card?.focus({ preventScroll: true });
    await this.#show(item);
  }

  async #show(item) {
    try {
      const full = await this.api.get(candidatePath(item.candidate));
      if (this.#items[this.#at] !== item) return;
      Object.assign(item, pick(full));
      this.#relabel(item);
      this.#renderDetail(item, full);
      const picture = this.pictures.of(full);
      await picture.ready;
      if (this.#items[this.#at] === item) this.#viewer.show(picture);
    } catch (error) {
      if (this.#items[this.#at] !== item) return;
      this.#viewer.show(null);
      // What is known of it can be read, and its label corrected, all the same.
      this.#detail.prepend(h("div", { class: "callout" }, h("strong", {}, t("unreadableTitle")), h("p", { class: "muted" }, sentences(error.message))));
    }
  }

  #renderDetail(item, full) {
    const label = full.label ?? null;
    const guess = item.guess ?? null;
    const trust = Number.isFinite(item.trust) ? t("trust", { p: percent(item.trust) }) : "";
    this.#detail.replaceChildren(
      h("header", { class: "panel-lead" }, h("h2", {}, full.name),
        h("span", { class: "muted" }, [guess === null ? "" : t("guessed", { name: this.#name(guess) }), trust].filter(Boolean).join(" · "))),
      h("div", { class: "classes" },
        this.session.classes.map((one) =>
          button(one.name, { key: one.key, kind: "class", "aria-pressed": String(one.id === label), onclick: () => this.#correct(one.id) })),
        button(t("clearLabel"), { key: "S", kind: "class quiet", "aria-pressed": String(label === null), onclick: () => this.#correct(null) })),
      h("p", { class: "muted small" }, t("reviewHint")),
      this.#said(full),
    );
  }

  #said(full) {
    const flags = (full.flags ?? []).map((flag) => h("div", {}, h("dt", {}, `⚑ ${flag.annotator}`), h("dd", {}, flag.note || t("filterFlagged"))));
    const rows = (full.history?.length ? full.history : full.votes ?? []).map((one) => this.#event(one));
    return h("section", {}, h("h3", {}, t("history")), h("dl", { class: "rows" }, flags, rows));
  }

  #event({ annotator, class: id, at, seconds, origin }) {
    const what = (id ?? null) === null && origin !== "review" ? t("skippedShort") : this.#name(id);
    const when = Number.isFinite(at) ? new Date(at).toLocaleString() : "";
    const detail = [when, Number.isFinite(seconds) ? t("seconds", { n: seconds.toFixed(1) }) : "", origin ? t(`origin_${origin}`) : ""];
    return h("div", {}, h("dt", {}, annotator ?? ""), h("dd", {}, h("b", {}, what), h("span", { class: "muted small" }, detail.filter(Boolean).join(" · "))));
  }

  async #flag() {
    const item = this.#items[this.#at];
    if (!item) return;
    const answer = await askNote((item.flags ?? []).filter((flag) => flag.annotator === this.session.annotator));
    if (!answer) return;
    const { candidate } = item;
    const op = answer.remove ? this.outbox.add("unflag", { candidate }) : this.outbox.add("flag", { candidate, note: answer.note });
    op.done.then(
      () => (announce(t(answer.remove ? "unflagged" : "flagged")), this.#items[this.#at] === item && this.#show(item)),
      (error) => toast(t("refused", { name: item.name }), { detail: error.message, kind: "trouble" }),
    );
  }

  #correct(id) {
    const item = this.#items[this.#at];
    if (!item || (item.label ?? null) === id) return;
    const before = item.label;
    item.label = id;
    this.#relabel(item);
    const text = id === null ? t("reviewCleared", { name: item.name }) : t("reviewCorrected", { name: item.name, class: this.#name(id) });
    this.outbox.add("correct", { candidate: item.candidate, class: id }).done.then(
      () => {
        announce(text);
        if (this.#items[this.#at] === item) this.#show(item);
      },
      (error) => {
        item.label = before;
        this.#relabel(item);
        toast(t("refused", { name: item.name }), { detail: sentences(error.message, error.help), kind: "trouble" });
      },
    );
  }
}

const pick = ({ region, width, height, flags }) => ({ region: region ?? null, width, height, flags: flags ?? [] });

function drawThumbnail(canvas, picture) {
  const { width, height, region } = picture;
  const [x0, y0, x1, y1] = region ?? [0, 0, width, height];
  const side = Math.min(Math.max(width, height), Math.max(x1 - x0, y1 - y0) * (region ? 1.8 : 1));
  const sx = picture.bitmap.width / width;
  const within = (center, whole) => (side >= whole ? (whole - side) / 2 : Math.min(whole - side, Math.max(0, center - side / 2)));
  const left = within((x0 + x1) / 2, width);
  const top = within((y0 + y1) / 2, height);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture.bitmap, left * sx, top * sx, side * sx, side * sx, 0, 0, canvas.width, canvas.height);
}
