// Sends what the expert said, in order and in the background. Nothing leaves
// the outbox before the server has answered, and a copy is kept in the
// browser, so that a closed window or a crash loses nothing.

import { Refused, candidatePath } from "./api.js";

const WAITS_MS = [500, 1000, 2000, 4000, 8000, 15_000];
const PREFIX = "acft.outbox/";
/** How keys began when they ended in PROJECT.ANNOTATOR.TAB, by name. */
const OLDER = "acft.outbox.";
const ABANDONED_MS = 20_000;

const PATHS = {
  label: "/api/label",
  skip: "/api/skip",
  undo: "/api/undo",
  flag: "/api/flag",
  unflag: "/api/unflag",
  correct: "/api/correct",
};

const REPEATED = new Set(["label", "skip", "undo"]);

export class Outbox {
  #api;
  #session;
  #key;
  #tab;
  #running = false;
  #wake = null;
  ops = [];
  trouble = null;
  onchange = () => {};
  /** What came of an entry that an earlier page left behind. */
  onleftover = () => {};
  /** An entry of an earlier page was taken over after this one was begun. */
  onadopted = () => {};

  constructor(api, session) {
    this.#api = api;
    this.#session = session;
    const tab = (sessionStorage.getItem("acft.tab") ?? crypto.getRandomValues(new Uint32Array(1))[0].toString(36));
    sessionStorage.setItem("acft.tab", tab);
    this.#tab = tab;
    // What is encoded has no slash: no name is the beginning of another, and
    // projects of one name are told apart by their ids.
    const scope = `${PREFIX}${encodeURIComponent(session.id)}/${encodeURIComponent(session.annotator)}/`;
    this.#key = scope + tab;
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(scope)) this.#adopt(key, this.#left(key, key === this.#key));
    }
    addEventListener("online", () => this.retry());
    setInterval(() => this.ops.length && this.#keep(), ABANDONED_MS / 4);
  }

  /** How many labels and skips the server does not have yet. */
  get unsaved() {
    return this.ops.length;
  }

  /** Begins sending what earlier pages left behind. */
  start() {
    this.#changed();
    this.#run();
    this.#adoptOlder();
    // A tab that was open a moment ago may have been closed, and a server that was away may be there.
    setTimeout(() => this.#adoptOlder(), ABANDONED_MS + 1000);
  }

  /** Puts something in; its `done` settles when the server has answered. */
  add(kind, body, candidate = body.candidate) {
    const op = { kind, body, candidate, attempts: 0 };
    op.done = new Promise((resolve, reject) => Object.assign(op, { resolve, reject }));
    // An op that nobody waits for must not count as an unhandled error.
    op.done.catch(() => {});
    this.ops.push(op);
    this.#changed();
    this.#run();
    return op;
  }

  /** Takes back what was never sent. Says whether it could. */
  cancel(op) {
    const at = this.ops.indexOf(op);
    if (at < 0 || op.attempts > 0) return false;
    this.ops.splice(at, 1);
    this.#changed();
    return true;
  }

  /** Tries again at once. */
  retry = () => this.#wake?.();

  async #run() {
    if (this.#running) return;
    this.#running = true;
    while (this.ops.length > 0) {
      const op = this.ops[0];
      op.attempts += 1;
      this.#keep();
      try {
        const answer = await this.#send(op);
        this.#settle(op, () => op.resolve(answer));
      } catch (error) {
        if (error instanceof Refused) this.#settle(op, () => op.reject(error));
        else await this.#wait(op, error);
      }
    }
    this.#running = false;
  }

  /** An answer may be lost on the way, and a refusal then means that the first try did it. */
  async #send(op) {
    // Which word was meant is not known: a second try might take back a second one.
    if (op.kind === "undo" && !op.candidate && op.attempts > 1) return { assignment: null };
    try {
      return await this.#api.post(PATHS[op.kind], op.body);
    } catch (error) {
      // Browsers repeat a request by themselves where a connection broke.
      if (error.status !== 409 || !op.candidate || !REPEATED.has(op.kind)) throw error;
      const now = await this.#api.get(candidatePath(op.candidate));
      const vote = this.#vote(now);
      if (op.kind === "undo" && !vote) return { assignment: null };
      const same = vote && (vote.class ?? null) === (op.body.class ?? null);
      if (op.kind !== "undo" && same) return { event: null, why: now.why };
      throw error;
    }
  }

  #vote(candidate) {
    return candidate.votes.findLast((vote) => vote.annotator === this.#session.annotator);
  }

  #settle(op, tell) {
    this.trouble = null;
    this.ops.splice(this.ops.indexOf(op), 1);
    this.#changed();
    tell();
  }

  async #wait(op, error) {
    const ms = WAITS_MS[Math.min(op.attempts, WAITS_MS.length) - 1];
    this.trouble = { error, until: Date.now() + ms };
    this.#changed();
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => (clearTimeout(timer), resolve());
    });
    this.#wake = null;
  }

  #changed() {
    this.#keep();
    this.onchange(this);
  }

  #keep() {
    try {
      if (this.ops.length === 0) localStorage.removeItem(this.#key);
      else localStorage.setItem(this.#key, JSON.stringify({ at: Date.now(), ops: this.ops.map(plain) }));
    } catch {
      // Without storage the warning on leaving the page still protects.
    }
  }

  /** What this tab, or one that was closed, left behind under a key; none where it is still open. */
  #left(key, own) {
    try {
      const kept = JSON.parse(localStorage.getItem(key));
      if (!own && Date.now() - kept.at < ABANDONED_MS) return null;
      return [...kept.ops];
    } catch {
      localStorage.removeItem(key);
      return null;
    }
  }

  /** Takes it over. */
  #adopt(key, ops) {
    if (!ops) return;
    localStorage.removeItem(key);
    for (const left of ops) {
      const op = { ...left };
      op.done = new Promise((resolve, reject) => Object.assign(op, { resolve, reject }));
      op.done.then(() => this.onleftover(op, null), (error) => this.onleftover(op, error));
      this.ops.push(op);
    }
  }

  /**
   * Takes over what a page of an earlier build left behind. Its key has names
   * alone: where a dot in one of them could be the dot between them, or the
   * candidates are of another project of that name, it is left where it is.
   */
  async #adoptOlder() {
    for (const key of Object.keys(localStorage)) {
      const [project, annotator, ...rest] = key.startsWith(OLDER) ? key.slice(OLDER.length).split(".") : [];
      if (project !== this.#session.project || annotator !== this.#session.annotator || rest.length !== 1) continue;
      const ops = this.#left(key, rest[0] === this.#tab);
      if (!ops || !(await this.#isOurs(ops)) || localStorage.getItem(key) === null) continue;
      const before = this.ops.length;
      this.#adopt(key, ops);
      this.ops.slice(before).forEach(this.onadopted);
      this.#changed();
      this.#run();
    }
  }

  async #isOurs(ops) {
    const candidates = new Set(ops.map((op) => op.candidate).filter(Boolean));
    try {
      for (const candidate of candidates) await this.#api.get(candidatePath(candidate));
    } catch {
      return false;
    }
    return candidates.size > 0;
  }
}

const plain = ({ kind, body, candidate, attempts }) => ({ kind, body, candidate, attempts });
