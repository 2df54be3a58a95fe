// What people do again and again in these tests, and what they look at.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { patron, person } from './harness.mjs';

export const password = 'four quiet words apart';

/** An owner, two editors and a viewer, who sign in by `first name@example.com`. */
const people = { asha: 'owner', ravi: 'editor', meera: 'editor', vikram: 'viewer' };

/** Tests something in a browser that runs scripts and in one that does not. */
export function eitherWay(name, run) {
  for (const scripts of [true, false]) test(`${name}, ${scripts ? 'with' : 'without'} scripts`, (t) => run(t, scripts));
}

/** A server with people and a live key: `call(method, path, body)` asks its API, and `make(body)` makes a customer there. */
export async function desk(options) {
  const server = await patron(options);
  for (const [name, role] of Object.entries(people)) join(server, `${name}@example.com`, role);
  const call = api(server, 'live');
  const make = (body) => call('POST', '/v1/customers', body);
  return { ...server, call, make, fetch: (id) => call('GET', `/v1/customers/${id}`) };
}

let phones = 0;

/** A phone number that no other customer has: for whoever has no email, it is who they are. */
export const phone = () => `98765${String((phones += 1)).padStart(5, '0')}`;

/** Adds somebody who can sign in at once. */
export function join(server, email, role) {
  server.typed(password, 'staff', 'add', email, '--role', role, '--password-stdin');
}

/** What asks the API with a key of its own. */
export function api(server, mode) {
  const key = JSON.parse(server.cli('key', 'create', '--mode', mode, '--label', 'Shop checkout', '--json'));
  const authorization = `Basic ${Buffer.from(`${key.key_id}:${key.key_secret}`).toString('base64')}`;
  return async (method, path, body) => {
    const headers = { authorization, 'content-type': 'application/json' };
    const answer = await fetch(server.origin + path, { method, headers, body: body && JSON.stringify(body) });
    const json = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(json));
    return json;
  };
}

/** Someone who is signed in. */
export async function signedIn(t, server, name, { scripts = true, ...options } = {}) {
  const someone = await person(t, server.origin, { javaScriptEnabled: scripts, ...options });
  await signIn(someone.context, `${name}@example.com`);
  return someone;
}

/** Signs in without a page, and gives the answer. */
export function signIn(context, email, secret = password) {
  return context.request.post('/sign-in', { form: { email, password: secret }, maxRedirects: 0 });
}

/** Does what leads to another page, waits until that is there, and gives its answer. */
export async function leads(page, act) {
  const [answer] = await Promise.all([page.waitForNavigation(), act()]);
  return answer;
}

export const press = (page, name) => leads(page, () => page.getByRole('button', { name }).click());
export const follow = (page, name) => leads(page, () => page.getByRole('link', { name }).first().click());
export const save = (page) => press(page, /^(Save|Make)( these choices)? (to|in) (live|test)$/);

/** Types over fields by their labels. */
export async function fill(page, fields) {
  for (const [label, text] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(text);
}

/** Text as one reads it: without what is not shown, and with single spaces. */
export async function text(locator) {
  return (await locator.innerText()).replace(/\s+/g, ' ').trim();
}

export const texts = async (locator) => Promise.all((await locator.all()).map(text));
export const notice = (page) => text(page.locator('.notice > span'));

/** What the history says, newest first: who did what, and each value. */
export const history = (page) => texts(page.locator('.history > li p'));

/** The summary of errors, as its links lead: field to words. */
export async function summary(page) {
  const links = await page.locator('.errors li a').all();
  return Object.fromEntries(
    await Promise.all(links.map(async (link) => [(await link.getAttribute('href')).slice(1), await text(link)])),
  );
}

/** What has the focus, by its id or its name. */
export const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.name);

/** Answers the next question of the browser's own, and gives its type. */
export function answers(page, accept) {
  return new Promise((resolve) => {
    page.once('dialog', async (dialog) => {
      resolve(dialog.type());
      await (accept ? dialog.accept() : dialog.dismiss());
    });
  });
}
