// What each role gets by an address alone, whatever its pages link to.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { desk, signedIn, text, texts } from './desk.mjs';
import { person } from './harness.mjs';

// Who may see a page, and who may post what to it. A new page is a line here.
const everybody = ['viewer', 'editor', 'owner'];
const editors = ['editor', 'owner'];
const owners = ['owner'];
const pages = [
  ['', everybody],
  ['/customers', everybody],
  ['/customers/new', editors],
  ['/customers/{id}', everybody],
  ['/customers/{id}/erase', owners],
  ['/imports', editors],
  ['/imports/new', editors],
  ['/activity', everybody],
  ['/account', everybody],
  ['/requests', owners],
  ['/keys', owners],
  ['/staff', owners],
];
const forms = [
  ['/customers', editors, { name: 'Made By Post' }],
  ['/customers/{id}', editors, { revision: '1', name: 'Gaurav Kumar', contact: '9123456780', gstin: '27AAPFU0939F1ZV' }],
  ['/customers/{id}/undo', editors, { version: '2', seen: '2' }],
  ['/customers/{id}/erase', owners, { confirm: 'nobody' }],
  ['/keys', owners, { label: 'Made by post', mode: 'test', ends: 'never' }],
  ['/staff', owners, { email: 'new@example.com', role: 'owner' }],
];
const places = {
  viewer: ['Home', 'Customers', 'Activity'],
  editor: ['Home', 'Customers', 'Activity', 'Imports'],
  owner: ['Home', 'Customers', 'Activity', 'Imports', 'Requests', 'Keys', 'Staff'],
};
const people = { viewer: 'vikram', editor: 'ravi', owner: 'asha' };

const server = await desk();
const gaurav = await server.make({ name: 'Gaurav Kumar', contact: '9123456780' });
const at = (path) => `/live${path.replace('{id}', gaurav.id)}`;

for (const [role, name] of Object.entries(people)) {
  test(`${role === 'viewer' ? 'a' : 'an'} ${role} sees and does what is theirs`, async (t) => {
    const { page, expect, check } = await signedIn(t, server, name);
    for (const [path, roles] of pages) {
      const answer = await page.goto(at(path));
      const mine = roles.includes(role);
      assert.equal(answer.status(), mine ? 200 : 403, path);
      if (!mine) {
        expect(/status of 403/);
        assert.match(await text(page.locator('main')), /^This is not yours to do Your role does not let you do this\./);
      }
      assert.deepEqual(await texts(page.locator('.places li')), places[role]);
      check();
    }
    const token = await page.locator('[name=token]').first().getAttribute('value');
    for (const [path, roles, form] of forms) {
      const answer = await page.request.post(at(path), { form: { token, ...form }, maxRedirects: 0 });
      assert.equal(answer.status() !== 403, roles.includes(role), path);
    }
  });
}

test('a viewer reads a record as text, and nothing there asks for an edit', async (t) => {
  const { page } = await signedIn(t, server, 'vikram');
  await page.goto('/live/customers');
  assert.equal(await page.getByRole('link', { name: 'New customer' }).count(), 0);
  const { id } = await server.make({ name: 'Saurav Kumar', notes: { city: 'Pune', visits: 3 } });
  await page.goto(`/live/customers/${id}`);
  assert.equal(await text(page.locator('main .facts')), 'Name Saurav Kumar Email Not set Contact Not set GSTIN Not set Note city Pune Note visits 3');
  assert.equal(await page.locator('main :is(form, input, textarea)').count(), 0);
  assert.equal(await page.getByRole('button', { name: /Undo|Save/ }).count(), 0);
});

test('a stranger is sent to the door, and changes nothing there', async (t) => {
  const { page } = await person(t, server.origin);
  const before = await server.fetch(gaurav.id);
  for (const mode of ['live', 'test']) {
    for (const [path] of pages) {
      const address = at(path).replace('live', mode);
      await page.goto(address);
      assert.equal(page.url(), `${server.origin}/sign-in?to=${encodeURIComponent(address)}`);
    }
  }
  for (const [path, , form] of forms) {
    const answer = await page.request.post(at(path), { form, maxRedirects: 0 });
    assert.equal(answer.status(), 303);
    assert.match(answer.headers().location, /^\/sign-in\?to=/);
  }
  assert.deepEqual(await server.fetch(gaurav.id), before);
});
