// Razorpay's official Node SDK against the running binary, with nothing changed but the base URL and the key.
//
// The binary is the one that PATRON_BIN names, or the release build.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import Razorpay from 'razorpay';

const binary = process.env.PATRON_BIN || fileURLToPath(new URL('../../../target/release/patron', import.meta.url));
const directory = mkdtempSync(path.join(tmpdir(), 'patron-'));
const db = path.join(directory, 'patron.db');

// The three shapes of a refusal.
const plain = { source: 'NA', step: 'NA', reason: 'NA' };
const input = { source: 'business', step: 'payment_initiation', reason: 'input_validation_failed' };
const contact = { source: 'business', step: 'NA', reason: 'invalid_contact_number', field: 'contact' };

let server, baseURL, rz, live;

before(async () => {
  const testKey = createKey('test');
  const liveKey = createKey('live');
  server = spawn(binary, ['serve', '--db', db, '--listen', '127.0.0.1:0', '--log-level', 'error'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: server.stdout })) {
    baseURL = line.match(/^listening on (http:.+)/)?.[1];
    if (baseURL) break;
  }
  assert.ok(baseURL, 'the server ended before it listened');
  rz = client(testKey);
  live = client(liveKey);
});

after(async () => {
  try {
    // The SDK's connections are still open, as an application's are when the server is restarted.
    const ended = once(server, 'exit', { signal: AbortSignal.timeout(10_000) });
    server.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
  } finally {
    server?.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  }
});

function createKey(mode) {
  return JSON.parse(execFileSync(binary, ['key', 'create', '--mode', mode, '--json', '--db', db]));
}

function client({ key_id, key_secret }) {
  const razorpay = new Razorpay({ key_id, key_secret });
  razorpay.api.rq.defaults.baseURL = baseURL;
  return razorpay;
}

function refused(promise, error, statusCode = 400) {
  return assert.rejects(promise, { statusCode, error: { code: 'BAD_REQUEST_ERROR', metadata: {}, ...error } });
}

test('create', async () => {
  const notes = { notes_key_1: 'Tea, Earl Grey, Hot', notes_key_2: 'Tea, Earl Grey… decaf.' };
  const customer = await rz.customers.create({
    name: 'Gaurav Kumar',
    email: 'gaurav.kumar@example.com',
    contact: 9123456780,
    fail_existing: 1,
    gstin: '29XAbbA4369J1PA',
    notes,
  });
  assert.match(customer.id, /^cust_[0-9A-Za-z]{14}$/);
  assert.ok(Math.abs(customer.created_at - Date.now() / 1000) < 60);
  assert.deepEqual(Object.entries(customer), [
    ['id', customer.id],
    ['entity', 'customer'],
    ['name', 'Gaurav Kumar'],
    ['email', 'gaurav.kumar@example.com'],
    ['contact', '9123456780'],
    ['gstin', '29XAbbA4369J1PA'],
    ['notes', notes],
    ['created_at', customer.created_at],
  ]);
});

test('create with one field leaves the others unset', async () => {
  const customer = await rz.customers.create({ contact: '+919000000001' });
  assert.deepEqual(customer, {
    id: customer.id,
    entity: 'customer',
    name: null,
    email: null,
    contact: '+919000000001',
    gstin: null,
    notes: [],
    created_at: customer.created_at,
  });
});

test('edit changes what is sent and keeps the rest', async () => {
  const created = await rz.customers.create({
    name: 'Asha Rao', email: 'edit@example.com', contact: '9000000002', notes: { seat: 'aisle' },
  });
  const edited = await rz.customers.edit(created.id, { name: 'Asha Rao-Mehta', contact: '+919000000002' });
  assert.deepEqual(edited, { ...created, name: 'Asha Rao-Mehta', contact: '+919000000002' });
  assert.deepEqual(await rz.customers.fetch(created.id), edited);
});

test('edit with nothing changes nothing', async () => {
  const created = await rz.customers.create({ email: 'nothing@example.com' });
  assert.deepEqual(await rz.customers.edit(created.id, {}), created);
  assert.deepEqual(await rz.customers.edit(created.id), created);
});

test('fetch, by promise and by callback', async () => {
  const created = await rz.customers.create({ email: 'fetch@example.com' });
  assert.deepEqual(await rz.customers.fetch(created.id), created);
  const answer = await new Promise((resolve) => rz.customers.fetch(created.id, (...answer) => resolve(answer)));
  assert.deepEqual(answer, [null, created]);
});

test('list is newest first, in pages', async () => {
  const [a, b, c] = [
    await rz.customers.create({ email: 'a.list@example.com' }),
    await rz.customers.create({ email: 'b.list@example.com' }),
    await rz.customers.create({ email: 'c.list@example.com' }),
  ];
  const list = (pages) => rz.customers.all(pages);
  assert.deepEqual(await list({ count: 2 }), { entity: 'collection', count: 2, items: [c, b] });
  assert.deepEqual(await list({ count: 2, skip: 1 }), { entity: 'collection', count: 2, items: [b, a] });
  assert.deepEqual(await list({ skip: 1000000 }), { entity: 'collection', count: 0, items: [] });
});

test('list refuses a count out of range', async () => {
  await refused(rz.customers.all({ count: 101 }), {
    description: 'The count may not be greater than 100.', ...input, field: 'count',
  });
  await refused(rz.customers.all({ count: -1 }), {
    description: 'The count must be at least 1.', ...input, field: 'count',
  });
  await refused(rz.customers.all({ skip: 0.5 }), {
    description: 'The skip must be an integer.', ...input, field: 'skip',
  });
});

test('null and empty text clear a field', async () => {
  const created = await rz.customers.create({
    name: 'Clear Me', email: 'clear@example.com', contact: '9000000004', gstin: '29XAbbA4369J1PA',
  });
  const edited = await rz.customers.edit(created.id, { name: null, contact: '', gstin: null });
  assert.deepEqual(edited, { ...created, name: null, contact: null, gstin: null });
  await refused(rz.customers.edit(created.id, { email: null }), {
    description: 'At least one of name, email or contact is required.', ...input,
  });
  assert.deepEqual(await rz.customers.fetch(created.id), edited);
});

test('notes are replaced whole, and cleared', async () => {
  const { id } = await rz.customers.create({ email: 'notes@example.com', notes: { a: '1', b: '2' } });
  assert.deepEqual((await rz.customers.edit(id, { notes: { c: '3' } })).notes, { c: '3' });
  assert.deepEqual((await rz.customers.edit(id, { name: 'Notes Stay' })).notes, { c: '3' });
  assert.deepEqual((await rz.customers.edit(id, { notes: {} })).notes, []);
});

test('notes keep their order and their types', async () => {
  const notes = { zeta: 120, alpha: 1.5, vip: true, small: 1e-7, text: '120' };
  const created = await rz.customers.create({ email: 'numbers@example.com', notes });
  assert.equal(JSON.stringify(created.notes), JSON.stringify(notes));
  assert.equal(JSON.stringify((await rz.customers.fetch(created.id)).notes), JSON.stringify(notes));
});

test('notes have limits', async () => {
  const sixteen = Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`key ${n}`, '']));
  await refused(rz.customers.create({ email: 'limits@example.com', notes: sixteen }), {
    description: 'Notes should not have more than 15 keys.', ...input, field: 'notes',
  });
  await refused(rz.customers.create({ email: 'limits@example.com', notes: { list: ['a'] } }), {
    description: 'Notes values themselves should not be an array.', ...input, field: 'notes',
  });
});

test('a taken pair of email and contact is refused', async () => {
  const pair = { email: 'taken@example.com', contact: '9000000005' };
  const existing = await rz.customers.create(pair);
  const taken = {
    description: 'Customer already exists for the merchant', ...plain, metadata: { customer_id: existing.id },
  };
  await refused(rz.customers.create(pair), taken);
  const other = await rz.customers.create({ ...pair, contact: '9000000006' });
  await refused(rz.customers.edit(other.id, { contact: '9000000005' }), taken);
});

test('fail_existing 0 answers the customer who has the pair', async () => {
  const pair = { email: 'existing@example.com', contact: '9000000007' };
  const existing = await rz.customers.create({ name: 'First Name', ...pair });
  for (const fail_existing of ['0', 0]) {
    assert.deepEqual(await rz.customers.create({ name: 'Other Name', ...pair, fail_existing }), existing);
  }
});

test('fail_existing is no field of an edit', async () => {
  const { id } = await rz.customers.create({ email: 'extra@example.com' });
  await refused(rz.customers.edit(id, { fail_existing: '0', name: 'Extra Field', age: 42 }), {
    description: 'fail_existing, age is/are not required and should not be sent', ...input,
  });
});

test('malformed values are refused', async () => {
  for (const [field, value, description, shape] of [
    ['contact', '1234567', 'Contact number should be at least 8 digits, including country code', contact],
    ['contact', '1234567890123456',
      'Contact number should not be greater than 15 digits, including country code', contact],
    ['contact', '+91 90000',
      'Contact number contains invalid characters, only digits and + symbol are allowed', contact],
    ['name', 'x'.repeat(51), 'The name may not be greater than 50 characters.', input],
    ['name', 'Gaurav!', 'The name format is invalid.', input],
    ['email', 'gaurav.kumar', 'The email must be a valid email address.', input],
  ]) {
    await refused(rz.customers.create({ [field]: value }), { description, ...shape, field });
  }
});

test('a name may be in any script', async () => {
  for (const [n, name] of ['José Ñúñez', 'गौरव कुमार', '王小明'].entries()) {
    const created = await rz.customers.create({ name, email: `${n}.unicode@example.com` });
    assert.equal(created.name, name);
    assert.equal((await rz.customers.fetch(created.id)).name, name);
  }
});

test('a malformed id is refused', async () => {
  const malformed = { description: 'abc is not a valid id', ...input };
  await refused(rz.customers.fetch('cust_abc'), malformed);
  await refused(rz.customers.edit('cust_abc', { name: 'Gaurav Kumar' }), malformed);
});

test('an id that nobody has does not exist', async () => {
  const absent = { description: 'The id provided does not exist', ...input };
  await refused(rz.customers.fetch('cust_00000000000000'), absent);
  await refused(rz.customers.edit('cust_00000000000000', { name: 'Gaurav Kumar' }), absent);
});

test('test and live never see each other', async () => {
  const pair = { email: 'modes@example.com', contact: '9000000008' };
  const absent = { description: 'The id provided does not exist', ...input };
  const inTest = await rz.customers.create(pair);
  await refused(live.customers.fetch(inTest.id), absent);
  const inLive = await live.customers.create(pair);
  assert.notEqual(inLive.id, inTest.id);
  assert.deepEqual((await live.customers.all()).items, [inLive]);
  await refused(rz.customers.fetch(inLive.id), absent);
});

test('credentials', async () => {
  const invalid = { description: 'The api key/secret provided is invalid', ...plain };
  const missing = { description: 'Please provide your api key for authentication purposes', ...plain };
  const wrong = 'x'.repeat(24);
  await refused(client({ key_id: rz.key_id, key_secret: wrong }).customers.all(), invalid, 401);
  await refused(client({ key_id: 'rzp_test_00000000000000', key_secret: wrong }).customers.all(), invalid, 401);
  // Without a secret the SDK sends no Authorization header.
  await refused(client({ key_id: rz.key_id }).customers.all(), missing, 401);
});

test('what is not about customers is not found', async () => {
  await refused(rz.orders.all(), { description: 'The requested URL was not found on the server.', ...plain });
});

test('the samples of the reference run', async () => {
  const { id } = await rz.customers.create({ name: 'Meera', notes: { for: 'samples' } });
  const said = {};
  for (const endpoint of ['edit', 'fetch', 'list', 'revisions', 'tokens', 'create']) {
    const page = await (await fetch(`${baseURL}/docs/customers/${endpoint}`)).text();
    const shown = page.split('id="sample-node">')[1].split('</code>')[0];
    const sample = shown
      .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code))
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&amp;', '&')
      .replaceAll('cust_1Aa00000000004', id)
      // The pair of every reader's first customer is another test's too.
      .replaceAll('gaurav.kumar@example.com', 'sample@example.com')
      .replaceAll('YOUR_KEY_ID', rz.key_id)
      .replaceAll('YOUR_KEY_SECRET', rz.key_secret);
    // Beside its modules, as this file is.
    const cwd = fileURLToPath(new URL('.', import.meta.url));
    said[endpoint] = execFileSync(process.execPath, ['--input-type=module', '-e', sample], { cwd, encoding: 'utf8' });
  }
  assert.match(said.create, /^cust_[0-9A-Za-z]{14}\n$/);
  assert.equal(said.edit, '+919123456780\n');
  assert.equal(said.fetch, 'Meera\n');
  assert.ok(said.list.includes(`${id} Meera\n`));
  assert.equal(said.revisions, "2 [ 'contact' ]\n1 [ 'name', 'notes' ]\n");
  assert.equal(said.tokens, '0\n');
});
