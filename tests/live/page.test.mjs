// The page in a real browser, over the real server, with a network that
// really trains behind it.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, afterEach, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { CLASSES, acft, client, makeProject, name, png, serve, truthOf, until } from './project.mjs';

const BROWSER = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
};
/** Where screenshots go, for whoever wants to look. */
const SHOTS = process.env.SHOTS;

let browser;
before(async () => { browser = await chromium.launch(BROWSER); });
after(() => browser?.close());

describe('the page', () => {
  let made, server, pages;

  async function begin(options, ...serveArgs) {
    made = makeProject(options);
    server = await serve(made.project, ...serveArgs);
  }
  beforeEach(() => { pages = []; });
  afterEach(async () => {
    for (const page of pages) await page.context().close();
    await server?.stop();
    made?.remove();
    made = server = undefined;
  });

  /** Opens the page in a browser of its own, which no other shares anything with. */
  async function open({ token, size = { width: 1280, height: 800 } } = {}) {
    const context = await browser.newContext({ viewport: size });
    const page = await context.newPage();
    const faults = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== server.url && !['blob:', 'data:'].includes(protocol)) faults.push(`external request: ${request.url()}`);
    });
    page.faults = faults;
    pages.push(page);
    await page.goto(server.url + (token ? `/#token=${token}` : '/'));
    await shown(page);
    return page;
  }

  const shown = (page) => page.locator('#classes .class:enabled').first().waitFor({ timeout: 60_000 });
  const caption = async (page) => /image-\d+\.png/.exec(await page.locator('#caption').innerText())?.[0];
  const saved = (page) => page.getByText('All saved').waitFor({ timeout: 20_000 });
  const shot = async (page, called) => {
    if (!SHOTS) return;
    mkdirSync(SHOTS, { recursive: true });
    await page.screenshot({ path: join(SHOTS, `${called}.png`) });
  };
  const labels = () => new Map(
    acft('export', 'labels', '--project', made.project, '--format', 'jsonl')
      .trim().split('\n').filter(Boolean).map((line) => JSON.parse(line)).map((row) => [row.candidate.split('/').pop(), row]));

  /** Labels what is on the screen as an honest expert would; returns its name. */
  async function labelOne(page) {
    await shown(page);
    const before = await caption(page);
    await page.waitForTimeout(90);
    await page.keyboard.press(String(truthOf(before) + 1));
    await page.waitForFunction((old) => !document.querySelector('#caption').innerText.includes(old), before, { timeout: 20_000 });
    return before;
  }

  test('a whole batch is labeled by keyboard while the network trains', { timeout: 240_000 }, async () => {
    await begin({ count: 90 });
    const page = await open();
    await shot(page, 'labeling');
    const named = [];
    for (let n = 0; n < 20; n++) named.push(await labelOne(page));
    await saved(page);
    assert.equal(new Set(named).size, 20, 'an image came twice');
    const kept = labels();
    for (const one of named) assert.equal(kept.get(one)?.label, CLASSES[truthOf(one)], one);
    // The network learned from them, without anyone having waited.
    const api = client(server.url);
    const progress = await until(async () => {
      const now = await api.get('/api/progress');
      if (now.model?.step >= 1) return now;
      // One class alone teaches nothing: it may take more labels to meet a second.
      if (/second class/.test(now.work.message)) await labelOne(page);
      return false;
    }, { seconds: 120, what: 'the first fine-tuned model' });
    assert.ok(progress.labels >= 20);
    // And then it asks by what it has learned.
    await until(async () => {
      await labelOne(page);
      await page.keyboard.press('g');
      const told = await page.locator('#panel-body').innerText();
      await page.keyboard.press('g');
      return /number \d+/.test(told);
    }, { seconds: 120, every: 10, what: 'a candidate chosen by the network' });
    await page.keyboard.press('i');
    await page.waitForTimeout(300);
    await shot(page, 'progress');
    assert.deepEqual(page.faults, []);
  });

  test('the guess stays hidden until the label is given', { timeout: 120_000 }, async () => {
    await begin({ count: 60 });
    const api = client(server.url);
    await until(async () => (await api.get('/api/progress')).work.phase === 'idle', { what: 'the first ranking' });
    const page = await open();
    const { assignments } = await api.post('/api/next', { count: 1 });
    assert.equal(assignments[0].why, null);
    assert.equal((await api.get(`/api/candidates/${assignments[0].candidate}`)).why, null);
    await page.keyboard.press('g');
    assert.match(await page.locator('#panel-body').innerText(), /stays hidden/);
    await labelOne(page);
    await saved(page);
    assert.doesNotMatch(await page.locator('#panel-body').innerText(), /stays hidden/);
    await shot(page, 'why');
    assert.deepEqual(page.faults, []);
  });

  test('undo, skip and flag', { timeout: 120_000 }, async () => {
    await begin();
    const page = await open();
    const first = await labelOne(page);
    const second = await caption(page);
    await page.keyboard.press('u');
    await page.waitForFunction((old) => document.querySelector('#caption').innerText.includes(old), first);
    await shown(page);
    await page.waitForTimeout(90);
    await page.keyboard.press('s');
    await page.waitForFunction((old) => document.querySelector('#caption').innerText.includes(old), second);
    await shown(page);
    await page.keyboard.press('f');
    await page.keyboard.type('a shadow?');
    await page.keyboard.press('Enter');
    await saved(page);
    await page.waitForTimeout(200);
    const third = await labelOne(page);
    assert.equal(third, second);
    await saved(page);
    const kept = labels();
    assert.equal(kept.get(first), undefined, 'a label that was taken back is there');
    assert.equal(kept.get(second)?.label, CLASSES[truthOf(second)]);
    const review = await client(server.url).get('/api/review?flagged=1');
    assert.deepEqual(review.items.map((item) => item.flags[0].note), ['a shadow?']);
    assert.deepEqual(page.faults, []);
  });

  test('two experts at once never get the same image', { timeout: 180_000 }, async () => {
    made = makeProject({ count: 80 });
    const tokens = ['ada', 'ben'].map((who) =>
      /\b[0-9a-z]{20,}\b/i.exec(acft('annotator', 'add', who, '--project', made.project))[0]);
    server = await serve(made.project);
    const [ada, ben] = await Promise.all(tokens.map((token) => open({ token })));
    const seen = await Promise.all([ada, ben].map(async (page) => {
      const named = [];
      for (let n = 0; n < 12; n++) named.push(await labelOne(page));
      await saved(page);
      return named;
    }));
    assert.equal(new Set(seen.flat()).size, 24);
    const annotators = new Set([...labels().values()].map((row) => row.annotator));
    assert.deepEqual([...annotators].sort(), ['ada', 'ben']);
    assert.deepEqual([...ada.faults, ...ben.faults], []);
  });

  test('what one expert left unsent is sent in no other name, and to no other project', { timeout: 120_000 }, async () => {
    made = makeProject();
    const tokens = new Map(['ada', 'ada.smith'].map((who) =>
      [who, /\b[0-9a-z]{20,}\b/i.exec(acft('annotator', 'add', who, '--project', made.project))[0]]));
    server = await serve(made.project);
    const served = async (who) => (await client(server.url, { token: tokens.get(who) }).post('/api/next', { count: 1 })).assignments[0].candidate;
    const votes = async (candidate) =>
      (await client(server.url, { token: tokens.get('ada') }).get(`/api/candidates/${candidate}`)).votes.map((vote) => vote.annotator);
    const { id, project } = await client(server.url, { token: tokens.get('ada') }).get('/api/session');
    const [adas, smiths] = [await served('ada'), await served('ada.smith')];

    const context = await browser.newContext();
    pages.push(await context.newPage());
    const left = (candidate) => JSON.stringify({ at: 0, ops: [{ kind: 'label', body: { candidate, class: 0 }, candidate, attempts: 0 }] });
    const kept = {
      [`acft.outbox/${id}/ada.smith/tab`]: left(smiths),
      [`acft.outbox/another/ada/tab`]: left(smiths),
      // By names alone, as earlier builds kept it: this one may be smith's of project.ada.
      [`acft.outbox.${project}.ada.smith.tab`]: left(smiths),
      // The candidate is of another project of that name.
      [`acft.outbox.${project}.ada.other`]: left('0'.repeat(64)),
      [`acft.outbox.${project}.ada.tab`]: left(adas),
    };
    const keys = () => pages[0].evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('acft.outbox')).sort());
    await pages[0].goto(`${server.url}/assets/style.css`);
    await pages[0].evaluate((all) => Object.entries(all).forEach(([key, value]) => localStorage.setItem(key, value)), kept);
    await pages[0].goto(`${server.url}/#token=${tokens.get('ada')}`);
    await shown(pages[0]);
    await until(async () => (await votes(adas)).length > 0, { what: 'what ada left' });
    await saved(pages[0]);
    assert.deepEqual([await votes(adas), await votes(smiths)], [['ada'], []]);
    assert.deepEqual(await keys(), Object.keys(kept).filter((key) => !key.endsWith('.ada.tab')).sort());

    pages.push(await context.newPage());
    await pages[1].goto(`${server.url}/#token=${tokens.get('ada.smith')}`);
    await until(async () => (await votes(smiths)).length > 0, { what: 'what ada.smith left' });
    assert.deepEqual(await votes(smiths), ['ada.smith']);
  });

  test('reload in the middle shows the same image, and loses nothing', { timeout: 120_000 }, async () => {
    await begin();
    const page = await open();
    const named = [await labelOne(page), await labelOne(page)];
    await saved(page);
    const now = await caption(page);
    await page.reload();
    await shown(page);
    assert.equal(await caption(page), now);
    named.push(await labelOne(page));
    await saved(page);
    assert.deepEqual([...labels().keys()].sort(), [...named].sort());
    assert.deepEqual(page.faults, []);
  });

  test('the server is killed and started again in the middle', { timeout: 180_000 }, async () => {
    await begin();
    const port = new URL(server.url).port;
    const page = await open();
    const named = [await labelOne(page), await labelOne(page)];
    await saved(page);
    await server.stop('SIGKILL');
    // Given while nobody listens: kept by the page.
    named.push(await labelOne(page));
    await page.getByText(/not saved/).first().waitFor();
    await shot(page, 'unsaved');
    server = await serve(made.project, '--port', port);
    await saved(page);
    named.push(await labelOne(page));
    await saved(page);
    assert.deepEqual([...labels().keys()].sort(), [...named].sort());
    assert.deepEqual(page.faults, []);
  });

  test('a label is corrected in review, and the history stays', { timeout: 120_000 }, async () => {
    await begin();
    const page = await open();
    const named = [await labelOne(page), await labelOne(page), await labelOne(page)];
    await saved(page);
    await page.keyboard.press('r');
    await page.locator('.thumb').nth(2).waitFor();
    await shot(page, 'review');
    await page.locator('.thumb', { hasText: named[1] }).click();
    const wrong = 2 - truthOf(named[1]);
    await page.keyboard.press(String(wrong));
    await until(async () => labels().get(named[1])?.label === CLASSES[wrong - 1], { what: 'the correction' });
    const { items } = await client(server.url).get('/api/review');
    const item = items.find((one) => one.name.endsWith(named[1]));
    const detail = await client(server.url).get(`/api/candidates/${item.candidate}`);
    assert.equal(detail.history.length, 2);
    await page.keyboard.press('r');
    await labelOne(page);
    assert.deepEqual(page.faults, []);
  });

  test('a token that is taken back while the project is served shows nothing any more', { timeout: 120_000 }, async () => {
    await begin({ count: 30 });
    const add = (...args) => acft('annotator', 'add', ...args, '--project', made.project).trim();
    const root = add('root', '--admin');
    const ada = add('ada');
    const page = await open({ token: ada });
    const { candidate } = (await client(server.url, { token: ada }).post('/api/next', { count: 1 })).assignments[0];
    const image = (token) => page.evaluate(async ([path, sent]) => {
      const answer = await fetch(path, { headers: sent ? { authorization: `Bearer ${sent}` } : {} });
      return answer.status;
    }, [`/api/candidates/${candidate}/image`, token]);
    assert.equal(await image(ada), 200);
    assert.equal(await image(null), 401);

    // An administrator takes it back, on the page.
    const office = await open({ token: root });
    await office.click('#do-people');
    const row = office.locator('.person', { hasText: 'ada' });
    await row.getByRole('button').click();
    await row.getByRole('button').click();
    await office.getByRole('dialog').getByText('The token of ada opens nothing any more').waitFor();
    await shot(office, 'people');
    assert.equal(await image(ada), 401);
    assert.equal(await image(null), 401);
    await page.reload();
    await page.getByText('This token is not known here').waitFor();
    assert.equal(await page.locator('#label-view').isVisible(), false);

    // And gives her another.
    await office.getByPlaceholder('Name').fill('ada');
    await office.getByRole('button', { name: 'Make a token' }).click();
    const link = await office.getByLabel('Link with the token').inputValue();
    await page.goto('about:blank');
    await page.goto(link);
    await shown(page);
    await labelOne(page);
    assert.deepEqual(page.faults, []);
    assert.deepEqual(office.faults, []);
  });

  test('keys agree with classes that are digits', { timeout: 120_000 }, async () => {
    await begin({ count: 30, classes: ['1', '0'] });
    const page = await open();
    for (const digit of ['0', '1']) {
      const one = await caption(page);
      await page.waitForTimeout(90);
      await page.keyboard.press(digit);
      await page.waitForFunction((old) => !document.querySelector('#caption').innerText.includes(old), one);
      await saved(page);
      assert.equal(labels().get(one)?.label, digit);
    }
    await page.keyboard.press('?');
    await shot(page, 'digits');
    assert.deepEqual(page.faults, []);
  });

  test('the next image shows within 100 ms of the key, once a few are fetched', { timeout: 120_000 }, async () => {
    await begin();
    const page = await open();
    for (let n = 0; n < 8; n++) {
      await labelOne(page);
      await page.waitForTimeout(300);
    }
    const times = await page.evaluate(() => performance.getEntriesByName('acft-next-image').map((entry) => entry.duration));
    // Said, not asserted: how fast this machine is today is not the page's doing.
    console.log(`key to next image, ms: ${times.map((time) => time.toFixed(0)).join(' ')}`);
    assert.ok(times.length >= 5, 'it is measured');
  });

  test('16-bit images have a window and a level; patches and help open', { timeout: 120_000 }, async () => {
    made = makeProject({ count: 12, before: (images) => {
      for (let index = 0; index < 12; index++) {
        writeFileSync(join(images, name(index)), png(48, 48, (x, y) => 20_000 + 200 * x + 37 * y + index, 16));
      }
    } });
    server = await serve(made.project);
    const page = await open();
    const canvas = () => page.locator('#stage canvas').first().evaluate((one) => one.toDataURL());
    const plain = await canvas();
    for (let n = 0; n < 3; n++) await page.keyboard.press(']');
    await page.waitForTimeout(200);
    assert.notEqual(await canvas(), plain, 'the window had no effect');
    assert.match(await page.locator('#levels').innerText(), /C \d+ · W \d+/);
    await page.keyboard.press('p');
    await page.locator('#patches img').waitFor();
    await shot(page, 'patches');
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await shot(page, 'help');
    assert.deepEqual(page.faults, []);
  });

  test('a tablet: fingers instead of keys', { timeout: 120_000 }, async () => {
    await begin();
    const page = await open({ size: { width: 820, height: 1180 } });
    await shot(page, 'tablet');
    const before = await caption(page);
    await page.waitForTimeout(90);
    const button = page.locator('#classes .class').nth(truthOf(before));
    const { height } = await button.boundingBox();
    assert.ok(height >= 44, `a class button is ${height} px high`);
    await button.click();
    await saved(page);
    assert.equal(labels().get(before)?.label, CLASSES[truthOf(before)]);
    assert.deepEqual(page.faults, []);
  });
});
