// Finding customers, and getting about by keyboard.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { desk, eitherWay, fill, focused, follow, leads, save, signedIn, text, texts } from './desk.mjs';
import { narrow } from './harness.mjs';

const server = await desk();
const made = [];
for (let number = 1; number <= 60; number += 1) {
  made.push(await server.make({ name: `Customer ${number}`, contact: `+9190000${String(number).padStart(5, '0')}` }));
}
const gaurav = await server.make({
  name: 'Gaurav Kumar',
  email: 'gaurav.kumar@example.com',
  contact: '+919876543210',
  gstin: '27AAPFU0939F1ZV',
  notes: { city: 'Pune', delivery: 'ring twice at the blue gate' },
});

const names = (page) => texts(page.locator('tbody th a'));

/** Looks for something as people do: with scripts by typing alone, else by Enter. */
async function find(page, scripts, words) {
  await page.locator('#q').fill(words);
  if (!scripts) return leads(page, () => page.locator('#q').press('Enter'));
  await page.waitForFunction((words) => new URL(location).searchParams.get('q') === words, words);
}

eitherWay('a customer is found by any part of what is known', async (t, scripts) => {
  const { page } = await signedIn(t, server, 'vikram', { scripts });
  await page.goto('/live/customers');
  for (const words of [
    'Gaurav',
    'kumar',
    'AURA',
    'gaurav.kumar@',
    '98765 43210',
    '+91-98765-43210',
    '(98765) 43210',
    '43210',
    '27aapfu',
    gaurav.id,
    'blue gate',
    'ga',
  ]) {
    await find(page, scripts, words);
    assert.deepEqual(await names(page), ['Gaurav Kumar'], words);
    assert.match(await page.title(), new RegExp(`^${words.replace(/[()+.]/g, '\\$&')} · Live`));
  }
  await find(page, scripts, 'blue gate');
  assert.equal(await text(page.locator('.sub')), 'Note delivery: ring twice at the blue gate');
  assert.deepEqual(await texts(page.locator('mark')), ['blue', 'gate']);
  assert.equal(await text(page.locator('caption')), '1 customer has blue gate');

  await find(page, scripts, 'nobody at all');
  assert.match(await text(page.locator('#results')), /^No live customer has nobody at all/);
  await follow(page, 'Look for it in test');
  assert.equal(page.url(), `${server.origin}/test/customers?q=nobody+at+all`);
  assert.equal(await page.locator('#q').inputValue(), 'nobody at all');
});

test('what is typed is looked for without leaving the page, and read out', async (t) => {
  const { page } = await signedIn(t, server, 'asha');
  await page.goto('/live/customers');
  await page.evaluate(() => (window.here = true));
  await page.locator('#q').pressSequentially('gaurav', { delay: 20 });
  await page.waitForFunction(() => location.search === '?q=gaurav');
  assert.deepEqual(await names(page), ['Gaurav Kumar']);
  assert.equal(await page.locator('.hidden[role=status]').textContent(), '1 customer has gaurav');
  assert.equal(await page.evaluate(() => window.here && document.activeElement.id), 'q');
  // The times of what came later are the reader's too.
  assert.doesNotMatch(await page.locator('tbody time').textContent(), /UTC/);
  await page.locator('#q').fill('');
  await page.waitForFunction(() => location.search === '');
  assert.equal((await names(page)).length, 25);
  // Back from a customer, what was found is still there.
  await find(page, true, 'blue gate');
  await follow(page, 'Gaurav Kumar');
  await page.goBack();
  assert.equal(await page.locator('#q').inputValue(), 'blue gate');
  assert.deepEqual(await names(page), ['Gaurav Kumar']);
});

eitherWay('an edit is found at once by what it says now, and no longer by what it said', async (t, scripts) => {
  const { page } = await signedIn(t, server, 'asha', { scripts });
  const { id } = await server.make({ name: `Before ${scripts}`, notes: { colour: 'ultramarine' } });
  await page.goto(`/live/customers/${id}`);
  await fill(page, { Name: `Afterwards ${scripts}`, 'Note 1, value': 'vermilion' });
  await save(page);
  await follow(page, 'Customers');
  for (const [words, found] of [
    [`Afterwards ${scripts}`, [`Afterwards ${scripts}`]],
    ['vermilion', [`Afterwards ${scripts}`]],
    [`Before ${scripts}`, []],
    ['ultramarine', []],
  ]) {
    await find(page, scripts, words);
    assert.deepEqual(await names(page), found, words);
  }
  await server.call('PUT', `/v1/customers/${id}`, { notes: { colour: `viridian ${scripts}` } });
  await find(page, scripts, `viridian ${scripts}`);
  assert.deepEqual(await names(page), [`Afterwards ${scripts}`]);
  await find(page, scripts, 'vermilion');
  assert.deepEqual(await names(page), []);
});

eitherWay('pages go to the eldest and back', async (t, scripts) => {
  const { page } = await signedIn(t, server, 'asha', { scripts });
  await page.goto('/live/customers?q=Customer');
  const seen = [await names(page)];
  while (await page.getByRole('link', { name: 'Older' }).count()) {
    await follow(page, 'Older');
    seen.push(await names(page));
  }
  const expected = made.map(({ name }) => name).reverse();
  assert.deepEqual(seen.map(({ length }) => length), [25, 25, 10]);
  assert.deepEqual(seen.flat(), expected);
  await follow(page, 'Newer');
  assert.deepEqual(await names(page), seen[1]);
  await follow(page, 'Newer');
  assert.deepEqual(await names(page), seen[0]);
  assert.equal(await page.getByRole('link', { name: 'Newer' }).count(), 0);
});

eitherWay('days narrow the list', async (t, scripts) => {
  const { page } = await signedIn(t, server, 'asha', { scripts });
  await page.goto('/live/customers');
  await fill(page, { 'Made from': '2001-01-01', to: '2001-01-31' });
  await leads(page, () => page.getByRole('button', { name: 'Apply' }).click());
  assert.match(await text(page.locator('#results')), /No customer was made in these days$/);
  await follow(page, 'All days');
  assert.equal((await names(page)).length, 25);
});

eitherWay('activity tells who did what, and is narrowed', async (t, scripts) => {
  const { page } = await signedIn(t, server, 'ravi', { scripts });
  await page.goto(`/live/customers/${gaurav.id}`);
  await fill(page, { GSTIN: scripts ? '27AAPFU0939F1ZX' : '27AAPFU0939F1ZY' });
  await save(page);
  await page.goto('/live/activity');
  assert.equal(await text(page.locator('.history > li p').first()), 'ravi@example.com changed Gaurav Kumar');
  assert.equal((await page.locator('.history > li').count()), 25);
  const apply = () => leads(page, () => page.getByRole('button', { name: 'Apply' }).click());
  await page.getByLabel('Through').selectOption('API');
  await apply();
  assert.match(await text(page.locator('.history > li p').first()), /^Shop checkout /);
  await page.getByLabel('Through').selectOption('Any door');
  await page.getByLabel('Who').selectOption('ravi@example.com');
  await apply();
  assert.deepEqual([...new Set(await texts(page.locator('.history > li b')))], ['ravi@example.com']);
  await page.getByLabel('Who').selectOption('vikram@example.com');
  await apply();
  assert.match(await text(page.locator('main')), /Nobody did this/);
  await page.goto('/live/activity');
  const first = await text(page.locator('.history > li').first());
  await follow(page, 'Older');
  assert.notEqual(await text(page.locator('.history > li').first()), first);
  await follow(page, 'Newest');
  assert.equal(await text(page.locator('.history > li').first()), first);
});

// By keyboard ---------------------------------------------------------------------------------------------------------------

test('keys lead everywhere that they say', async (t) => {
  const { page } = await signedIn(t, server, 'asha');
  const { keyboard } = page;
  const at = (path) => assert.equal(page.url(), server.origin + path);
  await page.goto('/live/activity');
  await keyboard.press('/');
  assert.equal(await focused(page), 'find');
  assert.equal(await page.locator('#find').inputValue(), '');
  await keyboard.type('gaurav');
  await leads(page, () => keyboard.press('Enter'));
  at('/live/customers?q=gaurav');

  // To the customer, by Tab alone.
  await keyboard.press('/');
  assert.equal(await focused(page), 'q');
  for (const _ of [1, 2]) await keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Gaurav Kumar');
  await leads(page, () => keyboard.press('Enter'));
  at(`/live/customers/${gaurav.id}`);
  await keyboard.press('e');
  assert.equal(await focused(page), 'name');

  // In a field, letters are letters, until one leaves it.
  await keyboard.press('End');
  await keyboard.type('/e?gc');
  assert.equal(await page.getByLabel('Name').inputValue(), 'Gaurav Kumar/e?gc');
  for (const _ of '/e?gc') await keyboard.press('Backspace');
  await keyboard.press('Escape');
  assert.equal(await page.evaluate(() => document.activeElement === document.body), true);
  await keyboard.press('g');
  await leads(page, () => keyboard.press('a'));
  at('/live/activity');
  await keyboard.press('g');
  await leads(page, () => keyboard.press('c'));
  at('/live/customers');
  await keyboard.press('g');
  await leads(page, () => keyboard.press('k'));
  at('/live/keys');

  const dialog = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await keyboard.press('?');
  assert.equal(await dialog.isVisible(), true);
  await keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.closest('dialog') !== null), true);
  await keyboard.press('Escape');
  assert.equal(await dialog.isVisible(), false);
  await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
  assert.match(await text(dialog), /\/ Find a customer e Edit this customer Ctrl S Save g c Go to customers/);
  await page.getByRole('button', { name: 'Close' }).click();
  assert.equal(await dialog.isVisible(), false);
});

test('where there is no room to search, / leads to where there is', async (t) => {
  const { page } = await signedIn(t, server, 'asha', { viewport: narrow });
  await page.goto('/live/activity');
  await leads(page, () => page.keyboard.press('/'));
  await page.keyboard.type('gaurav');
  await page.waitForFunction(() => location.search === '?q=gaurav');
  assert.deepEqual(await names(page), ['Gaurav Kumar']);
});

test('the first Tab skips to the page', async (t) => {
  const { page } = await signedIn(t, server, 'asha');
  await page.goto('/live/activity');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the page');
  await page.keyboard.press('Enter');
  assert.equal(await focused(page), 'main');
});
