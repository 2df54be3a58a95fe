// What is shown once: a key's secret, a link.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { desk, fill, leads, press, signedIn, text } from './desk.mjs';

const server = await desk();
const keys = () => server.cli('key', 'list');

test('loading a new key again makes no other, and shows the secret no more', async (t) => {
  const { page } = await signedIn(t, server, 'asha');
  await page.goto('/live/keys');
  await fill(page, { Label: 'Warehouse' });
  await press(page, 'Make the key');
  const secret = await text(page.locator('#key-secret'));
  assert.equal(page.url(), `${server.origin}/live/keys`);
  const before = keys();
  await leads(page, () => page.reload());
  assert.equal(await text(page.locator('h1')), 'Keys');
  assert.ok(!(await page.content()).includes(secret));
  assert.equal(keys(), before);
});

test('loading a rotated key or a link again makes nothing new', async (t) => {
  const { page } = await signedIn(t, server, 'asha');
  await page.goto('/live/keys');
  await page.getByRole('link', { name: 'Rotate Shop checkout' }).click();
  await press(page, 'Make a new secret');
  await leads(page, () => page.reload());
  assert.equal(await text(page.locator('h1')), 'Keys');
  await page.goto('/live/staff');
  await fill(page, { Email: 'new@example.com' });
  await press(page, 'Make the link');
  assert.equal(await page.locator('#link').count(), 1);
  await leads(page, () => page.reload());
  assert.equal(await text(page.locator('h1')), 'Staff');
});
