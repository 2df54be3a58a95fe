// Coming in and being shut out: signing in, the ends of a session, and forms from elsewhere.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { desk, eitherWay, fill, focused, join, leads, password, press, signIn, signedIn, summary, text } from './desk.mjs';
import { person } from './harness.mjs';

const server = await desk();

const refusal = { email: 'Email and password do not belong together.' };

eitherWay('a wrong email and a wrong password are told in the same words', async (t, scripts) => {
  const { page, expect, check } = await person(t, server.origin, { javaScriptEnabled: scripts });
  await page.goto('/sign-in');
  assert.equal(await focused(page), 'email');
  for (const [email, secret] of [
    ['asha@example.com', `${password}!`],
    ['nobody@example.com', password],
    ['nobody', 'short'],
  ]) {
    await fill(page, { Email: email, Password: secret });
    if (email === 'nobody') await page.locator('form').evaluate((form) => (form.noValidate = true));
    await press(page, 'Sign in');
    expect(/status of 422/);
    assert.equal(await page.title(), 'Error: Sign in · Patron');
    assert.deepEqual(await summary(page), refusal);
    assert.equal(await page.getByLabel('Email').inputValue(), email);
    assert.equal(await page.getByLabel('Password').inputValue(), '');
    if (scripts) assert.equal(await page.evaluate(() => document.activeElement.className), 'errors');
    check();
  }
});

eitherWay('one lands where one was going', async (t, scripts) => {
  const { page } = await person(t, server.origin, { javaScriptEnabled: scripts });
  const going = '/test/customers?q=98765%2043210';
  await page.goto(going);
  assert.equal(page.url(), `${server.origin}/sign-in?to=${encodeURIComponent(going)}`);
  await fill(page, { Email: 'Asha@Example.com', Password: password });
  await leads(page, () => page.keyboard.press('Enter'));
  assert.equal(page.url(), server.origin + going);
  // Who is in already is not asked again.
  await page.goto('/sign-in?to=/live/activity');
  assert.equal(page.url(), `${server.origin}/live/activity`);
  for (const elsewhere of ['https://example.com/', '//example.com', '/\\example.com']) {
    const answer = await page.request.get(`/sign-in?to=${encodeURIComponent(elsewhere)}`, { maxRedirects: 0 });
    assert.equal(answer.headers().location, '/');
  }
});

eitherWay('the password is shown where one asks for it', async (t, scripts) => {
  const { page } = await person(t, server.origin, { javaScriptEnabled: scripts });
  await page.goto('/sign-in');
  const show = page.getByRole('button', { name: 'Show the password' });
  assert.equal(await show.isVisible(), scripts);
  if (!scripts) return;
  await show.click();
  assert.equal(await page.getByLabel('Password').getAttribute('type'), 'text');
  assert.equal(await show.getAttribute('aria-pressed'), 'true');
  await show.click();
  assert.equal(await page.getByLabel('Password').getAttribute('type'), 'password');
});

test('twenty failures from one address shut one account, and no other', async (t) => {
  const { page, context, expect, check } = await person(t, server.origin);
  for (let failure = 1; failure <= 20; failure += 1) {
    assert.equal((await signIn(context, 'meera@example.com', 'wrong all the time')).status(), 422, `attempt ${failure}`);
  }
  await page.goto('/sign-in');
  await fill(page, { Email: 'meera@example.com', Password: password });
  await press(page, 'Sign in');
  expect(/status of 429/);
  const words = Object.values(await summary(page));
  assert.match(words.join(), /^Too many failed sign-ins from your network address\. Try again in \d+ seconds?\.$/);
  check();
  await fill(page, { Email: 'ravi@example.com', Password: password });
  await press(page, 'Sign in');
  assert.equal(page.url(), `${server.origin}/live`);
});

// The ends of a session ---------------------------------------------------------------------------------------------------

join(server, 'end@example.com', 'editor');

const ends = [
  ['signing out', async ({ page }) => press(page, 'Sign out')],
  [
    'a new password elsewhere',
    async (_, t) => {
      const { page } = await signedIn(t, server, 'end');
      await page.goto('/live/account');
      const change = async (now, next) => {
        await fill(page, { 'Password now': now, 'New one': next, Again: next });
        return press(page, 'Change it');
      };
      await change(password, 'five quiet words far apart');
      assert.equal(await text(page.locator('.notice')), 'Your password is changed, and your other sessions are ended.');
      await change('five quiet words far apart', password);
      assert.equal(await page.locator('tbody tr').count(), 1);
    },
  ],
  [
    'being ended from the account page',
    async (_, t) => {
      const { page } = await signedIn(t, server, 'end');
      await page.goto('/live/account');
      await press(page, 'End all others');
      assert.equal(await text(page.locator('.notice')), 'Your other sessions are ended.');
    },
  ],
  [
    'a password set by command',
    async () => server.typed(password, 'staff', 'password', 'end@example.com', '--password-stdin'),
  ],
  [
    'being disabled',
    async () => server.cli('staff', 'disable', 'end@example.com'),
    () => server.cli('staff', 'enable', 'end@example.com'),
  ],
];

for (const [name, end, undo] of ends) {
  test(`a session is dead after ${name}`, async (t) => {
    const someone = await signedIn(t, server, 'end');
    const { page, context } = someone;
    await page.goto('/live/customers/new');
    await fill(page, { Name: 'Never Made' });
    const cookies = await context.cookies();
    await end(someone, t);

    // Even for who kept the cookie.
    await context.clearCookies();
    await context.addCookies(cookies);
    if (name !== 'signing out') {
      page.once('dialog', (dialog) => dialog.accept());
      await leads(page, () => page.keyboard.press('Control+S'));
      assert.equal(new URL(page.url()).pathname, '/sign-in');
    }
    await page.goto('/live/customers');
    assert.equal(page.url(), `${server.origin}/sign-in?to=%2Flive%2Fcustomers`);
    if (name === 'being disabled') {
      const refused = await signIn(context, 'end@example.com');
      assert.equal(refused.status(), 422);
      assert.match(await refused.text(), /do not belong together/);
    }
    undo?.();
  });
}

// What a browser is told ----------------------------------------------------------------------------------------------------

test('the cookie is for this site alone, and out of reach of scripts', async (t) => {
  const { context } = await signedIn(t, server, 'asha');
  const [cookie, ...others] = await context.cookies();
  assert.deepEqual(others, []);
  const { name, httpOnly, sameSite, secure, path, expires } = cookie;
  assert.deepEqual({ name, httpOnly, sameSite, secure, path }, {
    name: 'patron_session',
    httpOnly: true,
    sameSite: 'Lax',
    secure: false,
    path: '/',
  });
  const hours = (expires - Date.now() / 1000) / 3600;
  assert.ok(hours > 11.9 && hours <= 12, `${hours} hours`);
});

test('over https the cookie is bound to the host', async () => {
  const behind = await desk({ args: ['--public-url', 'https://patron.example'] });
  const answer = await fetch(`${behind.origin}/sign-in`, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({ email: 'asha@example.com', password }),
  });
  assert.equal(answer.status, 303);
  assert.match(
    answer.headers.get('set-cookie'),
    /^__Host-patron_session=\S{43}; HttpOnly; SameSite=Lax; Secure; Path=\/; Max-Age=43200$/,
  );
});

test('every page forbids what it does not need', async (t) => {
  const { page, expect } = await signedIn(t, server, 'asha');
  for (const address of ['/live/customers', '/live/nowhere', '/sign-in']) {
    const answer = await page.goto(address);
    const headers = answer.headers();
    assert.match(headers['content-security-policy'], /^default-src 'none'; .*frame-ancestors 'none'$/);
    assert.doesNotMatch(headers['content-security-policy'], /unsafe/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['referrer-policy'], 'same-origin');
    assert.equal(headers['cache-control'], 'no-store');
  }
  expect(/status of 404/);
  for (const link of await page.locator('link[rel=stylesheet], script').all()) {
    const address = (await link.getAttribute('href')) ?? (await link.getAttribute('src'));
    const answer = await page.request.get(address);
    assert.equal(answer.headers()['cache-control'], 'public, max-age=31536000, immutable');
  }
});

// Forms from elsewhere --------------------------------------------------------------------------------------------------------

/** A site of somebody else's, with one page whose form sends itself. */
async function elsewhere(t, host, action, fields) {
  const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${value}">`);
  const page = `<!doctype html><title>x</title><link rel="icon" href="data:,">
    <form method="post" action="${action}">${inputs.join('')}</form><script>document.forms[0].submit()</script>`;
  const site = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end(page));
  site.listen(0).unref();
  await once(site, 'listening');
  t.after(() => (site.closeAllConnections(), site.close()));
  return `http://${host}:${site.address().port}/`;
}

for (const [where, host] of [
  ['another site', 'localhost'],
  ['another port', '127.0.0.1'],
]) {
  test(`a form from ${where} changes nothing`, async (t) => {
    const { page, context, expect, check } = await signedIn(t, server, 'asha');
    await page.goto('/live/customers/new');
    const token = await page.locator('[name=token]').first().getAttribute('value');
    const refused = async (action, fields) => {
      const site = await elsewhere(t, host, server.origin + action, fields);
      expect(/asked elsewhere/);
      const answered = page.waitForResponse((answer) => answer.url() === server.origin + action);
      await page.goto(site, { waitUntil: 'commit' });
      const answer = await answered;
      await page.waitForLoadState();
      return answer.status();
    };
    // From another site the cookie does not come along with a form: it is sent to the door, and from there, being in, on.
    const status = await refused('/live/customers', { token, name: 'Not Wanted' });
    if (host === '127.0.0.1') {
      assert.equal(status, 403);
      expect(/status of 403/);
      assert.match(await text(page.locator('main')), /Nothing was changed The form came from another site\./);
    } else {
      assert.equal(status, 303);
      assert.match(page.url().slice(server.origin.length), /^\/live/);
    }
    check();

    // Nor can anybody be signed out, or in as somebody else.
    const out = await refused('/sign-out', { token });
    assert.equal(out, host === '127.0.0.1' ? 403 : 303);
    if (out === 403) expect(/status of 403/);
    check();
    const before = await context.cookies(server.origin);
    assert.equal(await refused('/sign-in', { email: 'ravi@example.com', password }), 403);
    expect(/status of 403/);
    assert.deepEqual(await context.cookies(server.origin), before);
    await page.goto('/live/customers?q=Not+Wanted');
    assert.match(await text(page.locator('#results')), /^No live customer has Not Wanted/);
  });
}

test('a form from another sign-in changes nothing', async (t) => {
  const { page } = await signedIn(t, server, 'asha');
  const other = await signedIn(t, server, 'asha');
  await other.page.goto('/live/customers/new');
  const token = await other.page.locator('[name=token]').first().getAttribute('value');
  for (const form of [{ token, name: 'Not Wanted' }, { name: 'Not Wanted' }]) {
    const answer = await page.request.post('/live/customers', { form });
    assert.equal(answer.status(), 403);
    assert.match(await answer.text(), /The form belongs to another sign-in/);
  }
});
