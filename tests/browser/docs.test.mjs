// The API's reference: read by whoever comes, with a language of one's own, and a form that sends with a test key alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { desk, eitherWay, fill, focused, text } from './desk.mjs';
import { axe, narrow, person, shot, wide } from './harness.mjs';

const server = await desk();
const key = JSON.parse(server.cli('key', 'create', '--mode', 'test', '--label', 'Reference', '--json'));
const secret = key.key_secret;
const came = (page) => text(page.locator('#came'));

/** Types a key and sends. */
async function send(page, fields = {}) {
  await fill(page, { 'Test key id': key.key_id, 'Its secret': secret, ...fields });
  await page.getByRole('button', { name: 'Send to test' }).click();
}

eitherWay('every page is fit for everybody, in the light and the dark, wide and narrow', async (t, scripts) => {
  const { page, expect } = await person(t, server.origin, { javaScriptEnabled: scripts });
  expect(/docs\/nowhere: status of 404/);
  expect(/console error on .*docs\/nowhere/);
  for (const path of ['', '/customers/create', '/customers/list', '/errors', '/errors/key-invalid', '/errors/notes-key-too-long', '/nowhere']) {
    await page.goto(`/docs${path}`);
    assert.equal(await page.locator('h1').count(), 1);
    for (const [size, viewport] of Object.entries({ wide, narrow })) {
      await page.setViewportSize(viewport);
      const { scroll, inner } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, inner: innerWidth }));
      assert.ok(scroll <= inner, `${path} ${size}: ${scroll}px of page in ${inner}px`);
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        await axe(page);
        await shot(page, `docs-${path}-${size}-${colorScheme}-${scripts}`.replace(/[^a-z]+/g, '-'));
      }
    }
  }
});

eitherWay('a language is chosen by keyboard', async (t, scripts) => {
  const { page } = await person(t, server.origin, { javaScriptEnabled: scripts });
  await page.goto('/docs/customers/fetch');
  const shown = () => text(page.locator('.samples [data-language]:visible code'));
  assert.match(await shown(), /^curl -u YOUR_KEY_ID:YOUR_KEY_SECRET http:\S+\/v1\/customers\/cust_/);
  await page.locator('.samples input').first().focus();
  await page.keyboard.press('ArrowRight');
  assert.match(await shown(), /^import razorpay/);
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  assert.match(await shown(), /^package main/);
  // The next page is in the language of the last where something can keep it.
  await page.goto('/docs/customers/list');
  assert.match(await shown(), scripts ? /^package main/ : /^curl/);
});

test('without scripts the form is not there, and the page says what does the same', async (t) => {
  const { page } = await person(t, server.origin, { javaScriptEnabled: false });
  await page.goto('/docs/customers/create');
  assert.equal(await page.locator('form:visible').count(), 0);
  assert.match(await text(page.locator('.try')), /Paste the curl line/);
});

test('what is typed is sent with a test key, and what comes back is shown', async (t) => {
  const { page, expect, check, context } = await person(t, server.origin);
  await page.goto('/docs/customers/create');
  await send(page, { 'Body, as JSON': '{"name":"<b>Meera</b>"}' });
  await page.waitForFunction(() => document.getElementById('came').textContent.startsWith('400'));
  assert.equal(await came(page), '400 Bad Request');
  const why = page.getByRole('link', { name: 'Why this comes, and how to mend it' });
  assert.equal(await why.getAttribute('href'), `${server.origin}/docs/errors/name-format`);
  expect(/status of 400/);
  check();

  await send(page, { 'Body, as JSON': '{"name":"Meera","notes":{"city":"<img src=x onerror=alert(1)>"}}', 'X-Request-Id': 'tried-by-hand' });
  await page.waitForFunction(() => document.getElementById('came').textContent.startsWith('200'));
  const answer = JSON.parse(await page.locator('[data-came="body"]').textContent());
  assert.equal(answer.name, 'Meera');
  // As text, whatever is in it.
  assert.equal(await page.locator('.came img').count(), 0);
  assert.match(await page.locator('[data-came="headers"]').textContent(), /etag: "[\s\S]*x-request-id: tried-by-hand/);
  assert.equal(await page.locator('[data-came="why"] a').count(), 0);

  await page.goto('/docs/customers/fetch');
  assert.equal(await page.getByLabel('Its secret').inputValue(), '', 'a secret stays on its page');
  await send(page);
  assert.equal(await focused(page), 'try-id');
  assert.match(await text(page.locator('.try')), /Give the id of a customer/);
  await send(page, { id: answer.id });
  await page.waitForFunction(() => document.getElementById('came').textContent.startsWith('200'));

  await page.goto('/docs/customers/edit');
  await send(page, { id: answer.id, 'If-Match': '"0"', 'Body, as JSON': '{"name":"Meera Nair"}' });
  await page.waitForFunction(() => document.getElementById('came').textContent.startsWith('412'));
  assert.match(await why.getAttribute('href'), /customer-changed$/);
  expect(/status of 412/);

  await page.goto('/docs/customers/list');
  await send(page, { count: '1' });
  await page.waitForFunction(() => document.getElementById('came').textContent.startsWith('200'));
  assert.equal(JSON.parse(await page.locator('[data-came="body"]').textContent()).count, 1);

  // Nothing keeps the key: no address, no storage, no cookie.
  const kept = await page.evaluate(() => JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }, document.cookie]));
  const state = JSON.stringify(await context.storageState());
  for (const secretly of [secret, key.key_id]) assert.ok(!kept.includes(secretly) && !state.includes(secretly));
});

test('a live key is refused, and nothing is sent', async (t) => {
  const { page } = await person(t, server.origin);
  const live = JSON.parse(server.cli('key', 'create', '--mode', 'live', '--label', 'Not here', '--json'));
  const asked = [];
  page.on('request', (request) => request.url().includes('/v1/') && asked.push(request.url()));
  await page.goto('/docs/customers/list');
  await fill(page, { 'Test key id': live.key_id, 'Its secret': live.key_secret });
  await page.keyboard.press('Enter');
  assert.equal(await focused(page), 'try-key');
  assert.match(await text(page.locator('#try-key-error')), /^Test keys only\. Nothing was sent/);
  assert.equal(await page.locator('#try-key').getAttribute('aria-invalid'), 'true');
  await axe(page);
  await fill(page, { 'Test key id': 'a key' });
  await page.keyboard.press('Enter');
  assert.match(await text(page.locator('#try-key-error')), /rzp_test_ and 14 letters and digits/);
  assert.deepEqual(asked, []);
});
