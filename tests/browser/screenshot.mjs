// Takes the README's picture, docs/customer.png: `node screenshot.mjs FILE`, where this folder's modules are installed.
// People and numbers are made up.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { patron, person } from './harness.mjs';

test('a picture of a customer', async (t) => {
  const server = await patron();
  const { page } = await person(t, server.origin, { viewport: { width: 1120, height: 680 } });
  await page.goto(await server.link());
  await page.fill('#email', 'meera@kaveri.example');
  await page.fill('#password', 'four or five words');
  await page.fill('#again', 'four or five words');
  await page.click('form button[data-busy]');

  const key = JSON.parse(server.cli('key', 'create', '--mode', 'live', '--label', 'Shop checkout', '--json'));
  const authorization = `Basic ${Buffer.from(`${key.key_id}:${key.key_secret}`).toString('base64')}`;
  const ask = async (method, path, body) => {
    const headers = { authorization, 'content-type': 'application/json' };
    const answer = await fetch(server.origin + path, { method, headers, body: JSON.stringify(body) });
    assert.equal(answer.status, 200);
    return answer.json();
  };
  const notes = { delivery: 'Ring once', account_manager: 'Farah', erp_id: 40017, whatsapp_ok: true };
  const name = 'Ananya Krishnamurthy';
  const { id } = await ask('POST', '/v1/customers', { name, email: 'ananya.k@gmail.example', contact: '9845012370', notes });
  const email = 'accounts@bluelotus-textiles.example';
  notes.delivery = 'Ring twice';
  await ask('PUT', `/v1/customers/${id}`, { email, contact: '9845012377', notes });

  await page.goto(`/live/customers/${id}`);
  await page.fill('#gstin', '29AAGCB7383J1Z4');
  await page.click('button[name=save]');
  await page.waitForURL('**saved**');
  await page.fill('#contact', '+919845012377');
  await page.click('button[name=save]');
  await page.waitForURL('**saved=4**');
  await page.screenshot({ path: process.argv[2] ?? 'customer.png' });
});
