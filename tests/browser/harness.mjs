// A browser, people in it, and the running binary.
//
// The binary is the one that PATRON_BIN names, or the release build. With PATRON_SHOTS set, what the tests show is kept in
// target/browser/shots.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const binary = process.env.PATRON_BIN || fileURLToPath(new URL('../../target/release/patron', import.meta.url));
const shots = fileURLToPath(new URL('../../target/browser/shots/', import.meta.url));
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const axeTags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

export const wide = { width: 1280, height: 800 };
export const narrow = { width: 390, height: 844 };

// The server -------------------------------------------------------------------------------------------------------------

/**
 * Serves a fresh database until the tests of the file end.
 *
 * `origin` is where; `link()` waits for the one-time link that the first start prints; `cli(...)` runs another command on the
 * same database and gives what it prints, and `typed(line, ...)` one that reads a line; `output` is every line on standard
 * output so far.
 */
export async function patron({ env = {}, args = [] } = {}) {
  const directory = mkdtempSync(path.join(tmpdir(), 'patron-'));
  const db = path.join(directory, 'patron.db');
  const environment = { ...process.env, ...env };
  const run = (command, input) => execFileSync(binary, [...command, '--db', db], { encoding: 'utf8', env: environment, input });
  const process_ = spawn(binary, ['serve', '--db', db, '--listen', '127.0.0.1:0', '--log-level', 'error', ...args], {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(process_, 'exit');
  const output = [];
  createInterface({ input: process_.stdout }).on('line', (line) => output.push(line));

  after(async () => {
    try {
      process_.kill('SIGTERM');
      const end = await Promise.race([ended, sleep(10_000, ['did not end in ten seconds'], { ref: false })]);
      assert.deepEqual(end, [0, null]);
    } finally {
      process_.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    }
  });

  // Looks through what was printed until something is found.
  const printed = async (pattern, what) => {
    for (const until = Date.now() + 20_000; Date.now() < until; await sleep(20)) {
      for (const line of output) {
        const found = line.match(pattern);
        if (found) return found[1];
      }
      assert.equal(process_.exitCode, null, `the server ended before it printed ${what}`);
    }
    assert.fail(`the server did not print ${what}:\n${output.join('\n')}`);
  };
  return {
    origin: await printed(/^listening on (http:\S+)/, 'where it listens'),
    link: () => printed(/(http:\/\/\S+\/link\/[^\s/]+)/, 'a one-time link'),
    cli: (...command) => run(command),
    typed: (line, ...command) => run(command, `${line}\n`),
    db,
    output,
    process: process_,
  };
}

// People -----------------------------------------------------------------------------------------------------------------

let launched;

/** The one browser of the file's tests. */
export function browser() {
  launched ??= chromium.launch({
    executablePath: process.env.PATRON_CHROMIUM || '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-proxy-server',
    ],
  });
  return launched;
}

after(async () => (await launched)?.close());

/**
 * Someone at a browser of their own, until `t` ends: a test, or what `suite()` gives for as long as the file.
 * The options are those of a Playwright context: `colorScheme`, `viewport`, `storageState`; and `javaScriptEnabled`, of `page` alone.
 *
 * `page` is their page, `context` their browser with its cookies. What goes wrong on any of their pages fails `t`: a word on the
 * console, an exception, what the content security policy stopped, a request that failed or went to another server. Where a test
 * wants one of those, it says so with `expect(/status of 409/)`, and it fails if that does not come.
 */
export async function person(t, origin, { javaScriptEnabled = true, ...options } = {}) {
  const context = await (await browser()).newContext({
    baseURL: origin,
    viewport: wide,
    locale: 'en-GB',
    timezoneId: 'Asia/Kolkata',
    reducedMotion: 'reduce',
    serviceWorkers: 'block',
    ...options,
  });
  context.setDefaultTimeout(10_000);
  const wrong = [];
  const expected = [];
  const note = (words) => wrong.push(words);

  context.on('console', (message) => {
    if (['error', 'warning', 'assert'].includes(message.type())) {
      note(`console ${message.type()} on ${message.page()?.url()}: ${message.text()}`);
    }
  });
  context.on('weberror', (error) => note(`exception on ${error.page()?.url()}: ${error.error().stack}`));
  context.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) note(`asked elsewhere: ${request.url()}`);
  });
  context.on('requestfailed', (request) => {
    // What a page or its reader stops is no failure.
    const { errorText } = request.failure();
    if (errorText !== 'net::ERR_ABORTED') note(`failed: ${request.method()} ${request.url()}: ${errorText}`);
  });
  context.on('response', (response) => {
    if (response.status() >= 400) note(`refused: ${response.request().method()} ${response.url()}: status of ${response.status()}`);
  });

  const check = () => {
    const missing = expected.filter((pattern) => !wrong.some((words) => pattern.test(words)));
    const unexpected = wrong.filter((words) => !expected.some((pattern) => pattern.test(words)));
    wrong.length = expected.length = 0;
    assert.deepEqual({ unexpected, missing: missing.map(String) }, { unexpected: [], missing: [] });
  };
  t.after(async () => {
    await context.close();
    check();
  });
  const page = await context.newPage();
  if (!javaScriptEnabled) {
    // Not by the context's own option, which leaves no way for `axe` to run.
    scriptless.set(page, await context.newCDPSession(page));
    await scripts(page, false);
  }
  return { context, page, check, expect: (pattern) => expected.push(pattern), wrong };
}

const scriptless = new WeakMap();
const scripts = (page, run) => scriptless.get(page)?.send('Emulation.setScriptExecutionDisabled', { value: !run });

/** What `person` takes for someone who stays for all of the file's tests. `check()` them where a test ends. */
export const suite = () => ({ after });

// What they see ----------------------------------------------------------------------------------------------------------

/** Does something while the window is as tall as its page, so that bars that stick cover nothing. */
async function tall(page, act) {
  const before = page.viewportSize();
  const session = await page.context().newCDPSession(page);
  try {
    const { cssContentSize } = await session.send('Page.getLayoutMetrics');
    const height = Math.ceil(cssContentSize.height);
    if (height > before.height) await page.setViewportSize({ width: before.width, height });
    return await act(session);
  } finally {
    await page.setViewportSize(before);
    await session.detach();
  }
}

/**
 * Holds the page against WCAG 2.2 AA and what is good practice.
 *
 * The check runs in a world of its own through the debugger: no content security policy stops it there, and it leaves
 * nothing on the page. Gives what it could not decide.
 */
export async function axe(page) {
  const { violations, incomplete } = await tall(page, async (session) => {
    const { frameTree } = await session.send('Page.getFrameTree');
    const world = { frameId: frameTree.frame.id, worldName: 'axe' };
    const { executionContextId: contextId } = await session.send('Page.createIsolatedWorld', world);
    const evaluate = async (expression) => {
      const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
        expression,
        contextId,
        awaitPromise: true,
        returnByValue: true,
      });
      assert.equal(exceptionDetails, undefined, exceptionDetails?.exception?.description);
      return result.value;
    };
    // The page is loaded: its own scripts do not run late.
    await scripts(page, true);
    try {
      if (!(await evaluate('globalThis.axe !== undefined'))) await evaluate(`${axeSource}; 0`);
      return await evaluate(`axe.run(document, {
        runOnly: { type: 'tag', values: ${JSON.stringify(axeTags)} },
        resultTypes: ['violations', 'incomplete'],
      })`);
    } finally {
      await scripts(page, false);
    }
  });
  const lines = (results) =>
    results.flatMap(({ id, help, nodes }) =>
      nodes.map(({ target, html, failureSummary }) => `${id}: ${help}\n  ${target.join(' ')}\n  ${html}\n  ${failureSummary}`),
    );
  assert.ok(violations.length === 0, `${page.url()}\n${lines(violations).join('\n')}`);
  return lines(incomplete);
}

/** Keeps a picture of the whole page, where PATRON_SHOTS asks for them. */
export async function shot(page, name) {
  if (!process.env.PATRON_SHOTS) return;
  mkdirSync(shots, { recursive: true });
  await tall(page, () => page.screenshot({ path: path.join(shots, `${name}.png`) }));
}
