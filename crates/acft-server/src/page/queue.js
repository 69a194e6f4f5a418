// Holds the next assignments with their decoded pictures, so that the next
// candidate can show the moment a key is pressed.

import { Unreachable } from "./api.js";

const AHEAD = 3;
const MOST = 16;
const WAITS_MS = [1000, 2000, 4000, 8000, 15_000];

export class Queue {
  #api;
  #pictures;
  #outbox;
  #filling = false;
  #again = false;
  #timer = null;
  #failures = 0;
  ahead = [];
  #asked = 0;
  /** Spoken on here, and when the server had it: an answer may still name them. */
  #spoken = new Map();
  /** Why there is nothing to show: loading, exhausted, advised, waiting, unreachable. */
  reason = "loading";
  advice = null;
  error = null;
  onchange = () => {};
  /** Called with a picture that will be needed soon. */
  prepare = () => {};

  constructor(api, pictures, outbox) {
    this.#api = api;
    this.#pictures = pictures;
    this.#outbox = outbox;
  }

  /** The next to show, if it is here. */
  take(current = null) {
    // What was held for too long may be with somebody else by now.
    this.ahead = this.ahead.filter((one) => !one.until || one.until > this.#api.now());
    const next = this.ahead.shift() ?? null;
    this.fill(next ?? current);
    return next;
  }

  /** Puts one in front again. */
  putBack(assignment) {
    if (assignment && !this.ahead.some((one) => one.candidate === assignment.candidate)) this.ahead.unshift(assignment);
  }

  /** The expert has spoken on a candidate; the server does not know yet. */
  spoke(key) {
    this.#spoken.set(key, Infinity);
  }

  /** The server knows. Only an answer that was asked for before is out of date. */
  heard(key) {
    this.#spoken.set(key, this.#asked);
  }

  /** It is to be labeled after all. */
  unspoke(key) {
    this.#spoken.delete(key);
  }

  /** Forgets what is not begun, for the server to say anew. */
  clear() {
    this.ahead = [];
  }

  /** Asks for as many as are missing. `current` is the one on the screen. */
  fill(current) {
    this.current = current;
    if (this.ahead.length >= AHEAD && current) return;
    this.#again = true;
    if (!this.#filling) this.#fillAll();
  }

  async #fillAll() {
    this.#filling = true;
    try {
      while (this.#again) await this.#fillOnce();
    } finally {
      this.#filling = false;
    }
  }

  async #fillOnce() {
    this.#again = false;
    clearTimeout(this.#timer);
    try {
      const asked = (this.#asked += 1);
      const count = Math.min(MOST, AHEAD + 1 + this.#outbox.unsaved);
      this.#arrive(await this.#api.post("/api/next", { count }), asked);
      this.#failures = 0;
    } catch (error) {
      this.#fail(error);
    }
    this.onchange(this);
  }

  #arrive({ assignments, advice, exhausted }, asked) {
    this.error = null;
    this.advice = advice ?? null;
    const held = new Set(this.ahead.map((one) => one.candidate));
    for (const assignment of assignments) {
      const key = assignment.candidate;
      const here = this.current?.candidate === key || held.has(key) || (this.#spoken.get(key) ?? -1) >= asked;
      if (!here) this.ahead.push(assignment);
    }
    for (const assignment of this.ahead.slice(0, AHEAD + 1)) this.#fetch(assignment);
    if (exhausted) this.reason = "exhausted";
    else if (advice) this.reason = "advised";
    else this.reason = "waiting";
    // Others hold what is open: theirs may come free.
    if (this.reason === "waiting" && this.ahead.length === 0 && !this.current) this.#later(5000);
  }

  #fetch(assignment) {
    const picture = this.#pictures.of(assignment);
    picture.ready.then(() => this.prepare(picture), () => {});
  }

  #fail(error) {
    this.error = error;
    this.reason = error instanceof Unreachable ? "unreachable" : "refused";
    const wait = WAITS_MS[Math.min(this.#failures, WAITS_MS.length - 1)];
    this.#failures += 1;
    this.until = Date.now() + wait;
    this.#later(wait);
  }

  #later(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.fill(this.current), ms);
  }
}
