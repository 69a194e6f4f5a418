// Brightness and contrast: a window over the samples, as radiologists know it.

/** What the expert changed: shifts by a share of the window, widths as factors. */
export const NEUTRAL = Object.freeze({ brightness: 0, contrast: 1, invert: false });

export const isNeutral = (levels) => levels.brightness === 0 && levels.contrast === 1 && !levels.invert;

/** Changes levels within what still shows something. */
export function adjust(levels, brightness, contrast) {
  return {
    ...levels,
    brightness: round(Math.min(1, Math.max(-1, levels.brightness + brightness))),
    contrast: round(Math.min(20, Math.max(0.1, levels.contrast * contrast))),
  };
}

const round = (x) => Math.round(x * 1000) / 1000;

/** The window in samples: brighter means a lower centre, more contrast a narrower one. */
export function windowOf(picture, levels) {
  const { low, high } = picture.samples ?? { low: 0, high: 255 };
  const span = Math.max(1, high - low);
  return { center: (low + high) / 2 - levels.brightness * span, width: span / levels.contrast };
}

/** The picture as it looks with these levels, for drawing. It is kept with the picture. */
export function develop(picture, levels) {
  if (!picture.samples && isNeutral(levels)) return picture.bitmap;
  const source = picture.samples ?? picture.pixels();
  picture.print ??= blank(source.width, source.height);
  const { print } = picture;
  if (print.levels === levels) return print.canvas;
  const table = lookup(windowOf(picture, levels), levels.invert, picture.samples ? 65536 : 256);
  if (picture.samples) paintGrey(source.data, table, print.image.data);
  else paintColour(source.data, table, print.image.data);
  print.canvas.getContext("2d").putImageData(print.image, 0, 0);
  print.levels = levels;
  return print.canvas;
}

function blank(width, height) {
  return { canvas: new OffscreenCanvas(width, height), image: new ImageData(width, height), levels: null };
}

/** The grey of each sample. */
export function lookup({ center, width }, invert, size) {
  const table = new Uint8ClampedArray(size);
  const low = center - width / 2;
  for (let i = 0; i < size; i += 1) {
    const grey = ((i - low) / width) * 255;
    table[i] = invert ? 255 - grey : grey;
  }
  return table;
}

function paintGrey(samples, table, out) {
  const words = new Uint32Array(out.buffer);
  const opaque = Uint32Array.from(table, (grey) => 0xff000000 | (grey * 0x010101));
  for (let i = 0; i < words.length; i += 1) words[i] = opaque[samples[i]];
}

function paintColour(pixels, table, out) {
  for (let i = 0; i < pixels.length; i += 4) {
    out[i] = table[pixels[i]];
    out[i + 1] = table[pixels[i + 1]];
    out[i + 2] = table[pixels[i + 2]];
    out[i + 3] = pixels[i + 3];
  }
}
