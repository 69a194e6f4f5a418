// Shows one picture: zoom, pan, brightness and contrast, and where the
// candidate is in it.

import { NEUTRAL, adjust, develop, isNeutral, windowOf } from "./levels.js";
import { h, t } from "./dom.js";

const CLOSEST = 64;
const CONTEXT = 3;
const STEP = 1.25;

export class Viewer {
  #canvas;
  #context;
  #dirty = false;
  #pointers = new Map();
  #developed = null;
  #settling = null;
  picture = null;
  levels = NEUTRAL;
  outline = true;
  /** Whether pictures open on the candidate rather than whole. */
  close = localStorage.getItem("acft.view") !== "whole";
  onlevels = () => {};
  onpaint = () => {};

  constructor(stage) {
    this.stage = stage;
    this.#canvas = h("canvas", { role: "img", class: "picture" });
    this.#context = this.#canvas.getContext("2d", { alpha: false });
    stage.prepend(this.#canvas);
    new ResizeObserver(() => this.#resize()).observe(stage);
    this.#listen();
  }

  /** Shows a picture that is ready, now rather than in the next frame. */
  show(picture) {
    this.picture = picture;
    this.#developed = null;
    this.#canvas.setAttribute("aria-label", picture ? t("picture", { name: picture.name }) : "");
    if (picture) this.fit(this.close);
    this.onlevels(this);
    this.draw();
  }

  /** The whole picture, or the candidate with some of what is around it. */
  fit(close) {
    const { width, height, region } = this.picture;
    const [x0, y0, x1, y1] = close && region ? region : [0, 0, width, height];
    const margin = close && region ? CONTEXT : 1;
    const whole = Math.min(this.#canvas.width / width, this.#canvas.height / height);
    const scale = Math.min(this.#canvas.width / ((x1 - x0) * margin), this.#canvas.height / ((y1 - y0) * margin));
    this.whole = whole;
    this.scale = Math.max(whole, scale);
    this.x = (x0 + x1) / 2;
    this.y = (y0 + y1) / 2;
    this.fitted = true;
    this.x = this.#within(this.x, this.#canvas.width, width);
    this.y = this.#within(this.y, this.#canvas.height, height);
    this.#clamp();
    this.ask();
  }

  /** Changes between the whole picture and the candidate, and remembers it. */
  toggleFit() {
    if (!this.picture) return;
    const atFit = this.fitted;
    if (atFit && this.picture.region) {
      this.close = !this.close;
      localStorage.setItem("acft.view", this.close ? "close" : "whole");
    }
    this.fit(this.close);
  }

  zoom(factor, cx = this.#canvas.width / 2, cy = this.#canvas.height / 2) {
    if (!this.picture) return;
    const before = this.#toPicture(cx, cy);
    this.scale = Math.min(Math.max(CLOSEST, this.whole), Math.max(this.whole * 0.5, this.scale * factor));
    const after = this.#toPicture(cx, cy);
    this.x += before[0] - after[0];
    this.y += before[1] - after[1];
    this.fitted = false;
    this.#clamp();
    this.ask();
  }

  zoomIn = () => this.zoom(STEP);
  zoomOut = () => this.zoom(1 / STEP);

  /** Moves what is seen, by shares of the view. */
  pan(dx, dy) {
    if (!this.picture) return;
    this.#move(dx * this.#canvas.width, dy * this.#canvas.height);
  }

  level(brightness, contrast) {
    this.#setLevels(adjust(this.levels, brightness, contrast));
  }

  setLevels(levels) {
    this.#setLevels({ ...this.levels, ...levels });
  }

  invert = () => this.#setLevels({ ...this.levels, invert: !this.levels.invert });
  resetLevels = () => this.#setLevels(NEUTRAL);

  toggleOutline = () => {
    this.outline = !this.outline;
    this.ask();
  };

  /** The levels in words, or nothing where they are untouched. */
  describeLevels() {
    if (!this.picture || isNeutral(this.levels)) return "";
    const { brightness, contrast, invert } = this.levels;
    const parts = [];
    if (this.picture.samples) {
      const { center, width } = windowOf(this.picture, this.levels);
      parts.push(t("window", { center: Math.round(center), width: Math.round(width) }));
    } else if (brightness !== 0 || contrast !== 1) {
      const signed = `${brightness > 0 ? "+" : ""}${Math.round(brightness * 100)}`;
      parts.push(t("levels", { brightness: signed, contrast: Math.round(contrast * 100) }));
    }
    if (invert) parts.push(t("inverted"));
    return parts.join(" · ");
  }

  /** Develops a picture before it is shown, so that showing it is quick. */
  prepare(picture) {
    develop(picture, this.levels);
  }

  /** Draws in the next frame, once however often it is asked. */
  ask() {
    if (this.#dirty) return;
    this.#dirty = true;
    requestAnimationFrame(() => this.#dirty && this.draw());
  }

  draw() {
    this.#dirty = false;
    const context = this.#context;
    const { width, height } = this.#canvas;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = getComputedStyle(this.stage).backgroundColor;
    context.fillRect(0, 0, width, height);
    if (!this.picture) return;
    this.#developed ??= develop(this.picture, this.levels);
    const left = width / 2 - this.x * this.scale;
    const top = height / 2 - this.y * this.scale;
    // While something is dragged, being quick matters more than being smooth.
    context.imageSmoothingQuality = this.#settling ? "low" : "high";
    context.drawImage(this.#developed, left, top, this.picture.width * this.scale, this.picture.height * this.scale);
    if (this.outline && this.picture.region) this.#drawOutline(left, top);
    this.#drawOverview(left, top);
    this.onpaint(this.picture);
  }

  /** Corners rather than a frame: the edge of a lesion is often on the frame. */
  #drawOutline(left, top) {
    const [x0, y0, x1, y1] = this.picture.region.map((v, i) => (i % 2 ? top : left) + v * this.scale);
    const ratio = devicePixelRatio;
    const arm = Math.max(6 * ratio, Math.min(24 * ratio, 0.28 * Math.min(x1 - x0, y1 - y0)));
    const path = new Path2D();
    for (const [x, y, dx, dy] of [[x0, y0, 1, 1], [x1, y0, -1, 1], [x1, y1, -1, -1], [x0, y1, 1, -1]]) {
      path.moveTo(x + dx * arm, y);
      path.lineTo(x, y);
      path.lineTo(x, y + dy * arm);
    }
    const frame = new Path2D();
    frame.rect(x0, y0, x1 - x0, y1 - y0);
    this.#stroke(frame, "rgba(0,0,0,.35)", 2 * ratio);
    this.#stroke(frame, "rgba(255,255,255,.28)", ratio);
    this.#stroke(path, "rgba(0,0,0,.7)", 5 * ratio);
    this.#stroke(path, getComputedStyle(this.stage).getPropertyValue("--outline") || "#fff", 2 * ratio);
  }

  /** Where in the whole picture this is, once some of it is out of sight. */
  #drawOverview(left, top) {
    const { width, height } = this.#canvas;
    const w = this.picture.width * this.scale;
    const h = this.picture.height * this.scale;
    if (left > -2 && top > -2 && left + w < width + 2 && top + h < height + 2) return;
    const ratio = devicePixelRatio;
    const side = Math.min(132 * ratio, width / 4);
    const shrink = side / Math.max(this.picture.width, this.picture.height);
    const ow = this.picture.width * shrink;
    const oh = this.picture.height * shrink;
    const ox = width - ow - 14 * ratio;
    const oy = 14 * ratio;
    const context = this.#context;
    context.drawImage(this.#developed, ox, oy, ow, oh);
    const edge = new Path2D();
    edge.rect(ox, oy, ow, oh);
    this.#stroke(edge, "rgba(255,255,255,.35)", ratio);
    const view = new Path2D();
    const clip = (v, most) => Math.min(Math.max(v, 0), most);
    const vx = clip((-left / this.scale) * shrink, ow);
    const vy = clip((-top / this.scale) * shrink, oh);
    const vw = clip(((width - left) / this.scale) * shrink, ow) - vx;
    const vh = clip(((height - top) / this.scale) * shrink, oh) - vy;
    view.rect(ox + vx, oy + vy, vw, vh);
    this.#stroke(view, "rgba(0,0,0,.6)", 3 * ratio);
    this.#stroke(view, "#fff", 1.5 * ratio);
  }

  #stroke(path, colour, width) {
    this.#context.lineWidth = width;
    this.#context.strokeStyle = colour;
    this.#context.stroke(path);
  }

  #setLevels(levels) {
    this.levels = levels;
    this.#developed = null;
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      this.#settling = null;
      this.ask();
    }, 150);
    this.onlevels(this);
    this.ask();
  }

  #toPicture(cx, cy) {
    return [this.x + (cx - this.#canvas.width / 2) / this.scale, this.y + (cy - this.#canvas.height / 2) / this.scale];
  }

  #move(dx, dy) {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.fitted = false;
    this.#clamp();
    this.ask();
  }

  /** Shows no emptiness on one side while there is picture on the other. */
  #within(center, canvas, picture) {
    const half = canvas / 2 / this.scale;
    return half * 2 >= picture ? picture / 2 : Math.min(picture - half, Math.max(half, center));
  }

  #clamp() {
    this.x = Math.min(this.picture.width, Math.max(0, this.x));
    this.y = Math.min(this.picture.height, Math.max(0, this.y));
  }

  #resize() {
    const { clientWidth, clientHeight } = this.stage;
    this.#canvas.width = Math.max(1, Math.round(clientWidth * devicePixelRatio));
    this.#canvas.height = Math.max(1, Math.round(clientHeight * devicePixelRatio));
    if (!this.picture) return this.draw();
    const { width, height } = this.picture;
    this.whole = Math.min(this.#canvas.width / width, this.#canvas.height / height);
    if (this.fitted) this.fit(this.close);
    this.draw();
  }

  #listen() {
    const canvas = this.#canvas;
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("dblclick", () => this.toggleFit());
    // The right button changes brightness and contrast, as at a workstation.
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, event);
    });
    canvas.addEventListener("pointermove", (event) => this.#drag(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => this.#pointers.delete(event.pointerId));
    }
  }

  #wheel(event) {
    event.preventDefault();
    const ratio = devicePixelRatio;
    const lines = event.deltaMode === 1 ? event.deltaY * 30 : event.deltaY;
    this.zoom(Math.exp(-lines * (event.ctrlKey ? 0.01 : 0.0015)), event.offsetX * ratio, event.offsetY * ratio);
  }

  #drag(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before || !this.picture) return;
    const ratio = devicePixelRatio;
    const dx = event.clientX - before.clientX;
    const dy = event.clientY - before.clientY;
    if (this.#pointers.size === 2) this.#pinch(event);
    else if (event.buttons & 2) this.level(-dy / 400, Math.exp(dx / 300));
    else this.#move(dx * ratio, dy * ratio);
    this.#pointers.set(event.pointerId, event);
  }

  #pinch(event) {
    const before = [...this.#pointers.values()];
    const after = before.map((one) => (one.pointerId === event.pointerId ? event : one));
    const spread = ([a, b]) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    const middle = ([a, b]) => [(a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2];
    const [bx, by] = middle(before);
    const [ax, ay] = middle(after);
    const ratio = devicePixelRatio;
    const box = this.#canvas.getBoundingClientRect();
    this.#move((ax - bx) * ratio, (ay - by) * ratio);
    this.zoom(spread(after) / Math.max(1, spread(before)), (ax - box.left) * ratio, (ay - box.top) * ratio);
  }
}
