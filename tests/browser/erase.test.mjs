// The data of one person: taken out as a file, and erased, by keyboard alone.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';

import { desk, eitherWay, follow, leads, phone, press, signedIn, summary, text, texts } from './desk.mjs';
import { axe, narrow, shot } from './harness.mjs';

const backups = mkdtempSync(path.join(tmpdir(), 'patron-backups-'));
after(() => rmSync(backups, { recursive: true, force: true }));
const server = await desk({ args: ['--backup-dir', backups] });

eitherWay('an owner takes out all that is held on a person, and erases them', async (t, scripts) => {
  const { page, expect, check } = await signedIn(t, server, 'asha', { scripts });
  const { id } = await server.make({ name: 'Gaurav Kumar', email: 'gaurav@example.com', contact: phone() });
  await server.call('PUT', `/v1/customers/${id}`, { name: 'Gaurav K' });
  server.cli('backup', path.join(backups, `by-hand-${scripts}.db`));
  await page.goto(`/live/customers/${id}`);
  await axe(page);
  await shot(page, 'customer-of-owner');

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Export all that is held' }).click(),
  ]);
  assert.equal(download.suggestedFilename(), `${id}.json`);
  const held = JSON.parse(readFileSync(await download.path(), 'utf8'));
  assert.deepEqual([held.customer.name, held.revisions.length], ['Gaurav K', 2]);

  await follow(page, 'erase this customer');
  await axe(page);
  await shot(page, 'erase');
  await press(page, 'Erase for good');
  expect(/status of 422/);
  assert.deepEqual(await summary(page), { confirm: 'Type the id exactly as it stands above.' });
  await axe(page);
  await page.setViewportSize(narrow);
  await page.emulateMedia({ colorScheme: 'dark' });
  await shot(page, 'erase-refused-phone-dark');
  await page.getByLabel('Type the id').fill(id);
  const answer = await leads(page, () => page.keyboard.press('Enter'));
  expect(/status of 410/);
  assert.equal(answer.status(), 410);
  assert.equal(await text(page.locator('h1')), 'This customer was erased');
  assert.match((await texts(page.locator('main dl dd'))).join('\n'), /by asha@example\.com/);
  await axe(page);
  await shot(page, 'erased-phone-dark');
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: 'light' });
  // The log is emptied once nobody reads what is older.
  for (const until = Date.now() + 10_000; Date.now() < until; ) {
    await page.reload();
    expect(/status of 410/);
    if ((await text(page.locator('main dl'))).includes('Nothing of the values is left in its files')) break;
  }
  assert.match(await text(page.locator('main dl')), /Nothing of the values is left in its files/);
  await shot(page, 'erased');
  check();
  await page.goto('/live/activity');
  assert.match(await text(page.locator('.history > li').first()), new RegExp(`asha@example.com erased ${id}`));
  assert.doesNotMatch(await text(page.locator('main')), /Gaurav/);
  await shot(page, 'activity-erased');
});
