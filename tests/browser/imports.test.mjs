// A file of customers: sent, told its columns, rehearsed, applied, undone and brought back, by keyboard alone.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';

import { desk, eitherWay, follow, leads, phone, press, signedIn, summary, text, texts } from './desk.mjs';
import { axe, narrow, shot, wide } from './harness.mjs';

const files = mkdtempSync(path.join(tmpdir(), 'patron-files-'));
after(() => rmSync(files, { recursive: true, force: true }));
const server = await desk();

/** A file of this name to send. */
function file(name, text) {
  writeFileSync(path.join(files, name), text);
  return path.join(files, name);
}

/** Looks at the page as everybody does: wide and narrow, in the light and the dark. */
async function look(page, name) {
  for (const [size, viewport] of Object.entries({ wide, narrow })) {
    await page.setViewportSize(viewport);
    const { scroll, inner } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, inner: innerWidth }));
    assert.ok(scroll <= inner, `${name}, ${size}: ${scroll}px of page in ${inner}px`);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await axe(page);
      await shot(page, `import-${name}-${size}-${colorScheme}`);
    }
  }
  await page.setViewportSize(wide);
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Moves the focus to what has this name, by Tab alone. */
async function tabTo(page, role, name) {
  const wanted = page.getByRole(role, { name, exact: typeof name === 'string' }).first();
  for (let stops = 0; stops < 120; stops += 1) {
    if (await wanted.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`${name} is not reached by Tab`);
}

/** Goes to what has this name, and presses Enter. */
async function enter(page, role, name) {
  await tabTo(page, role, name);
  return leads(page, () => page.keyboard.press('Enter'));
}

/** Waits until nothing is under way. */
async function settled(page) {
  await page.waitForFunction(() => !document.querySelector('progress'), null, { timeout: 60_000 });
}

const figures = (page) => texts(page.locator('.parts > li'));
let runs = 0;

eitherWay('a file is sent, rehearsed, applied, undone and brought back by keyboard', async (t, scripts) => {
  const run = (runs += 1);
  const { page, expect, check } = await signedIn(t, server, 'meera', { scripts });
  const known = phone();
  const { id } = await server.make({ name: 'Ananya', contact: known });
  const long = 'Venkatanarasimharajuvaripeta-Subramaniam (Chennai)';
  const rows = Array.from({ length: 120 }, (_, at) => `${at % 7 ? `Customer ${at}` : long},${phone()},c${run}-${at}@example.com,${'Pune, near the old gate '.repeat(1 + (at % 4)).trim()}`);
  const quoted = rows.map((row) => row.replace(/,(Pune.*)$/, ',"$1"'));
  const name = `customers-of-the-branch-in-koramangala-as-of-the-last-friday-${run}.csv`;
  const csv = file(name, `Full name,Mobile,E-mail,Where they live and how to get there\nAnanya K,${known},,\nx,${phone()},,\n${quoted.join('\n')}\nGood,12,,\n`);

  if (run === 1) {
    await page.goto('/live/imports');
    await look(page, 'none-yet');
  }
  await page.goto('/live/customers');
  await enter(page, 'link', 'Import');
  // No file yet.
  await enter(page, 'button', 'Send the file');
  expect(/status of 422/);
  assert.deepEqual(await summary(page), { file: 'Choose the file to import.' });
  await look(page, 'no-file');
  await page.getByLabel('File').setInputFiles(file('twice.csv', 'name,name\na,b\n'));
  await press(page, 'Send the file');
  assert.match((await summary(page)).file, /twice: rename one of them/);
  await page.getByLabel('File').setInputFiles(csv);
  await enter(page, 'button', 'Send the file');

  assert.equal(await text(page.locator('h1')), 'Which column is what?');
  const chosen = page.locator('select[name=target]');
  assert.deepEqual(await chosen.evaluateAll((all) => all.map((each) => each.value)), ['name', 'contact', 'email', 'note']);
  await look(page, 'columns');
  // It is a note; its key is asked for.
  assert.equal(await chosen.nth(3).inputValue(), 'note');
  await page.locator('#key-4').fill('');
  await enter(page, 'button', 'Rehearse');
  assert.deepEqual(await summary(page), { 'key-4': 'Type the key of the note.' });
  await look(page, 'columns-refused');
  await page.locator('#key-4').fill('way');
  await page.keyboard.press('Enter');
  await page.waitForURL(/imports\/\d+$/);
  await settled(page);

  assert.deepEqual(await figures(page), ['120 To create', '1 To update', '0 Unchanged', '2 Refused']);
  await look(page, 'rehearsed');
  const address = new URL(page.url()).pathname;
  await enter(page, 'link', 'To update');
  assert.match(await text(page.locator('.rows')), /Name from Ananya → to Ananya K/);
  await look(page, 'to-update');
  await enter(page, 'link', /^To create/);
  await enter(page, 'link', 'Next');
  await look(page, 'to-create');
  await enter(page, 'link', /^Refused/);
  assert.match(await text(page.locator('.rows > li').first()), /^Line 3 x /);
  await look(page, 'refused');
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
  assert.match(readFileSync(await download.path(), 'utf8'), /patron_reason,[^\n]*\n"?Line 3: name: [^\n]*,x,/);

  await page.goto(address);
  await enter(page, 'link', 'Apply…');
  await look(page, 'apply');
  await enter(page, 'button', 'Apply to live');
  await settled(page);
  assert.deepEqual(await figures(page), ['121 Written', '2 Refused']);
  await look(page, 'applied');
  await page.goto('/live/activity');
  assert.match(await text(page.locator('.history > li').first()), new RegExp(`meera@example.com imported ${name}`));
  await look(page, 'activity');
  await enter(page, 'link', `Undo the import of ${name}`);
  await look(page, 'undo');
  await enter(page, 'button', 'Undo all of it');
  await settled(page);
  assert.deepEqual(await figures(page), ['121 Taken back', '2 Refused']);
  await look(page, 'undone');
  assert.equal((await server.fetch(id)).name, 'Ananya');

  await enter(page, 'link', 'Taken back');
  check();
  await leads(page, () => page.locator('.rows a').nth(1).click());
  expect(/status of 410/);
  assert.match(await text(page.locator('.notice')), /^This customer is withdrawn. meera@example.com undid import/);
  await look(page, 'withdrawn');
  await follow(page, `import ${address.split('/').at(-1)}`);
  await enter(page, 'link', 'Bring it back…');
  await look(page, 'bring-back');
  await enter(page, 'button', 'Bring it back');
  await settled(page);
  assert.deepEqual(await figures(page), ['121 Written', '2 Refused']);
  await page.goto('/live/imports');
  await look(page, 'list');

  // What was not applied is discarded.
  await page.goto('/live/imports/new');
  await page.getByLabel('File').setInputFiles(csv);
  await press(page, 'Send the file');
  await enter(page, 'link', 'Discard');
  await look(page, 'discard');
  await enter(page, 'button', 'Discard it');
  assert.equal(new URL(page.url()).pathname, '/live/imports');
});

eitherWay('what is under way is shown as it moves, and what was interrupted goes on', async (t, scripts) => {
  const { page } = await signedIn(t, server, 'meera', { scripts });
  const many = Array.from({ length: 400 }, () => `Customer,${phone()}`).join('\n');
  await page.goto('/test/imports/new');
  await page.getByLabel('File').setInputFiles(file(`many-${scripts}.csv`, `name,contact\n${many}\n`));
  await press(page, 'Send the file');
  await press(page, 'Rehearse');
  await settled(page);
  // As if whoever applies it were just killed.
  const sql = `UPDATE imports SET state = 'applying', done = 0, line = 0, moved_at = ${Math.floor(Date.now() / 1000)} WHERE state = 'rehearsed'`;
  execFileSync('python3', ['-c', 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()', server.db, sql]);
  await page.reload();
  assert.match(await text(page.locator('[data-moving]')), /Being applied 0 of 400 rows/);
  await look(page, 'moving');
  // Nobody loads it anew.
  await page.getByRole('button', { name: 'Resume' }).waitFor({ timeout: 30_000 });
  await look(page, 'interrupted');
  await enter(page, 'button', 'Resume');
  await settled(page);
  assert.deepEqual(await figures(page), ['400 Written']);
});
