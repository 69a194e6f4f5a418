// Fetches and decodes the pictures of candidates before they are needed.

import { candidatePath } from "./api.js";

// A decoded picture may take 16 MB, so few are kept.
const KEPT = 10;

export class Pictures {
  #api;
  #cache = new Map();

  constructor(api) {
    this.#api = api;
  }

  /** The picture of a candidate, loading or loaded. Asking makes it recent. */
  of(candidate) {
    const key = candidate.candidate;
    let picture = this.#cache.get(key);
    if (picture && picture.state !== "failed") {
      this.#cache.delete(key);
    } else {
      picture = new Picture(candidate);
      picture.load(this.#api);
    }
    this.#cache.set(key, picture);
    for (const old of this.#cache.keys()) {
      if (this.#cache.size <= KEPT) break;
      this.#cache.delete(old);
    }
    return picture;
  }

  /** The patches side by side, as the address of a blob. */
  async patches(key) {
    const response = await this.#api.raw(candidatePath(key, "patches"));
    return { url: URL.createObjectURL(await response.blob()), count: Number(response.headers.get("X-Patches")) };
  }
}

/** One picture: `bitmap` as the browser decodes it, `samples` where there are 16 bits. */
export class Picture {
  state = "loading";
  bitmap = null;
  samples = null;
  /** As it was last developed. */
  print = null;
  #image = null;

  constructor({ candidate, width, height, depth, region, name, problem }) {
    Object.assign(this, { candidate, width, height, depth, region, name, problem });
  }

  load(api) {
    this.ready = this.#load(api);
    this.ready.catch(() => {});
  }

  async #load(api) {
    try {
      if (this.problem) throw new Error(this.problem);
      // The preview will do where the samples cannot be had.
      if (this.depth > 8) await this.#loadSamples(api).catch(() => {});
      if (!this.samples) await this.#loadBitmap(api);
      this.width ??= (this.samples ?? this.bitmap).width;
      this.height ??= (this.samples ?? this.bitmap).height;
      this.state = "ready";
    } catch (error) {
      this.state = "failed";
      this.error = error;
      throw error;
    }
  }

  async #loadBitmap(api) {
    const response = await api.raw(candidatePath(this.candidate, "image"));
    this.bitmap = await createImageBitmap(await response.blob());
  }

  async #loadSamples(api) {
    const response = await api.raw(candidatePath(this.candidate, "samples"));
    const width = Number(response.headers.get("X-Width"));
    const height = Number(response.headers.get("X-Height"));
    const data = littleEndian(await response.arrayBuffer());
    if (width > 0 && data.length === width * height) {
      // The window that the network looks through: both begin with the same picture.
      const low = Number(response.headers.get("X-Low"));
      const high = Number(response.headers.get("X-High"));
      this.samples = { width, height, data, low, high };
    }
  }

  /** The pixels of the bitmap, read once they are needed. */
  pixels() {
    if (!this.#image) {
      const canvas = new OffscreenCanvas(this.bitmap.width, this.bitmap.height);
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(this.bitmap, 0, 0);
      this.#image = context.getImageData(0, 0, canvas.width, canvas.height);
    }
    return this.#image;
  }
}

function littleEndian(buffer) {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] === 1) return new Uint16Array(buffer);
  const view = new DataView(buffer);
  return Uint16Array.from({ length: buffer.byteLength / 2 }, (_, i) => view.getUint16(2 * i, true));
}
