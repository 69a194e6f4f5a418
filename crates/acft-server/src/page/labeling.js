// The way of a candidate over the page: shown, labeled, taken back, looked at again.

import { sentences, t } from "./dom.js";
import { announce, toast } from "./say.js";

// A bouncing key must not label an image that nobody has seen.
const BLINK_MS = 60;
const REMEMBERED = 200;

export class Labeling {
  #outbox;
  #queue;
  #pictures;
  #shownAt = 0;
  #spent = 0;
  #pressedAt = null;
  #undoing = false;
  #advised = null;
  current = null;
  done = [];
  /** How many images back the expert looks; 0 is the one to label. */
  back = 0;
  state = "loading";
  onchange = () => {};
  onsaved = () => {};
  onspoken = () => {};
  onundone = () => {};
  onadvice = () => {};

  constructor({ session, outbox, queue, pictures, viewer }) {
    Object.assign(this, { session, viewer });
    this.#outbox = outbox;
    this.#queue = queue;
    this.#pictures = pictures;
    queue.onchange = () => this.#arrived();
    outbox.onleftover = (op, error) => this.#leftover(op, error);
    // What an earlier page said is not asked again.
    const spoken = (op) => op.candidate && queue.spoke(op.candidate);
    outbox.ops.forEach(spoken);
    outbox.onadopted = spoken;
    // Time away from the page is not time spent on the image.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#pause() : this.#resume()));
  }

  /** What is on the screen: the one to label, or an earlier one. */
  get entry() {
    return this.back > 0 ? this.done[this.done.length - this.back] : null;
  }

  get shown() {
    return this.entry?.assignment ?? this.current;
  }

  className(id) {
    return this.session.classes.find((one) => one.id === id)?.name ?? t("noClass");
  }

  start() {
    this.#queue.fill(null);
  }

  label(id, pressedAt = performance.now()) {
    if (this.entry) return this.#change(id);
    this.#speak("label", id, pressedAt);
  }

  skip(pressedAt = performance.now()) {
    if (!this.entry) this.#speak("skip", null, pressedAt);
  }

  #speak(kind, id, pressedAt) {
    const assignment = this.current;
    const mayBlind = kind === "skip" && this.state === "unreadable";
    if (!assignment || (this.state !== "shown" && !mayBlind)) return;
    if (!mayBlind && performance.now() - this.#shownAt < BLINK_MS) return;
    this.#pause();
    const seconds = Math.round(this.#spent / 100) / 10;
    const body = { candidate: assignment.candidate, seconds };
    if (kind === "label") body.class = id;
    const entry = { assignment, kind, class: id, seconds, spent: this.#spent, why: assignment.why, saved: false };
    this.done.push(entry);
    if (this.done.length > REMEMBERED) this.done.shift();
    this.#queue.spoke(assignment.candidate);
    this.#pressedAt = pressedAt;
    this.#next();
    entry.op = this.#outbox.add(kind, body);
    entry.op.done.then((answer) => this.#saved(entry, answer), (error) => this.#refused(entry, error));
    const what = kind === "label" ? t("labeled", { name: this.className(id) }) : t("skipped");
    this.onspoken(entry);
    announce(`${what} ${this.current ? this.nextText() : ""}`);
  }

  /** Where in the batch the next one is; the page's frame knows. */
  nextText = () => "";

  #next() {
    this.back = 0;
    this.#show(this.#queue.take(), 0);
  }

  /** Makes a candidate the one to label. */
  #show(assignment, spent) {
    this.current = assignment;
    this.#spent = spent;
    this.#display();
  }

  /** Puts on the screen what belongs there. */
  #display() {
    const shown = this.shown;
    if (!shown) {
      this.state = this.#queue.reason;
      this.viewer.show(null);
      return this.onchange(this);
    }
    const picture = this.#pictures.of(shown);
    this.picture = picture;
    if (picture.state === "ready") return this.#paint(picture);
    this.state = "loading";
    this.viewer.show(null);
    this.onchange(this);
    const late = () => this.picture === picture && this.shown === shown;
    picture.ready.then(
      () => late() && this.#paint(picture),
      (error) => {
        if (!late()) return;
        this.state = "unreadable";
        this.error = error;
        this.onchange(this);
      },
    );
  }

  #paint(picture) {
    this.state = "shown";
    this.viewer.show(picture);
    this.#shownAt = performance.now();
    this.#running = !document.hidden && !this.entry;
    this.onchange(this);
    this.#measure();
  }

  /** From the key to the frame that has the next image, for whoever wants to know. */
  #measure() {
    const start = this.#pressedAt;
    this.#pressedAt = null;
    if (start === null) return;
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => performance.measure("acft-next-image", { start, end: performance.now() });
      port2.postMessage(null);
    });
  }

  #running = false;

  #pause() {
    if (this.#running) this.#spent += performance.now() - this.#shownAt;
    this.#running = false;
  }

  #resume() {
    if (this.state !== "shown" || this.entry || this.#running) return;
    this.#shownAt = performance.now();
    this.#running = true;
  }

  #arrived() {
    if (!this.current && this.#queue.ahead.length > 0) {
      this.#show(this.#queue.take(), 0);
      if (this.current) announce(this.nextText());
    } else if (!this.current) this.#display();
    else this.onchange(this);
    const { advice } = this.#queue;
    if (advice && advice !== this.#advised && this.current) this.onadvice(advice);
    this.#advised = advice;
  }

  #saved(entry, answer) {
    entry.saved = true;
    this.#queue.heard(entry.assignment.candidate);
    entry.why = answer.why ?? entry.why;
    this.#queue.fill(this.current);
    this.onsaved(entry);
    this.onchange(this);
  }

  #refused(entry, error) {
    this.done = this.done.filter((one) => one !== entry);
    this.back = Math.min(this.back, this.done.length);
    this.#queue.unspoke(entry.assignment.candidate);
    this.#explain(entry.assignment.name, error, "stale");
    this.#queue.fill(this.current);
    this.#display();
  }

  #explain(name, error, conflict = "refused") {
    // A class that is none any more: the page must learn the new ones.
    const action = error.status === 422 ? { text: t("reload"), run: () => location.reload() } : null;
    const title = t(error.status === 409 ? conflict : "refused", { name });
    toast(title, { detail: sentences(error.message, error.help), kind: "trouble", action });
  }

  #leftover(op, error) {
    if (op.candidate) this.#queue.heard(op.candidate);
    if (error) this.#explain(t("anEarlierImage"), error, "stale");
    else toast(t("leftoverSaved"));
    this.#queue.fill(this.current);
  }

  /** Takes back the last label or skip, and shows its image again. */
  async undo() {
    if (this.#undoing) return;
    // What was changed afterwards is settled: the server passes over it too.
    const at = this.done.findLastIndex((one) => !one.changed);
    if (at < 0) return this.#undoUnseen();
    const [entry] = this.done.splice(at, 1);
    this.#pause();
    this.#queue.putBack(this.current);
    this.back = 0;
    this.#show(entry.assignment, entry.spent);
    announce(t("undone", { what: this.describe(entry), name: entry.assignment.name }));
    this.onundone(entry);
    const key = entry.assignment.candidate;
    if (this.#outbox.cancel(entry.op)) return this.#queue.unspoke(key);
    try {
      const answer = await this.#outbox.add("undo", { candidate: key }).done;
      this.#queue.unspoke(key);
      if (answer.assignment && answer.assignment.candidate !== key) this.#replace(answer.assignment);
    } catch (error) {
      this.#explain(entry.assignment.name, error);
      this.#resync();
    }
  }

  /** Takes back something that was said before this page was opened. */
  async #undoUnseen() {
    this.#undoing = true;
    try {
      const answer = await this.#outbox.add("undo", {}, null).done;
      if (!answer.assignment) return this.#resync();
      this.#pause();
      this.#queue.putBack(this.current);
      this.#replace(answer.assignment);
      announce(t("undone", { what: t("lastWord"), name: answer.assignment.name }));
    } catch (error) {
      toast(error.status === 409 ? t("nothingToUndo") : error.message);
    } finally {
      this.#undoing = false;
    }
  }

  #replace(assignment) {
    this.done = this.done.filter((one) => one.assignment.candidate !== assignment.candidate);
    this.#queue.unspoke(assignment.candidate);
    this.#queue.ahead = this.#queue.ahead.filter((one) => one.candidate !== assignment.candidate);
    this.back = 0;
    this.#show(assignment, 0);
  }

  /** Asks the server anew what is to be labeled. */
  #resync() {
    this.#queue.clear();
    this.current = null;
    this.#queue.fill(null);
    this.#display();
  }

  describe(entry) {
    return entry.kind === "skip" ? t("skippedShort") : this.className(entry.class);
  }

  /** Gives an image that was labeled a while ago another label. */
  #change(id) {
    const entry = this.entry;
    if (this.session.overlap > 1) return toast(t("useReview"));
    if (entry.kind === "label" && entry.class === id) return;
    const before = { kind: entry.kind, class: entry.class, changed: entry.changed };
    const text = t("changed", { from: this.describe(entry), to: this.className(id) });
    Object.assign(entry, { kind: "label", class: id, changed: true });
    this.#outbox.add("correct", { candidate: entry.assignment.candidate, class: id }).done.catch((error) => {
      Object.assign(entry, before);
      this.#explain(entry.assignment.name, error);
      this.onchange(this);
    });
    toast(text);
    this.onchange(this);
  }

  /** Looks `steps` images back, or forward again. */
  look(steps) {
    const back = Math.min(this.done.length, Math.max(0, this.back + steps));
    if (back === this.back) return;
    this.#pause();
    this.back = back;
    this.#display();
    const entry = this.entry;
    announce(entry ? t("lookingBack", { name: entry.assignment.name, what: this.describe(entry) }) : t("lookingNow"));
  }

  flags() {
    return (this.shown?.flags ?? []).filter((flag) => flag.annotator === this.session.annotator);
  }

  flag(note) {
    const { candidate } = this.shown;
    this.shown.flags = [...this.#othersFlags(), { annotator: this.session.annotator, note }];
    this.#outbox.add("flag", { candidate, note }).done.catch((error) => this.#explain(this.shown?.name, error));
    toast(t("flagged"));
    this.onchange(this);
  }

  unflag() {
    const { candidate } = this.shown;
    this.shown.flags = this.#othersFlags();
    this.#outbox.add("unflag", { candidate }).done.catch((error) => this.#explain(this.shown?.name, error));
    toast(t("unflagged"));
    this.onchange(this);
  }

  #othersFlags() {
    return (this.shown.flags ?? []).filter((flag) => flag.annotator !== this.session.annotator);
  }

  /** Loads the picture on the screen once more. */
  reload() {
    this.#display();
  }

  /** Asks for more at once, after an error or a stop. */
  askAgain() {
    this.#queue.fill(this.current);
    this.#outbox.retry();
  }
}
