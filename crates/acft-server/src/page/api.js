// Talks to the server. Every error is one of two kinds, because the page
// treats them differently: what the server refused must be explained, and
// what did not reach it must be tried again.

import { Memory } from "./memory.js";

/** The server did not answer, or cannot keep anything for the moment. */
export class Unreachable extends Error {
  /** `status` is 0 where nothing answered at all. */
  constructor(message, help = "", status = 0) {
    super(message);
    this.help = help;
    this.status = status;
  }
}

/** The server answered no. */
export class Refused extends Error {
  constructor(status, message, help = "") {
    super(message);
    this.status = status;
    this.help = help;
  }
}

const PATIENCE_MS = 35_000;
const RETRIABLE = new Set([408, 429, 500, 502, 503, 504]);

export class Api {
  #asking = null;
  #memory = new Memory();

  /** `askToken` is called when the server wants a token; it resolves to one. */
  constructor(askToken) {
    this.askToken = askToken;
    this.clockOffset = 0;
    const hash = new URLSearchParams(location.hash.slice(1));
    for (const name of ["token", "annotator"]) {
      if (hash.has(name)) sessionStorage.setItem(`acft.${name}`, hash.get(name));
    }
    // The token must not stay where it can be read over a shoulder or bookmarked.
    if (hash.has("token")) history.replaceState(null, "", location.pathname + location.search);
  }

  get(path) {
    return this.#send("GET", path).then((response) => response.json());
  }

  post(path, body = {}) {
    return this.#send("POST", path, JSON.stringify(body)).then((response) => response.json());
  }

  /** A picture or samples: the response itself, for its headers. */
  async raw(path, signal) {
    return this.#memory.get(path) ?? this.#memory.keep(path, await this.#send("GET", path, undefined, signal));
  }

  /** The server's clock, as far as it is known. */
  now() {
    return Date.now() + this.clockOffset;
  }

  async #send(method, path, body, signal) {
    for (;;) {
      const used = sessionStorage.getItem("acft.token");
      const response = await this.#once(method, path, body, signal, used);
      if (response.status === 401) {
        await this.#renewToken(used);
        continue;
      }
      document.documentElement.classList.remove("locked");
      if (response.ok) return response;
      throw await failure(response);
    }
  }

  async #once(method, path, body, signal, token) {
    const headers = {};
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (token) headers.Authorization = `Bearer ${token}`;
    else if (sessionStorage.getItem("acft.annotator")) {
      headers["X-Annotator"] = sessionStorage.getItem("acft.annotator");
    }
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), PATIENCE_MS);
    signal?.addEventListener("abort", () => late.abort(), { once: true });
    try {
      const response = await fetch(path, { method, headers, body, signal: late.signal });
      const date = Date.parse(response.headers.get("Date") ?? "");
      if (Number.isFinite(date) && method === "POST") this.clockOffset = date - Date.now();
      return response;
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Unreachable(String(error.message ?? error));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks once, however many requests were turned away. */
  async #renewToken(used) {
    if (sessionStorage.getItem("acft.token") !== used) return;
    // Whoever sits here now may not be one who may see them.
    this.#memory.clear();
    document.documentElement.classList.add("locked");
    this.#asking ??= Promise.resolve(this.askToken(Boolean(used))).then((token) => {
      sessionStorage.setItem("acft.token", token);
      this.#asking = null;
    });
    await this.#asking;
  }
}

async function failure(response) {
  let message = `${response.status} ${response.statusText}`.trim();
  let help = "";
  try {
    const body = await response.json();
    message = body.error ?? message;
    help = body.help ?? "";
  } catch {
    // A proxy's error page is no JSON; the status says enough.
  }
  return RETRIABLE.has(response.status) ? new Unreachable(message, help, response.status) : new Refused(response.status, message, help);
}

/** The address of something of a candidate. */
export const candidatePath = (key, part = "") => `/api/candidates/${encodeURIComponent(key)}${part && `/${part}`}`;
