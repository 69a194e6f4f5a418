// The server behind real proxies, set up as docs/deployment-proxy.md says.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { request } from 'node:https';
import { request as plainRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { acft, makeProject, serve, until } from './project.mjs';

const DOCS = readFileSync(new URL('../../docs/deployment-proxy.md', import.meta.url), 'utf8');
const NAME = 'label.example.org';

/** The first block of a language in the documentation. */
const settings = (language) => DOCS.split(`\`\`\`${language}\n`)[1].split('```')[0];

/** Why a test is passed over, where a program is missing. */
const without = (program, ...args) => (spawnSync(program, args).error ? `${program} is not installed` : false);
const NO_NGINX = without('nginx', '-v') || without('openssl', 'version');
const NO_CADDY = without('caddy', 'version');

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

/** Asks a proxy as a browser would that knows it by its name. */
function ask(port, method, path, { token, body, headers = {}, tls = true } = {}) {
  const send = tls ? request : plainRequest;
  return new Promise((resolve, reject) => {
    const asked = send({
      host: '127.0.0.1', port, method, path, servername: NAME, rejectUnauthorized: false,
      headers: {
        host: NAME,
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {}),
        ...headers,
      },
    }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString();
        resolve({ status: answer.statusCode, headers: answer.headers, text, json: () => JSON.parse(text) });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

const answers = (port, tls) => until(() => ask(port, 'GET', '/', { tls }).then(() => true, () => false), { seconds: 20, what: 'the proxy' });

/** nginx with a server block, in a folder of its own. */
async function nginx(folder, port, block, tls) {
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, 'nginx.conf'), `
    daemon off;
    pid ${folder}/nginx.pid;
    error_log stderr;
    events {}
    http {
      access_log off;
      client_body_temp_path ${folder}/body;
      proxy_temp_path ${folder}/proxy;
      fastcgi_temp_path ${folder}/fastcgi;
      uwsgi_temp_path ${folder}/uwsgi;
      scgi_temp_path ${folder}/scgi;
      ${block}
    }`);
  const child = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder, '-e', 'stderr'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (data) => { log += data; });
  await Promise.race([answers(port, tls), new Promise((_, reject) => child.once('exit', () => reject(new Error(`nginx ended: ${log}`))))]);
  return child;
}

async function end(child) {
  if (!child || child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

describe('behind a proxy', () => {
  let made, server, proxy, folder, port;
  before(() => { folder = mkdtempSync(join(tmpdir(), 'acft-proxy-')); });
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function over() {
    await end(proxy);
    await server?.stop();
    made?.remove();
    proxy = server = made = undefined;
  }

  /** Labels through the proxy with a token, and with none in vain. */
  async function labels(token) {
    const origin = { origin: `https://${NAME}`, 'sec-fetch-site': 'same-origin' };
    const page = await ask(port, 'GET', '/');
    assert.equal(page.status, 200);
    assert.match(page.text, /<title>acft/);
    for (const [method, path] of [['GET', '/api/session'], ['GET', '/api/review'], ['POST', '/api/next']]) {
      assert.equal((await ask(port, method, path, { body: method === 'POST' ? '{}' : undefined, headers: origin })).status, 401, path);
    }
    const next = await ask(port, 'POST', '/api/next', { token, body: '{"count":1}', headers: origin });
    assert.equal(next.status, 200, next.text);
    const { candidate } = next.json().assignments[0];
    const image = await ask(port, 'GET', `/api/candidates/${candidate}/image`, { token });
    assert.equal(image.status, 200);
    assert.equal(image.headers['cache-control'], 'private, no-store');
    const label = await ask(port, 'POST', '/api/label', { token, body: JSON.stringify({ candidate, class: 0 }), headers: origin });
    assert.equal(label.status, 200, label.text);
    assert.equal((await ask(port, 'GET', '/health')).status, 200);

    acft('annotator', 'revoke', 'ada', made.project);
    assert.equal((await ask(port, 'GET', `/api/candidates/${candidate}/image`, { token })).status, 401);
  }

  test('nginx as documented', { skip: NO_NGINX, timeout: 120_000 }, async () => {
    try {
      made = makeProject({ count: 20 });
      const token = acft('annotator', 'add', 'ada', made.project).trim();
      acft('annotator', 'add', 'bob', made.project);
      server = await serve(made.project, '--public-url', `https://${NAME}/`);
      execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${NAME}`,
        '-keyout', join(folder, 'key'), '-out', join(folder, 'cert')], { stdio: 'ignore' });
      port = await freePort();
      const block = settings('nginx')
        .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
        .replace('/etc/ssl/certs/label.example.org.pem', join(folder, 'cert'))
        .replace('/etc/ssl/private/label.example.org.key', join(folder, 'key'))
        .replace('http://127.0.0.1:8500', server.url);
      proxy = await nginx(folder, port, block, true);
      await labels(token);
    } finally {
      await over();
    }
  });

  test('Caddy as documented', { skip: NO_CADDY, timeout: 120_000 }, async () => {
    try {
      made = makeProject({ count: 20 });
      const token = acft('annotator', 'add', 'ada', made.project).trim();
      acft('annotator', 'add', 'bob', made.project);
      server = await serve(made.project, '--public-url', `https://${NAME}/`);
      port = await freePort();
      const block = settings('caddyfile')
        .replace(`${NAME} {`, `https://${NAME}:${port} {\n    tls internal`)
        .replace('127.0.0.1:8500', new URL(server.url).host);
      writeFileSync(join(folder, 'Caddyfile'), `{\n  admin off\n  auto_https disable_redirects\n  skip_install_trust\n}\n${block}`);
      proxy = spawn('caddy', ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'],
        { stdio: 'ignore', env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder } });
      await answers(port, true);
      await labels(token);
    } finally {
      await over();
    }
  });

  test('a bare proxy before a project without annotators opens nothing', { skip: NO_NGINX, timeout: 120_000 }, async () => {
    try {
      made = makeProject({ count: 20 });
      server = await serve(made.project);
      const forwarded = 'proxy_http_version 1.1; proxy_set_header X-Forwarded-For $remote_addr;';
      for (const more of ['', forwarded]) {
        port = await freePort();
        proxy = await nginx(folder, port, `server { listen 127.0.0.1:${port}; location / { proxy_pass ${server.url}; ${more} } }`, false);
        for (const [method, path] of [['GET', '/api/session'], ['GET', '/api/review'], ['GET', '/api/progress'], ['POST', '/api/next']]) {
          const answer = await ask(port, method, path, { tls: false, body: method === 'POST' ? '{}' : undefined });
          assert.equal(answer.status, 403, `${path} ${more}: ${answer.text}`);
          assert.match(answer.json().help, /deployment-proxy/);
        }
        await end(proxy);
      }
      // And is refused where it is said to be public.
      await server.stop();
      assert.throws(() => acft('serve', made.project, '--port', '0', '--public-url', `https://${NAME}/`), /acft annotator add/);
    } finally {
      await over();
    }
  });
});
