// Nothing here is needed. It keeps which language one reads, and sends from a page what is typed there, with a test key alone.
// What comes back is shown as text, and the key is kept nowhere but in its field.
const each = (selector, act, within = document) => within.querySelectorAll(selector).forEach(act);

// The language that was chosen last, on every page; where a browser keeps nothing of a site, on this one.
const kept = (language) => {
  try {
    return language ? localStorage.setItem("docs-language", language) : localStorage.getItem("docs-language");
  } catch {
    return null;
  }
};
const choose = (language) =>
  each('.samples input[value]', (input) => input.value === language && (input.checked = true));
choose(kept());
addEventListener("change", ({ target }) => {
  if (target.matches(".samples input")) kept(target.value);
});

const trial = document.querySelector("form[data-try]");
if (trial) {
  const came = document.querySelector(".came");
  const part = (name) => document.querySelector(`[data-came="${name}"]`);
  const field = (as) => trial.querySelector(`[data-as="${as}"]`);
  trial.hidden = false;
  document.querySelector("[data-without-script]").hidden = true;

  const wrong = (input, words) => {
    const error = document.getElementById(`${input.id}-error`);
    error.textContent = words;
    error.hidden = !words;
    words ? input.setAttribute("aria-invalid", "true") : input.removeAttribute("aria-invalid");
    return Boolean(words);
  };

  /** Why a key cannot be used here, in a sentence. */
  const refusal = (key) =>
    key.startsWith("rzp_live_") ? "Test keys only. Nothing was sent: what is tried here must not touch live customers."
      : /^rzp_test_[0-9A-Za-z]{14}$/.test(key) ? "" : "Give a test key's id: rzp_test_ and 14 letters and digits.";

  /** JSON with a member a line; anything else as it came. */
  const spread = (text) => {
    let depth = 0;
    const line = () => `\n${"  ".repeat(depth)}`;
    return text.replace(/"(?:\\.|[^"\\])*"|\{\}|\[\]|[{}[\],:]/g, (sign) =>
      sign === "{" || sign === "[" ? (depth++, sign + line())
        : sign === "}" || sign === "]" ? (depth--, line() + sign)
        : sign === "," ? sign + line() : sign === ":" ? ": " : sign);
  };

  /** What is to be sent, and where. */
  const asked = () => {
    let path = trial.dataset.path;
    const query = new URLSearchParams();
    const headers = new Headers();
    each("[data-name]", ({ value, dataset: { as, name } }) => {
      if (as === "path") path = path.replace(`{${name}}`, encodeURIComponent(value.trim()));
      else if (value && as === "query") query.set(name, value);
      else if (value && as === "header") headers.set(name, value);
    }, trial);
    const body = field("body")?.value;
    if (body !== undefined) headers.set("Content-Type", "application/json");
    headers.set("Authorization", `Basic ${btoa(`${field("key").value.trim()}:${field("secret").value.trim()}`)}`);
    const to = query.size ? `${path}?${query}` : path;
    return [to, { method: trial.dataset.try, headers, body, credentials: "omit", cache: "no-store", redirect: "error" }];
  };

  const show = (heading, headers, body) => {
    document.getElementById("came").textContent = heading;
    part("headers").textContent = headers;
    part("body").textContent = body;
    part("headers").hidden = !headers;
    part("body").hidden = !body;
    part("why").replaceChildren();
    came.hidden = false;
    part("said").textContent = heading;
  };

  /** The page of an error, where this page names it. */
  const explain = (text) => {
    let words;
    try {
      words = JSON.parse(text).error.description;
    } catch {
      return;
    }
    each("a[data-says]", (link) => {
      const [start, end] = link.dataset.says.split("…");
      const says = end === undefined ? words === start : words.startsWith(start) && words.endsWith(end);
      if (!says || part("why").firstChild) return;
      const why = document.createElement("a");
      why.href = link.href;
      why.textContent = "Why this comes, and how to mend it";
      part("why").append(why);
    });
  };

  trial.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = trial.querySelector("button");
    if (button.disabled) return;
    came.hidden = true;
    const path = field("path");
    const refused = wrong(field("key"), refusal(field("key").value.trim()));
    const nobody = path && wrong(path, path.value.trim() ? "" : "Give the id of a customer.");
    if (refused || nobody) return (refused ? field("key") : path).focus();
    button.disabled = true;
    try {
      const [to, request] = asked();
      const answer = await fetch(to, request);
      const text = await answer.text();
      const headers = [...answer.headers].filter(([name]) => /^(etag|x-request-id|retry-after|ratelimit)/.test(name));
      show(`${answer.status} ${answer.statusText}`.trim(), headers.map((header) => header.join(": ")).join("\n"), spread(text));
      if (!answer.ok) explain(text);
    } catch {
      show("Nothing came back", "", "The server could not be reached, or something typed cannot be sent: keys, secrets and headers are letters, digits and signs of ASCII.");
    } finally {
      button.disabled = false;
      came.focus();
    }
  });
}
