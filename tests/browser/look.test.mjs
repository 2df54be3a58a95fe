// Every page in every state: to whoever does not see it, cannot use a mouse, reads it in the dark or on a phone; and its weight.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { desk, fill, phone, press, save, signedIn, text } from './desk.mjs';
import { axe, narrow, patron, person, shot, suite, wide } from './harness.mjs';

const long = {
  name: 'Venkatanarasimharajuvaripeta-Subramaniam (Chennai)',
  email: 'a.very.long.address.indeed.that.never.ends@subdomain.example.com',
  contact: '+91987654321098',
  gstin: '27AAPFU0939F1ZV',
  notes: Object.fromEntries(
    Array.from({ length: 15 }, (_, at) => [
      at ? `key-${at}-${'k'.repeat(at * 16)}` : 'words',
      at ? 'v'.repeat(at * 17) : 'Ring twice at the blue gate.\n'.repeat(8),
    ]),
  ),
};

const server = await desk();
const ends = suite();
const asha = await signedIn(ends, server, 'asha');
const vikram = await signedIn(ends, server, 'vikram');
const stranger = await person(ends, server.origin);

// Enough customers for three pages, one of them as long as can be and with a long history.
server.cli('seed', '--count', '60', '--mode', 'live');
const customer = await server.make(long);
const path = `/v1/customers/${customer.id}`;
for (let edit = 1; edit <= 25; edit += 1) {
  await server.call('PUT', path, { contact: phone(), notes: { ...long.notes, words: `Edit ${edit}. `.repeat(edit) } });
}
await server.call('PUT', path, { contact: long.contact, notes: long.notes });
const plain = await server.make({ name: 'Gaurav Kumar', email: 'gaurav.kumar@example.com', contact: phone() });
const record = `/live/customers/${customer.id}`;
const link = (text) => new URL(text.match(/http:\S+/)[0]).pathname;

/** A save that meets another's. */
async function meet(page, first, second) {
  await page.goto(record);
  await server.call('PUT', path, first);
  await fill(page, second);
  await save(page);
}

// A page is a line: what it is called, who looks, how they get there, and with which status where that is no success.
const states = [
  ['sign in', stranger, (page) => page.goto('/sign-in')],
  [
    'sign in refused',
    stranger,
    async (page) => {
      await page.goto('/sign-in');
      await fill(page, { Email: 'asha@example.com', Password: 'not the one at all' });
      await press(page, 'Sign in');
    },
    422,
  ],
  ['invited', stranger, (page) => page.goto(link(server.cli('staff', 'add', 'new@example.com', '--role', 'editor')))],
  [
    'invited refused',
    stranger,
    async (page) => {
      await page.goto(link(server.cli('staff', 'password', 'new@example.com')));
      await fill(page, { Password: 'password1234', 'Password again': 'password1234' });
      await press(page, 'Save and sign in');
    },
    422,
  ],
  ['a link that is over', stranger, (page) => page.goto('/link/no-such-link'), 410],
  ['nothing at the door', stranger, (page) => page.goto('/no/such/page'), 404],
  ['customers', asha, (page) => page.goto('/live/customers')],
  ['customers in the middle', asha, middle],
  ['customers found', asha, (page) => page.goto('/live/customers?q=venkata')],
  ['customers found by a note', asha, (page) => page.goto('/live/customers?q=blue+gate')],
  ['customers not found', asha, (page) => page.goto(`/live/customers?q=${'nobody-'.repeat(30)}`)],
  ['customers of no day', asha, (page) => page.goto('/live/customers?from=2001-01-01&to=2001-01-02')],
  ['no customers', asha, (page) => page.goto('/test/customers')],
  ['customers, a viewer', vikram, (page) => page.goto('/live/customers')],
  ['new customer', asha, (page) => page.goto('/live/customers/new')],
  [
    'new customer refused',
    asha,
    async (page) => {
      await page.goto('/test/customers/new');
      await press(page, 'Add a note');
      await press(page, 'Add a note');
      await fill(page, { Name: 'x', Email: 'x', Contact: 'x', GSTIN: 'x', 'Note 1, value': 'x' });
      await fill(page, { 'Note 2, key': 'long', 'Note 2, value': 'x'.repeat(300) });
      await save(page);
    },
    422,
  ],
  [
    'a pair that is taken',
    asha,
    async (page) => {
      await page.goto('/live/customers/new');
      await fill(page, { Email: long.email, Contact: long.contact });
      await save(page);
    },
    422,
  ],
  ['record, long', asha, (page) => page.goto(record)],
  ['record, the history further back', asha, (page) => page.goto(`${record}?past=20`)],
  ['record, a viewer', vikram, (page) => page.goto(record)],
  [
    'record saved',
    asha,
    async (page) => {
      await page.goto(`/live/customers/${plain.id}`);
      await fill(page, { GSTIN: '27AAPFU0939F1ZV' });
      await save(page);
    },
  ],
  ['no such customer', asha, (page) => page.goto('/test/customers/cust_1Aa00000000004'), 404],
  [
    'two edits met',
    asha,
    (page) =>
      meet(
        page,
        { name: 'Venkata', contact: phone(), notes: { ...long.notes, words: 'Theirs. '.repeat(30) } },
        { Name: 'Venkat', 'Note 1, value': 'Mine. '.repeat(40), GSTIN: '27AAPFU0939F1ZX' },
      ),
    409,
  ],
  [
    'undo with loss',
    asha,
    async (page) => {
      await page.goto(record);
      await page.locator('.history form button').nth(3).click();
      await page.waitForURL('**/undo');
    },
  ],
  [
    'undo refused',
    asha,
    async (page) => {
      const { id } = await server.make({ name: 'Gaurav Kumar' });
      await server.call('PUT', `/v1/customers/${id}`, { contact: phone() });
      await server.call('PUT', `/v1/customers/${id}`, { name: '' });
      await page.goto(`/live/customers/${id}`);
      await press(page, 'Undo revision 2');
    },
    409,
  ],
  ['activity', asha, (page) => page.goto('/live/activity')],
  ['activity of nobody', asha, (page) => page.goto('/live/activity?door=command&from=2001-01-01&to=2001-01-02')],
  ['no activity', asha, (page) => page.goto('/test/activity')],
  ['account', asha, (page) => page.goto('/live/account')],
  [
    'account refused',
    asha,
    async (page) => {
      await page.goto('/live/account');
      await fill(page, { 'Password now': 'not the one', 'New one': 'short', Again: 'other' });
      await page.locator('main form').first().evaluate((form) => (form.noValidate = true));
      await press(page, 'Change it');
    },
    422,
  ],
  ['home', asha, (page) => page.goto('/live')],
  ['home, a viewer', vikram, (page) => page.goto('/live')],
  ['home, nothing yet', asha, (page) => page.goto('/test')],
  ['doctor', asha, (page) => page.goto('/live/doctor')],
  [
    'doctor, who has looked',
    asha,
    async (page) => {
      await page.goto('/test/doctor');
      await press(page, 'Look');
    },
  ],
  ['requests', asha, (page) => page.goto('/live/requests')],
  [
    'a request',
    asha,
    async (page) => {
      await page.goto('/live/requests');
      await page.locator('main table tbody a').first().click();
      await page.waitForURL('**/requests/*');
    },
  ],
  ['keys', asha, (page) => page.goto('/live/keys')],
  [
    'keys refused',
    asha,
    async (page) => {
      await page.goto('/test/keys');
      await page.locator('main form').evaluate((form) => (form.noValidate = true));
      await press(page, 'Make the key');
    },
    422,
  ],
  [
    'key made',
    asha,
    async (page) => {
      await page.goto('/live/keys');
      await fill(page, { Label: 'Venkatanarasimharajuvaripeta point of sale, second floor' });
      await press(page, 'Make the key');
    },
  ],
  ['key to rotate', asha, (page) => within(page, '/live/keys', '/rotate')],
  ['key to revoke', asha, (page) => within(page, '/live/keys', '/revoke')],
  ['staff', asha, (page) => page.goto('/live/staff')],
  [
    'staff managed',
    asha,
    async (page) => {
      await page.goto('/live/staff');
      await page.locator('summary').nth(1).click();
    },
  ],
  [
    'staff refused',
    asha,
    async (page) => {
      await page.goto('/live/staff');
      await fill(page, { Email: 'asha@example.com' });
      await press(page, 'Make the link');
    },
    422,
  ],
  [
    'staff invited',
    asha,
    async (page) => {
      await page.goto('/live/staff');
      await fill(page, { Email: long.email });
      await press(page, 'Make the link');
    },
  ],
  ['staff to disable', asha, (page) => within(page, '/live/staff', '/disable')],
  ['nothing here', asha, (page) => page.goto('/live/no-such-page'), 404],
  ['not theirs', vikram, (page) => page.goto('/live/customers/new'), 403],
  [
    'shortcuts',
    asha,
    async (page) => {
      await page.goto('/live/activity');
      await page.keyboard.press('?');
    },
  ],
];

/** To the first page below another whose address ends so. */
async function within(page, address, end) {
  await page.goto(address);
  await page.goto(await page.locator(`main a[href$="${end}"]`).first().getAttribute('href'));
}

async function middle(page) {
  await page.goto('/live/customers');
  await page.goto(await page.getByRole('link', { name: 'Older' }).getAttribute('href'));
}

for (const [name, { page, expect, check }, arrive, status] of states) {
  test(`${name}: fit for everybody, in the light and the dark, wide and narrow`, async () => {
    // What is not saved is left without being asked.
    page.once('dialog', (dialog) => dialog.accept());
    await arrive(page);
    if (status) expect(new RegExp(`status of ${status}`));
    await everyWay(page, name);
    check();
    page.removeAllListeners('dialog');
  });
}

async function everyWay(page, name) {
  assert.equal(await page.locator('h1').count(), 1);
  for (const [size, viewport] of Object.entries({ wide, narrow })) {
    await page.setViewportSize(viewport);
    const { scroll, inner } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, inner: innerWidth }));
    assert.ok(scroll <= inner, `${size}: ${scroll}px of page in ${inner}px`);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await axe(page);
      await shot(page, `${name}-${size}-${colorScheme}`.replace(/[^a-z]+/g, '-'));
    }
  }
  await page.setViewportSize(wide);
  await page.emulateMedia({ colorScheme: 'light' });
}

test('the first link: fit for everybody, in the light and the dark, wide and narrow', async (t) => {
  const fresh = await patron();
  const { page } = await person(t, fresh.origin);
  await page.goto(await fresh.link());
  await everyWay(page, 'first-link');
});

// Focus ---------------------------------------------------------------------------------------------------------------------

/** What has the focus: its name, whether an outline shows it, and whether something lies over it. */
const seen = () => {
  const active = document.activeElement;
  if (active === document.body) return null;
  const shown = (style) => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && style.opacity !== '0';
  // A part of a field for dates, which the browser outlines itself.
  const isPart = !active.matches(':focus');
  const bearers = [getComputedStyle(active), getComputedStyle(active, '::after')];
  const choice = active.closest('.choice');
  if (choice) bearers.push(getComputedStyle(choice));
  const { left, top, bottom, width } = (choice ?? active).getBoundingClientRect();
  const within = (over) => over !== null && ((choice ?? active).contains(over) || over.contains(active));
  // What is taller than the window is seen where any of it is.
  const heights = [top + 4, (top + bottom) / 2, bottom - 4];
  return {
    what: `${active.tagName} ${active.id || active.textContent.trim() || active.name}`,
    outlined: isPart || bearers.some(shown),
    uncovered: heights.some((height) => within(document.elementFromPoint(left + width / 2, height))),
  };
};

for (const [size, viewport] of Object.entries({ wide, narrow })) {
  test(`each stop of Tab is seen, ${size}`, async () => {
    const { page, check, expect } = asha;
    await page.setViewportSize(viewport);
    for (const [address, least] of [
      ['/live/customers', 25],
      [record, 40],
      ['/live/activity', 25],
      ['/live/account', 10],
      ['/live/keys', 10],
      ['/live/staff', 10],
      ['conflict', 5],
    ]) {
      if (address === 'conflict') {
        await meet(page, { name: `Theirs ${size}` }, { Name: `Mine ${size}` });
        expect(/status of 409/);
      } else await page.goto(address);
      let stops = 0;
      for (; stops < 200; stops += 1) {
        await page.keyboard.press('Tab');
        const focus = await page.evaluate(seen);
        if (!focus) break;
        assert.ok(focus.outlined, `${address}: nothing shows that ${focus.what} has the focus`);
        assert.ok(focus.uncovered, `${address}: ${focus.what} is covered`);
      }
      assert.ok(stops >= least && stops < 200, `${address}: ${stops} stops`);
    }
    page.once('dialog', (dialog) => dialog.accept());
    await page.goto('/live/customers');
    page.removeAllListeners('dialog');
    await page.setViewportSize(wide);
    check();
  });
}

// Weight --------------------------------------------------------------------------------------------------------------------

test('a first page weighs under 50 KB, and those after it under 15 KB', async (t) => {
  // Customers as they mostly are.
  const usual = await desk();
  usual.cli('seed', '--count', '60', '--mode', 'live');
  const { id } = await usual.make({ name: 'Gaurav Kumar', contact: phone(), notes: { city: 'Pune', since: '2019' } });
  for (let edit = 0; edit < 9; edit += 1) await usual.call('PUT', `/v1/customers/${id}`, { contact: phone() });
  const { page, context } = await signedIn(t, usual, 'asha');
  const network = await context.newCDPSession(page);
  await network.send('Network.enable');
  let bytes = 0;
  network.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength));
  const weight = async (address) => {
    bytes = 0;
    await page.goto(address, { waitUntil: 'networkidle' });
    return bytes;
  };
  const first = await weight('/live/customers');
  assert.match(await text(page.locator('h1')), /customers$/);
  t.diagnostic(`/live/customers, the first page: ${first} bytes`);
  assert.ok(first > 2000 && first < 50_000, `the first page: ${first} bytes`);
  for (const address of ['/live', '/live/customers', `/live/customers/${id}`, '/live/activity', '/live/account', '/live/keys']) {
    const after = await weight(address);
    t.diagnostic(`${address}: ${after} bytes`);
    assert.ok(after > 1000 && after < 15_000, `${address}: ${after} bytes`);
  }
});
