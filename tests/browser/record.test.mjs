// The record's form: what is wrong with it, its notes, and leaving it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { answers, desk, eitherWay, fill, focused, follow, history, leads, notice, phone, press, save, signedIn, summary, text, texts } from './desk.mjs';

const server = await desk();

/** Opens a customer that the API has made. */
async function opened(t, scripts, body, name = 'asha') {
  const customer = await server.make(body);
  const someone = await signedIn(t, server, name, { scripts });
  await someone.page.goto(`/live/customers/${customer.id}`);
  return { customer, ...someone };
}

const keys = (page) => page.locator('.notes .key').evaluateAll((all) => all.map(({ value }) => value));
const values = (page) => page.locator('.notes .value').evaluateAll((all) => all.map(({ value }) => value));

eitherWay('every error is told at once, and nothing typed is lost', async (t, scripts) => {
  const { page, expect, check } = await signedIn(t, server, 'asha', { scripts });
  await page.goto('/live/customers/new');
  const typed = { Name: 'x', Email: 'gaurav@', Contact: '12 34', GSTIN: 'x' };
  for (const number of [1, 2, 3, 4]) await press(page, 'Add a note');
  const notes = {
    'Note 1, key': '',
    'Note 1, value': 'no key',
    'Note 2, key': 'long',
    'Note 2, value': 'ab\n'.repeat(100),
    'Note 3, key': 'twice',
    'Note 3, value': 'one',
    'Note 4, key': 'twice',
    'Note 4, value': 'two',
  };
  await fill(page, { ...typed, ...notes });
  await save(page);
  expect(/status of 422/);

  assert.equal(await page.title(), 'Error: New live customer · Live · Patron');
  const told = await summary(page);
  assert.equal(await text(page.locator('#errors-title')), 'Nothing is saved yet: 7 things to mend');
  assert.deepEqual(told, {
    name: 'The name needs at least 3 characters.',
    email: 'The email needs a dot after the @, as in name@example.com.',
    contact: 'Contact number should be at least 8 digits, including country code',
    gstin: 'The gstin field is invalid.',
    'note-1': 'Give this note a key, or remove it.',
    'note-2': 'Notes value cannot be greater than 256 characters. This one has 300.',
    'note-4': 'Notes may not have the same key twice.',
  });
  if (scripts) assert.equal(await page.evaluate(() => document.activeElement.className), 'errors');

  for (const [id, words] of Object.entries(told)) {
    const field = page.locator(`[id="${id}"]`);
    assert.equal(await field.getAttribute('aria-invalid'), 'true', id);
    assert.equal(await text(page.locator(`[id="${id}-error"]`)), `Error: ${words}`);
    assert.ok((await field.getAttribute('aria-describedby')).split(' ').includes(`${id}-error`));
    await page.locator('.errors').getByRole('link', { name: words }).click();
    assert.equal(await focused(page), id);
  }
  for (const [label, value] of Object.entries({ ...typed, ...notes })) {
    assert.equal(await page.getByLabel(label, { exact: true }).inputValue(), value, label);
  }
  check();

  // Mended one by one, it is saved in the end.
  await fill(page, { Name: 'Gaurav Kumar', Email: 'gaurav@example.com', Contact: phone(), GSTIN: '' });
  await fill(page, { 'Note 1, key': 'first', 'Note 2, value': 'ab\ncd', 'Note 4, key': 'Twice' });
  await save(page);
  assert.equal(await notice(page), 'Saved to live. You made this customer.');
  assert.deepEqual(await keys(page), ['first', 'long', 'twice', 'Twice']);
  assert.deepEqual(await values(page), ['no key', 'ab\ncd', 'one', 'two']);
});

eitherWay('an empty record is not saved, and says where to begin', async (t, scripts) => {
  const { page, expect } = await signedIn(t, server, 'asha', { scripts });
  await page.goto('/live/customers/new');
  await save(page);
  expect(/status of 422/);
  assert.deepEqual(await summary(page), { name: 'At least one of name, email or contact is required.' });
});

eitherWay('a pair that somebody has leads to who has it', async (t, scripts) => {
  const pair = { email: `pair-${scripts}@example.com`, contact: '9876543210' };
  const first = await server.make({ name: 'Saurav Kumar', ...pair });
  const { page, expect } = await opened(t, scripts, { name: 'Gaurav Kumar', email: pair.email });
  await fill(page, { Contact: pair.contact, Name: 'Gaurav K. Kumar' });
  await save(page);
  expect(/status of 422/);
  assert.match((await summary(page)).contact, /^Another customer has this email and contact together/);
  assert.equal(await page.getByLabel('Contact').inputValue(), pair.contact);
  assert.equal(await page.getByLabel('Name').inputValue(), 'Gaurav K. Kumar');
  if (scripts) answers(page, true);
  await leads(page, () => page.locator('#contact-error').getByRole('link', { name: 'Saurav Kumar' }).click());
  assert.equal(page.url(), `${server.origin}/live/customers/${first.id}`);
});

eitherWay('notes are added, changed and removed, and saved together', async (t, scripts) => {
  const { page, customer } = await opened(t, scripts, { name: 'Gaurav Kumar', notes: { city: 'Pune', since: '2019' } });
  await fill(page, { Name: 'Gaurav K. Kumar', 'Note 1, value': 'Mumbai' });
  await press(page, 'Add a note');
  await fill(page, { 'Note 3, key': 'desk', 'Note 3, value': 'Two\nlines' });
  await press(page, 'Remove note 2, since');
  // Until it is saved, the record is as it was.
  assert.deepEqual((await server.fetch(customer.id)).notes, { city: 'Pune', since: '2019' });
  assert.equal(await page.getByLabel('Name').inputValue(), 'Gaurav K. Kumar');
  assert.deepEqual(await keys(page), ['city', 'desk']);
  await save(page);
  assert.equal(await notice(page), 'Saved to live. You changed name and 3 notes.');
  const { name, notes } = await server.fetch(customer.id);
  assert.deepEqual({ name, notes }, { name: 'Gaurav K. Kumar', notes: { city: 'Mumbai', desk: 'Two\nlines' } });
  assert.deepEqual(await texts(page.locator('#r2 .diff > div')), [
    'Name from Gaurav Kumar → to Gaurav K. Kumar',
    'since removed 2019',
    'city from Pune → to Mumbai',
    'desk was not set, now Two lines',
  ]);
});

eitherWay('fifteen notes are all there can be', async (t, scripts) => {
  const notes = Object.fromEntries(Array.from({ length: 14 }, (_, at) => [`note ${at + 1}`, 'x']));
  const { page } = await opened(t, scripts, { name: 'Gaurav Kumar', notes });
  assert.equal(await text(page.locator('.notes legend')), 'Notes 14 of 15');
  await press(page, 'Add a note');
  assert.equal(await text(page.locator('.notes legend')), 'Notes 15 of 15');
  assert.equal(await page.getByRole('button', { name: 'Add a note' }).count(), 0);
});

eitherWay('Enter in a field saves, and removes no note', async (t, scripts) => {
  const { page, customer } = await opened(t, scripts, { name: 'Gaurav Kumar', notes: { city: 'Pune' } });
  const enter = async (label, typed) => {
    await fill(page, { [label]: typed });
    await page.getByLabel(label, { exact: true }).focus();
    await leads(page, () => page.keyboard.press('Enter'));
    return notice(page);
  };
  assert.equal(await enter('Name', 'Gaurav K. Kumar'), 'Saved to live. You changed name.');
  assert.equal(await enter('Note 1, key', 'town'), 'Saved to live. You changed 2 notes.');
  assert.deepEqual((await server.fetch(customer.id)).notes, { town: 'Pune' });
  // In a note's value it is a new line.
  await page.getByLabel('Note 1, value').focus();
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await page.keyboard.type('411001');
  assert.deepEqual(await values(page), ['Pune\n411001']);
});

eitherWay('a note keeps its type until its value is typed over', async (t, scripts) => {
  const notes = { visits: 3, vip: true, pincode: '411001' };
  const { page, customer } = await opened(t, scripts, { name: 'Gaurav Kumar', notes });
  assert.equal(await page.getByLabel('Note 1, value, a number').inputValue(), '3');
  assert.equal(await page.getByLabel('Note 2, value, a yes or no').inputValue(), 'true');
  await fill(page, { Name: 'Gaurav K. Kumar', 'Note 3, value': '411002' });
  await save(page);
  assert.deepEqual((await server.fetch(customer.id)).notes, { ...notes, pincode: '411002' });
  await fill(page, { 'Note 1, value, a number': '4' });
  await save(page);
  assert.deepEqual((await server.fetch(customer.id)).notes, { ...notes, visits: '4', pincode: '411002' });
});

eitherWay('what is not changed makes no revision', async (t, scripts) => {
  const { page, customer } = await opened(t, scripts, { name: 'Gaurav Kumar', notes: { odd: ' x \r\n y\n' } });
  await save(page);
  assert.equal(await notice(page), 'Nothing was changed. It was so already.');
  assert.equal((await history(page)).length, 1);
  assert.deepEqual((await server.fetch(customer.id)).notes, customer.notes);
});

eitherWay('what nobody touched stays as it is, to the byte', async (t, scripts) => {
  const notes = {
    '': 'no key', ' ': ' ', ' blanks ': ' around ', blanks: 'none', 'line\nbreak': 'a\r\nb\rc\n', linebreak: '\n\nx\n',
    'line\r\nbreak': '\u000b\u000c\u0085\u2028\u0001', 'cafe\u0301': 'Zoe\u0308', '\u202ex': '\ufeff\u00ad\ufffe', number: 1.5, yes: true,
  };
  const { page, customer } = await opened(t, scripts, { name: "Jose\u0301  O'Nair.", email: `Bytes-${scripts}@x.in`, notes });
  await fill(page, { GSTIN: '29AAGCB7383J1Z4' });
  await save(page);
  assert.equal(await notice(page), 'Saved to live. You set GSTIN.');
  assert.deepEqual(await server.fetch(customer.id), { ...customer, gstin: '29AAGCB7383J1Z4' });
});

eitherWay('what is pasted is tidied, and the page says so', async (t, scripts) => {
  const { page, customer } = await opened(t, scripts, { name: 'Ciara', email: `ciara-${scripts}@x.in` });
  await fill(page, { Name: 'Ciara O’Brien‑Rao', Contact: '+91 98765-43210' });
  await save(page);
  const tidied = ['The name was tidied to “Ciara O\'Brien-Rao”.', 'The contact was tidied to “+919876543210”.'];
  assert.equal(await notice(page), `Saved to live. You changed name and contact. ${tidied.join(' ')}`);
  const { name, contact } = await server.fetch(customer.id);
  assert.deepEqual({ name, contact }, { name: "Ciara O'Brien-Rao", contact: '+919876543210' });
});

eitherWay('markup in a value is text', async (t, scripts) => {
  const markup = '<script>alert(1)</script><img src=x onerror=alert(1)>"\'&lt;</textarea>';
  const { page, customer } = await opened(t, scripts, { email: '"<b>"@example.com', contact: '12345678' }).catch(() =>
    opened(t, scripts, { name: 'Gaurav Kumar' }),
  );
  await press(page, 'Add a note');
  await fill(page, { 'Note 1, key': '<i>"key"', 'Note 1, value': markup });
  await save(page);
  assert.deepEqual(await values(page), [markup]);
  assert.deepEqual((await server.fetch(customer.id)).notes, { '<i>"key"': markup });
  await page.goto('/live/activity');
  assert.match(await text(page.locator('.history')), /<i>"key" was not set, now <script>alert/);
});

// Leaving ---------------------------------------------------------------------------------------------------------------------

test('leaving asks where something is not saved, and only there', async (t) => {
  const { page } = await opened(t, true, { name: 'Gaurav Kumar', notes: { city: 'Pune' } });
  const address = page.url();
  await follow(page, 'Discard');
  await fill(page, { 'Note 1, value': 'Mumbai' });
  let asked = answers(page, false);
  await page.locator('.up').click();
  assert.equal(await asked, 'beforeunload');
  assert.equal(page.url(), address);
  assert.equal(await page.getByLabel('Note 1, value').inputValue(), 'Mumbai');

  // A row that was added is not saved either.
  await press(page, 'Add a note');
  asked = answers(page, true);
  await follow(page, 'Discard');
  assert.equal(await asked, 'beforeunload');
  assert.deepEqual(await values(page), ['Pune']);

  // What was typed and taken back is nothing.
  await fill(page, { Name: 'Gaurav' });
  await fill(page, { Name: 'Gaurav Kumar' });
  await leads(page, () => page.locator('.up').click());
  assert.equal(page.url(), `${server.origin}/live/customers`);
});

for (const keys of ['Control+S', 'Control+Enter']) {
  test(`${keys} saves from wherever one writes`, async (t) => {
    const { page } = await opened(t, true, { name: 'Gaurav Kumar', notes: { city: 'Pune' } });
    await page.getByLabel('Note 1, value').focus();
    await page.keyboard.type('Old ');
    await leads(page, () => page.keyboard.press(keys));
    assert.equal(await notice(page), 'Saved to live. You changed a note.');
  });
}
