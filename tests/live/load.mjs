// Fifty annotators at once for a minute, while the network trains behind them:
// how long does a label take? A benchmark, not a test: it asserts nothing.
//
//     cargo build --release && ACFT=target/release/acft node tests/live/load.mjs

import { acft, client, makeProject, serve, truthOf } from './project.mjs';

const ANNOTATORS = Number(process.env.ANNOTATORS ?? 50);
const SECONDS = Number(process.env.SECONDS ?? 60);
// A label every two seconds is faster than anyone reads an image.
const PAUSE = Number(process.env.PAUSE ?? 1000);

const made = makeProject({ count: 6000, size: 32, args: ['--epochs', '4', '--patches', 'crop:12'] });
const server = await serve(made.project);
const taken = { next: [], label: [] };
const phases = new Map();
const end = Date.now() + SECONDS * 1000;

async function timed(list, ask) {
  const begun = performance.now();
  const answer = await ask();
  list.push(performance.now() - begun);
  return answer;
}

async function annotate(number) {
  const api = client(server.url, { annotator: `annotator-${number}` });
  await pause(Math.random() * PAUSE);
  while (Date.now() < end) {
    const { assignments } = await timed(taken.next, () => api.post('/api/next', { count: 1 }));
    if (assignments.length === 0) return;
    await pause(PAUSE * (0.5 + Math.random()));
    const [{ candidate, name }] = assignments;
    await timed(taken.label, () => api.post('/api/label', { candidate, class: truthOf(name), seconds: 1 }));
  }
}

async function watch() {
  const api = client(server.url);
  while (Date.now() < end) {
    const { work } = await api.get('/api/progress');
    phases.set(work.phase, (phases.get(work.phase) ?? 0) + 1);
    await pause(500);
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

try {
  await Promise.all([watch(), ...Array.from({ length: ANNOTATORS }, (_, number) => annotate(number))]);
} finally {
  await server.stop();
}

const seen = [...phases.values()].reduce((sum, count) => sum + count, 0);
console.log(`${ANNOTATORS} annotators, ${SECONDS} s; the network was ` +
  [...phases].map(([phase, count]) => `${phase} ${Math.round((100 * count) / seen)} %`).join(', '));
for (const [what, list] of Object.entries(taken)) {
  list.sort((a, b) => a - b);
  const at = (share) => list[Math.min(list.length - 1, Math.floor(share * list.length))].toFixed(1);
  console.log(`${what}: ${list.length} requests, ms: median ${at(0.5)}, p99 ${at(0.99)}, slowest ${at(1)}`);
}
const models = JSON.parse(acft('status', '--project', made.project, '--json'));
console.log(`labels ${models.labels}, fine-tunings ${models.model?.step ?? 0}`);
made.remove();
