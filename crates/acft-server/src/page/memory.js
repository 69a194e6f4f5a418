// Images of patients are kept in the page's memory alone, never in the
// browser's cache: what is kept goes with the page, or with the token.

// Encoded images, of which many are looked at more than once: in review, and
// when the expert goes back.
const MOST_BYTES = 96 << 20;

/** Files by their address; the ones that were not asked for longest go first. */
export class Memory {
  #files = new Map();
  #bytes = 0;

  get(path) {
    const file = this.#files.get(path);
    if (!file) return null;
    this.#files.delete(path);
    this.#files.set(path, file);
    return answer(file);
  }

  /** Keeps an answer, and gives one like it. */
  async keep(path, response) {
    const file = { blob: await response.blob(), headers: response.headers };
    this.#forget(path);
    this.#files.set(path, file);
    this.#bytes += file.blob.size;
    for (const old of this.#files.keys()) {
      if (this.#bytes <= MOST_BYTES || old === path) break;
      this.#forget(old);
    }
    return answer(file);
  }

  clear() {
    this.#files.clear();
    this.#bytes = 0;
  }

  #forget(path) {
    this.#bytes -= this.#files.get(path)?.blob.size ?? 0;
    this.#files.delete(path);
  }
}

const answer = ({ blob, headers }) => new Response(blob, { headers });
