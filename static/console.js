// Nothing here is needed. It turns UTC into the reader's hours, copies, finds as one types, saves
// by key, guards what was typed, and shows the buttons that only work with it.
const all = (selector, within = document) => within.querySelectorAll(selector);
const one = (selector) => document.querySelector(selector);
const buttons = "[data-copy], [data-copy-from], [data-reveal], [data-open]";

// Runs on every page, and again on results that come later.
const dress = (within) => {
  for (const time of all("time[data-as]", within)) {
    const date = new Date(time.dateTime);
    const year = { year: "numeric" };
    const day = { day: "numeric", month: "short", ...(date.getFullYear() !== new Date().getFullYear() && year) };
    const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    time.title = date.toLocaleString("en-GB", { dateStyle: "full", timeStyle: "long" });
    time.textContent = date.toLocaleString("en-GB", {
      day: { ...day, ...year },
      minute: { ...day, ...clock },
      second: { ...day, ...clock, second: "2-digit" },
      weekday: { weekday: "long", day: "numeric", month: "long" },
    }[time.dataset.as]).replace(",", "");
  }
  for (const button of all(buttons, within)) {
    // Over plain http there is no clipboard.
    button.hidden = !navigator.clipboard && (button.dataset.copy ?? button.dataset.copyFrom) !== undefined;
  }
};
dress();

addEventListener("click", async ({ target }) => {
  const button = target.closest(buttons);
  if (!button) return;
  const { copy, copyFrom, reveal, open } = button.dataset;
  if (open) return document.getElementById(open).showModal();
  if (reveal) {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", shown);
    for (const id of reveal.split(" ")) document.getElementById(id).type = shown ? "text" : "password";
    return;
  }
  if (button.textContent === "Copied") return;
  try {
    await navigator.clipboard.writeText(copy ?? document.getElementById(copyFrom).textContent);
  } catch {
    return;
  }
  const words = [...button.childNodes];
  button.replaceChildren("Copied");
  setTimeout(() => button.replaceChildren(...words), 2000);
});

// What is shown once came in answer to a form: loading it again leads elsewhere, and sends nothing again.
const instead = one("[data-instead]");
if (instead) history.replaceState(null, "", instead.dataset.instead);

// How strong, in words; the server has the last one.
const secret = one("[data-strength]");
secret?.addEventListener("input", () => {
  const { length } = secret.value, short = 12 - length;
  document.getElementById(secret.dataset.strength).value = !length ? ""
    : short > 0 ? `${short} more character${short > 1 ? "s" : ""}`
    : new Set(secret.value).size < 6 ? "Long enough, but it repeats itself" : length < 20 ? "Good" : "Strong";
});

one("[data-focus]")?.focus();

// Results as one types: what Find would show. Where that fails, Find is still there.
const question = one("form.question[data-live]");
const results = document.getElementById("results");
if (question && results) {
  // Outside of what is replaced: only what stays on the page is read out when it changes.
  const said = document.createElement("p");
  said.className = "hidden";
  said.setAttribute("role", "status");
  results.before(said);

  let wait, asked;
  const find = async () => {
    const url = new URL(question.action);
    url.search = new URLSearchParams([...new FormData(question)].filter(([, value]) => value));
    if (url.href === location.href) return;
    asked = new AbortController();
    try {
      const answer = await fetch(url, { signal: asked.signal });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("results");
      dress(fresh);
      const heading = fresh.querySelector("[data-said]");
      const held = results.contains(document.activeElement);
      results.replaceChildren(...fresh.childNodes);
      if (held) question.elements.q.focus();
      said.textContent = heading?.textContent ?? "";
      document.title = page.title;
      history.replaceState(null, "", url);
    } catch {}
  };
  const stop = () => (clearTimeout(wait), asked?.abort());
  question.addEventListener("input", () => (stop(), (wait = setTimeout(find, 200))));
  question.addEventListener("submit", stop);
}

// What is under way moves in its place. Where that fails, the page loads itself anew, as it does without.
const moving = one("[data-moving]");
if (moving) {
  const follow = async () => {
    try {
      const answer = await fetch(location.href);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-moving]");
      if (!answer.ok || answer.redirected || !fresh || page.title !== document.title) return location.reload();
      moving.replaceChildren(...fresh.childNodes);
      setTimeout(follow, 1000);
    } catch {
      setTimeout(follow, 5000);
    }
  };
  addEventListener("load", () => {
    stop(); // the loading anew
    setTimeout(follow, 1000);
  });
}

// data-guard="unsaved": what the page came with is not saved either.
const form = one("form[data-guard]");
let leaving = false;
const typed = () => form?.dataset.guard === "unsaved" || [...(form?.elements ?? [])].some((field) =>
  field.type === "radio" ? field.checked !== field.defaultChecked
    : field.defaultValue !== undefined && field.value !== field.defaultValue);

addEventListener("beforeunload", (event) => {
  if (!leaving && typed()) event.preventDefault();
});

addEventListener("submit", ({ target, submitter }) => {
  if (target === form) leaving = true;
  if (!submitter?.dataset.busy) return;
  submitter.setAttribute("aria-busy", "true");
  submitter.textContent = submitter.dataset.busy;
});

addEventListener("pageshow", () => (leaving = false));

let g = false;
// Who speaks to the browser, or types by accident, can do without single keys.
const single = one("[data-single-keys]");
if (single) {
  single.checked = localStorage.getItem("single-keys") !== "off";
  single.addEventListener("change", () => localStorage.setItem("single-keys", single.checked ? "on" : "off"));
}

addEventListener("keydown", (event) => {
  const key = event.key?.toLowerCase(); // none where the browser fills a field in
  if ((event.ctrlKey || event.metaKey) && (key === "s" || key === "enter") && form) {
    event.preventDefault();
    return event.repeat || form.requestSubmit(form.querySelector("[data-busy]"));
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === "escape") return event.target.blur();
  if (single?.checked === false || event.target.matches("input, select, textarea") || one("dialog[open]")) return;
  const find = one('[aria-keyshortcuts="/"]');
  const place = g && [...all(".places [data-go]")].find((link) => link.dataset.go === key);
  if (place) place.click();
  else if (key === "/" && find) {
    event.preventDefault();
    find.focus();
    // Where there is no room for it, the list has one.
    if (document.activeElement !== find) location = `${one('[data-go="c"]').href}#q`;
  }
  else if (key === "e") (event.preventDefault(), one('[aria-keyshortcuts="e"]')?.focus());
  else if (key === "?") document.getElementById("shortcuts")?.showModal();
  g = key === "g";
});
