// A project of drawn images, and the server that has it: made afresh for each test.

import { spawn, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { crc32, deflateSync } from 'node:zlib';

/** The binary under test. */
export const ACFT = process.env.ACFT ?? new URL('../../target/debug/acft', import.meta.url).pathname;

export const CLASSES = ['plain', 'spot'];

/** Runs `acft` to its end and returns what it printed. */
export function acft(...args) {
  return execFileSync(ACFT, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Makes a project of `count` drawn images without labels; `before` may add to the images. */
export function makeProject({ count = 60, size = 40, classes = CLASSES, args = [], before } = {}) {
  const root = mkdtempSync(join(tmpdir(), 'acft-live-'));
  const images = join(root, 'images');
  mkdirSync(images);
  for (let index = 0; index < count; index++) {
    writeFileSync(join(images, name(index)), png(size, size, drawing(index, size)));
  }
  before?.(images);
  const project = join(root, 'project');
  acft('init', project, '--images', images, '--classes', classes.join(','),
    '--from-scratch', '--model', 'squeezenet1_1', '--input', '32', '--patches', 'crop:4',
    '--alpha', '0.5', '--batch', '6', '--epochs', '1', ...args);
  return { root, project, remove: () => rmSync(root, { recursive: true, force: true }) };
}

export const name = (index) => `image-${String(index).padStart(4, '0')}.png`;

/** What an honest expert says of an image: every third one has a spot. */
export const truth = (index) => (index % 3 === 0 ? 1 : 0);
export const truthOf = (fileName) => truth(Number(/(\d+)\.png/.exec(fileName)[1]));

function drawing(index, size) {
  const random = lcg(index + 1);
  const [x, y] = [0.3 + 0.4 * random(), 0.3 + 0.4 * random()].map((share) => share * size);
  return (px, py) => {
    const noise = 40 * random();
    const spot = truth(index) && Math.hypot(px - x, py - y) < size / 6 ? 120 : 0;
    return Math.round(60 + noise + spot);
  };
}

function lcg(seed) {
  let state = (seed * 2654435761) >>> 0;
  return () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32);
}

/** A grey PNG; `value(x, y)` is 0–255, or with depth 16 0–65535. */
export function png(width, height, value, depth = 8) {
  const bytes = depth / 8;
  const rows = Buffer.alloc(height * (1 + width * bytes));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      rows.writeUIntBE(value(x, y), y * (1 + width * bytes) + 1 + x * bytes, bytes);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, 0, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind, 'latin1'), data]);
  const framed = Buffer.alloc(8 + body.length);
  framed.writeUInt32BE(data.length, 0);
  framed.set(body, 4);
  framed.writeUInt32BE(crc32(body), 4 + body.length);
  return framed;
}

/** Starts `acft serve` and waits until it says where it is. */
export async function serve(project, ...args) {
  const port = args.includes('--port') ? [] : ['--port', '0'];
  const child = spawn(ACFT, ['serve', project, ...port, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (data) => { log = (log + data).slice(-20_000); });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  const url = await Promise.race([
    new Promise((resolve) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const found = /http:\/\/[^\s]+/.exec(line);
        if (found) resolve(found[0].replace(/\/$/, ''));
      });
    }),
    ended.then(() => { throw new Error(`acft serve ended before it served:\n${log}`); }),
  ]);
  return {
    url,
    child,
    ended,
    log: () => log,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}

/** A client of the API, as one annotator. */
export function client(url, { annotator = 'expert', token } = {}) {
  const headers = token ? { authorization: `Bearer ${token}` } : { 'x-annotator': annotator };
  async function ask(method, path, body) {
    const answer = await fetch(url + path, {
      method,
      headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    const json = text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text;
    if (!answer.ok) throw Object.assign(new Error(`${method} ${path}: ${answer.status} ${text}`), { status: answer.status, json });
    return json;
  }
  return {
    get: (path) => ask('GET', path),
    post: (path, body = {}) => ask('POST', path, body),
  };
}

/** Waits until `check` gives something true. */
export async function until(check, { seconds = 60, every = 200, what = 'what was waited for' } = {}) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what} did not come within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}
