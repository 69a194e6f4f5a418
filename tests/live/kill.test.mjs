// kill -9 at random moments, under labeling load: no label that the server
// acknowledged is ever missing, none is there twice, and `acft check` is clean.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLASSES, acft, client, makeProject, serve, truthOf } from './project.mjs';

const KILLS = Number(process.env.KILLS ?? 100);
const ANNOTATORS = 4;

test(`${KILLS} kills lose no acknowledged label`, { timeout: 1_200_000 }, async () => {
  const made = makeProject({ count: 900, size: 12 });
  const acknowledged = new Map(); // candidate → class id, as last acknowledged
  let unanswered = 0;
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const server = await serve(made.project);
      let stopped = false;
      const work = Array.from({ length: ANNOTATORS }, async (_, number) => {
        const api = client(server.url, { annotator: `annotator-${number}` });
        while (!stopped) {
          try {
            const { assignments } = await api.post('/api/next', { count: 2 });
            if (assignments.length === 0) break;
            for (const { candidate, name } of assignments) {
              const label = truthOf(name);
              await api.post('/api/label', { candidate, class: label, seconds: 0.1 });
              assert.ok(!acknowledged.has(candidate), `${name} was served after it was labeled`);
              acknowledged.set(candidate, label);
            }
          } catch (error) {
            // A label in flight when the server dies may be kept or not; it
            // was not acknowledged. Everything else is a fault.
            if (!stopped || error.status || error instanceof assert.AssertionError) throw error;
            unanswered += 1;
          }
        }
      });
      const all = Promise.all(work);
      await Promise.race([new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 380)), all]);
      stopped = true;
      await server.stop('SIGKILL');
      await all;
    }
    const rows = acft('export', 'labels', '--project', made.project, '--format', 'jsonl')
      .trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
    const kept = new Map(rows.map((row) => [row.key, row.label]));
    assert.equal(kept.size, rows.length, 'a candidate has two labels');
    for (const [candidate, label] of acknowledged) {
      assert.equal(kept.get(candidate), CLASSES[label], `the label of ${candidate} is lost or changed`);
    }
    assert.ok(acknowledged.size > KILLS, `only ${acknowledged.size} labels were given`);
    const more = kept.size - acknowledged.size;
    assert.ok(more <= unanswered, `${more} labels nobody gave`);
    acft('check', '--project', made.project);
    console.log(`${KILLS} kills, ${acknowledged.size} labels acknowledged, ${more} more kept that were in flight`);
  } finally {
    made.remove();
  }
});
