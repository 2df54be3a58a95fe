// From the link that the server prints to the first edit, as a new owner goes.

import assert from 'node:assert/strict';

import { eitherWay, fill, follow, history, leads, notice, password, press, save, text } from './desk.mjs';
import { patron, person } from './harness.mjs';

eitherWay('from the printed link to the first edit', async (t, scripts) => {
  const server = await patron();
  const link = await server.link();
  const { page, expect, check } = await person(t, server.origin, { javaScriptEnabled: scripts });

  await page.goto(link);
  assert.equal(await page.title(), 'Make the first owner · Patron');
  await fill(page, { Email: 'asha@example.com', Password: 'short', 'Password again': password });
  assert.equal(await page.locator('#strength').innerText(), scripts ? '7 more characters' : '');
  await fill(page, { Password: password });
  assert.equal(await page.locator('#strength').innerText(), scripts ? 'Strong' : '');

  // A slip of the hand costs nothing but the passwords.
  await fill(page, { 'Password again': 'four quiet words aport' });
  await press(page, 'Make the owner and sign in');
  expect(/status of 422/);
  assert.equal(await page.title(), 'Error: Make the first owner · Patron');
  assert.equal(await text(page.locator('.errors li')), 'The two passwords are not the same.');
  assert.equal(await page.getByLabel('Email').inputValue(), 'asha@example.com');
  check();
  await fill(page, { Password: password, 'Password again': password });
  await press(page, 'Make the owner and sign in');
  assert.equal(page.url(), `${server.origin}/live`);

  // Every first page says what to do.
  await follow(page, 'Customers');
  assert.match(await text(page.locator('main')), /There are no live customers yet/);
  await follow(page, 'Test');
  assert.equal(await page.locator('html').getAttribute('data-mode'), 'test');
  assert.match(await text(page.locator('main')), /There are no test customers yet.*patron seed --count 1000 --mode test/);
  await follow(page, 'New customer');
  assert.equal(await text(page.locator('h1')), 'New test customer');
  await fill(page, { Name: 'Gaurav Kumar', Contact: '9123456780' });
  await press(page, 'Add a note');
  await fill(page, { 'Note 1, key': 'city', 'Note 1, value': 'Pune' });
  await save(page);
  assert.equal(await notice(page), 'Saved to test. You made this customer.');
  assert.equal(await text(page.locator('h1')), 'Gaurav Kumar');
  assert.deepEqual(await history(page), ['asha@example.com made this customer']);

  await page.keyboard.press('e');
  if (!scripts) await page.getByLabel('Name').focus();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type('Gaurav K. Kumar');
  await leads(page, () => page.keyboard.press(scripts ? 'Control+S' : 'Enter'));
  assert.equal(await notice(page), 'Saved to test. You changed name.');
  assert.equal(await text(page.locator('h1')), 'Gaurav K. Kumar');
  assert.deepEqual(await history(page), ['asha@example.com changed name', 'asha@example.com made this customer']);
  assert.equal(await text(page.locator('#r2 .diff')), 'Name from Gaurav Kumar → to Gaurav K. Kumar');

  // The reader is half past five hours east.
  const time = page.locator('#r2 time');
  const at = new Date(await time.getAttribute('datetime'));
  const clock = new Date(at.getTime() + (scripts ? 5.5 * 3_600_000 : 0)).toISOString().slice(11, 16);
  assert.match(await time.innerText(), scripts ? new RegExp(` ${clock}$`) : new RegExp(` ${clock} UTC$`));
  check();

  // The link was for once.
  await press(page, 'Sign out');
  assert.equal(page.url(), `${server.origin}/sign-in`);
  await page.goto(link);
  expect(/status of 410/);
  assert.equal(await text(page.locator('h1')), 'This link does not work any more');
});
