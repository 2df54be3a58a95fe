// Two at one customer, and what was done undone.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { answers, desk, eitherWay, fill, follow, history, leads, notice, phone, press, save, signedIn, text, texts } from './desk.mjs';

const server = await desk();

/** Two who have opened the same customer. */
async function both(t, scripts, body) {
  const customer = await server.make(body);
  const two = [await signedIn(t, server, 'asha', { scripts }), await signedIn(t, server, 'ravi', { scripts })];
  for (const { page } of two) await page.goto(`/live/customers/${customer.id}`);
  return { customer, asha: two[0], ravi: two[1] };
}

/** What the page of choices shows of each field: its name, mine, theirs, and what both started from. */
const choices = async (page) =>
  Promise.all(
    (await page.locator('fieldset.meet').all()).map(async (met) => [
      await text(met.locator('legend')),
      ...(await texts(met.locator('.value'))),
      await text(met.locator('.was')),
    ]),
  );
const choose = (page, number, whose) => page.locator(`[name=choice-${number}][value=${whose}]`).check();

eitherWay('edits of different fields are both kept, and one is told', async (t, scripts) => {
  const { customer, asha, ravi } = await both(t, scripts, { name: 'Gaurav Kumar', notes: { city: 'Pune', desk: '4' } });
  const reach = phone();
  await fill(asha.page, { Contact: reach, 'Note 1, value': 'Mumbai' });
  await save(asha.page);
  await fill(ravi.page, { Name: 'Gaurav K. Kumar', 'Note 2, value': '5' });
  await save(ravi.page);
  assert.equal(
    await notice(ravi.page),
    'Saved to live. You changed name and a note. Meanwhile asha@example.com changed contact and a note; both are kept.',
  );
  const { name, contact, notes } = await server.fetch(customer.id);
  assert.deepEqual([name, contact, notes], ['Gaurav K. Kumar', reach, { city: 'Mumbai', desk: '5' }]);
});

eitherWay('edits of the same fields meet, and each is chosen by itself', async (t, scripts) => {
  const { customer, asha, ravi } = await both(t, scripts, {
    name: 'Gaurav Kumar',
    email: `gaurav-${scripts}@example.com`,
    notes: { city: 'Pune', desk: '4', since: '2019' },
  });
  await fill(asha.page, { Name: 'Gaurav A. Kumar', 'Note 1, value': 'Mumbai', Contact: '9123456780' });
  await press(asha.page, 'Remove note 3, since');
  await save(asha.page);
  await fill(ravi.page, { Name: 'Gaurav R. Kumar', 'Note 1, value': 'Nashik', GSTIN: '27AAPFU0939F1ZV', 'Note 3, value': '2020' });
  await save(ravi.page);
  ravi.expect(/status of 409/);
  const { page } = ravi;
  assert.equal(await page.title(), 'Both changed it: Gaurav A. Kumar · Live · Patron');
  assert.equal(await text(page.locator('h1')), 'asha@example.com saved while you were writing');
  assert.deepEqual(await choices(page), [
    ['Name', 'Gaurav R. Kumar', 'Gaurav A. Kumar', 'Both started from Gaurav Kumar'],
    ['Note city', 'Nashik', 'Mumbai', 'Both started from Pune'],
    ['Note since', '2020', 'Nothing', 'Both started from 2019'],
  ]);
  const rest = await text(page.locator('div.meet'));
  assert.match(rest, /Only you changed GSTIN, to 27AAPFU0939F1ZV Only they changed Contact, to 9123456780/);
  const told = page.locator('fieldset.meet .choice:nth-of-type(2) small');
  assert.match(await text(told.first()), /^asha@example\.com, \d+ \w{3} /);

  // Nothing is chosen for anybody.
  assert.equal(await page.locator('main :checked').count(), 0);
  await choose(page, 1, 'mine');
  await choose(page, 2, 'theirs');
  await page.getByRole('button', { name: 'Save these choices' }).click();
  assert.equal(await page.locator('input:invalid').first().getAttribute('name'), 'choice-3');
  await choose(page, 3, 'mine');
  await save(page);
  assert.equal(await notice(page), 'Saved to live. You changed name, GSTIN and a note.');
  const { name, contact, gstin, notes } = await server.fetch(customer.id);
  assert.deepEqual(
    [name, contact, gstin, notes],
    ['Gaurav R. Kumar', '9123456780', '27AAPFU0939F1ZV', { city: 'Mumbai', desk: '4', since: '2020' }],
  );
  // And what was not chosen is in the history.
  assert.match(await text(page.locator('#r2')), /Name from Gaurav Kumar → to Gaurav A\. Kumar/);
});

eitherWay('theirs alone is taken, and nothing is saved twice', async (t, scripts) => {
  const { customer, asha, ravi } = await both(t, scripts, { name: 'Gaurav Kumar' });
  await fill(asha.page, { Name: 'Gaurav A. Kumar' });
  await save(asha.page);
  await fill(ravi.page, { Name: 'Gaurav R. Kumar' });
  await save(ravi.page);
  ravi.expect(/status of 409/);
  await choose(ravi.page, 1, 'theirs');
  await save(ravi.page);
  assert.equal(await notice(ravi.page), 'Nothing was changed. It was so already.');
  assert.equal((await server.fetch(customer.id)).name, 'Gaurav A. Kumar');
  assert.deepEqual(await history(ravi.page), ['asha@example.com changed name', 'Shop checkout made this customer']);
});

eitherWay('the same text from both is no quarrel', async (t, scripts) => {
  const { asha, ravi } = await both(t, scripts, { name: 'Gaurav Kumar' });
  for (const { page } of [asha, ravi]) {
    await fill(page, { Name: 'Gaurav K. Kumar' });
    await save(page);
  }
  assert.match(await notice(ravi.page), /^(Nothing was changed|Saved to live)\./);
  assert.equal((await history(ravi.page)).length, 2);
});

eitherWay('an application is met as people are', async (t, scripts) => {
  const customer = await server.make({ name: 'Gaurav Kumar', notes: { city: 'Pune', visits: 3 } });
  const { page, expect, check } = await signedIn(t, server, 'asha', { scripts });
  await page.goto(`/live/customers/${customer.id}`);
  const edit = (body) => server.call('PUT', `/v1/customers/${customer.id}`, body);

  await edit({ contact: phone() });
  await fill(page, { Name: 'Gaurav K. Kumar' });
  await save(page);
  assert.equal(await notice(page), 'Saved to live. You changed name. Meanwhile Shop checkout set contact; both are kept.');

  await edit({ name: 'Gaurav S. Kumar', notes: { city: 'Pune', visits: 4 } });
  await fill(page, { Name: 'Gaurav A. Kumar', 'Note 2, value, a number': '5' });
  await save(page);
  expect(/status of 409/);
  assert.equal(await text(page.locator('h1')), 'Shop checkout saved while you were writing');
  assert.deepEqual(await choices(page), [
    ['Name', 'Gaurav A. Kumar', 'Gaurav S. Kumar', 'Both started from Gaurav K. Kumar'],
    ['Note visits', '5', '4', 'Both started from 3'],
  ]);
  check();

  // It writes again while one chooses: what one has not seen is asked again.
  await edit({ name: 'Gaurav Kumar Sr.' });
  await choose(page, 1, 'mine');
  await choose(page, 2, 'theirs');
  await save(page);
  expect(/status of 409/);
  assert.deepEqual(await choices(page), [
    ['Name', 'Gaurav A. Kumar', 'Gaurav Kumar Sr.', 'Both started from Gaurav S. Kumar'],
  ]);
  await choose(page, 1, 'mine');
  await save(page);
  const { name, notes } = await server.fetch(customer.id);
  assert.deepEqual([name, notes], ['Gaurav A. Kumar', { city: 'Pune', visits: 4 }]);
});

test('a choice that is not saved is not left by accident', async (t) => {
  const { asha, ravi } = await both(t, true, { name: 'Gaurav Kumar' });
  await fill(asha.page, { Name: 'Gaurav A. Kumar' });
  await save(asha.page);
  await fill(ravi.page, { Name: 'Gaurav R. Kumar' });
  await save(ravi.page);
  ravi.expect(/status of 409/);
  // By keyboard alone.
  await ravi.page.locator('[name=choice-1]').first().focus();
  await ravi.page.keyboard.press('Space');
  const asked = answers(ravi.page, true);
  await follow(ravi.page, 'Drop my edit');
  assert.equal(await asked, 'beforeunload');
  assert.equal(await ravi.page.getByLabel('Name').inputValue(), 'Gaurav A. Kumar');
});

// Undo ---------------------------------------------------------------------------------------------------------------------

/** Opens a customer that the API has made and edited. */
async function edited(t, scripts, body, ...edits) {
  const customer = await server.make(body);
  for (const edit of edits) await server.call('PUT', `/v1/customers/${customer.id}`, edit);
  const someone = await signedIn(t, server, 'asha', { scripts });
  await someone.page.goto(`/live/customers/${customer.id}`);
  return { customer, ...someone };
}

eitherWay('what nobody touched since is undone at once, and that too', async (t, scripts) => {
  const reach = phone();
  const { page, customer } = await edited(
    t,
    scripts,
    { name: 'Gaurav Kumar', notes: { city: 'Pune', visits: 3 } },
    { name: 'Gaurav K. Kumar', notes: { visits: 4 } },
    { contact: reach },
  );
  assert.equal(await page.getByRole('button', { name: 'Undo revision 1', exact: true }).count(), 0);
  await press(page, 'Undo revision 2');
  assert.equal(await notice(page), 'Saved to live. You undid revision 2.');
  const undone = await server.fetch(customer.id);
  assert.deepEqual(
    [undone.name, undone.contact, undone.notes],
    ['Gaurav Kumar', reach, { city: 'Pune', visits: 3 }],
  );
  await press(page, 'Undo your change');
  assert.equal(await notice(page), 'Saved to live. You undid revision 4.');
  assert.deepEqual((await server.fetch(customer.id)).notes, { visits: 4 });
  assert.deepEqual((await history(page)).slice(0, 2), [
    'asha@example.com undid revision 4',
    'asha@example.com undid revision 2',
  ]);
});

eitherWay('what was changed again is shown before it is lost', async (t, scripts) => {
  const [first, second, third] = [phone(), phone(), phone()];
  const { page, customer } = await edited(
    t,
    scripts,
    { name: 'Gaurav Kumar', contact: first },
    { name: 'Gaurav K. Kumar', contact: second },
    { name: 'Gaurav S. Kumar' },
  );
  await press(page, 'Undo revision 2');
  assert.equal(await text(page.locator('h1')), 'Undo revision 2?');
  assert.match(await text(page.locator('.title p')), /by Shop checkout\. Of the 2 values it changed, one has changed since/);
  const rows = await texts(page.locator('tbody tr'));
  assert.match(rows[0], /^Name Gaurav S\. Kumar Gaurav Kumar Revision 3, Shop checkout, /);
  assert.equal(rows[1], `Contact ${second} ${first} nothing, unchanged since`);
  await follow(page, 'Keep it as it is');
  assert.equal((await server.fetch(customer.id)).name, 'Gaurav S. Kumar');

  await press(page, 'Undo revision 2');
  // Somebody changes it while one looks: one looks again.
  await server.call('PUT', `/v1/customers/${customer.id}`, { contact: third });
  await press(page, 'Undo, and lose one later change');
  assert.equal(await text(page.locator('h1')), 'Undo revision 2?');
  assert.match((await texts(page.locator('tbody tr')))[1], new RegExp(`^Contact ${third} ${first} Revision 4, Shop checkout, `));
  await press(page, 'Undo, and lose 2 later changes');
  assert.equal(await notice(page), 'Saved to live. You undid revision 2.');
  const { name, contact } = await server.fetch(customer.id);
  assert.deepEqual([name, contact], ['Gaurav Kumar', first]);
});

eitherWay('an undo to a pair that somebody has by now leads to them', async (t, scripts) => {
  const pair = { email: `undo-${scripts}@example.com`, contact: '9876543210' };
  const { page, customer, expect } = await edited(t, scripts, { name: 'Gaurav Kumar', ...pair }, { contact: '9876543211' });
  const other = await server.make({ name: 'Saurav Kumar', ...pair });
  await press(page, 'Undo revision 2');
  expect(/status of 409/);
  assert.match(await text(page.locator('.errors')), /^Nothing was undone Another customer has this email and contact/);
  assert.equal((await server.fetch(customer.id)).contact, '9876543211');
  await leads(page, () => page.locator('.errors a').click());
  assert.equal(page.url(), `${server.origin}/live/customers/${other.id}`);
});

test('an undo that would leave nothing says so', async (t) => {
  const { page, expect } = await edited(t, true, { name: 'Gaurav Kumar' }, { contact: phone() });
  await server.call('PUT', page.url().replace(/.*\/live/, '/v1'), { name: '' });
  await page.reload();
  await press(page, 'Undo revision 2');
  expect(/status of 409/);
  assert.match(await text(page.locator('.errors')), /At least one of name, email or contact is required\.$/);
});
