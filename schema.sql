-- The whole database as of today. It is run once, on an empty file, which then gets its version in
-- `PRAGMA user_version`; an older file is brought here by the steps in src/store/sqlite/schema.rs.
--
-- STRICT everywhere: a column holds what it says. Times are whole Unix seconds, UTC. What SQL engines do
-- differently (lower case, dates, randomness) is done before a value gets here.

-- A customer as it stands.
CREATE TABLE customers (
  -- Rows are found by this small number inside the database; the outside knows only `id`. A rowid table,
  -- since WITHOUT ROWID would carry the wide text id into every index.
  number     INTEGER PRIMARY KEY,
  -- `cust_` and 14 base-62 characters. Compared bytewise.
  id         TEXT    NOT NULL UNIQUE,
  -- 0 is test, 1 is live. No query leaves it out: the two never see each other.
  mode       INTEGER NOT NULL CHECK (mode IN (0, 1)),
  -- NULL where unset, here and below: an empty text is never stored.
  name       TEXT,
  -- As typed.
  email      TEXT,
  -- The email in ASCII lower case, by which emails compare. Lowered before it gets here.
  email_key  TEXT,
  -- As sent, and compared so: `+91…` and `…` differ.
  contact    TEXT,
  gstin      TEXT,
  -- A JSON object in the caller's order, numbers by their literals. Nothing ever looks inside it in SQL.
  notes      TEXT    NOT NULL DEFAULT '{}',
  created_at INTEGER NOT NULL,
  -- How many revisions there are. Feeds the ETag.
  version    INTEGER NOT NULL,
  -- The newest revision, from which each leads to the one before. So a history needs no index of its own
  -- by customer, which would be a random write in every edit.
  revision   INTEGER NOT NULL,
  CHECK (coalesce(name, email, contact) IS NOT NULL)
) STRICT;

-- The one rule of uniqueness: email and contact together, within a mode. An absent value is part of the pair;
-- both absent never clash. There is no look before the write, only this. Also finds customers by email.
CREATE UNIQUE INDEX customers_pair ON customers (mode, coalesce(email_key, ''), coalesce(contact, ''))
  WHERE email_key IS NOT NULL OR contact IS NOT NULL;

-- Finds customers by contact alone.
CREATE INDEX customers_contact ON customers (mode, contact) WHERE contact IS NOT NULL;

-- Lists customers newest first. The id breaks ties within a second.
CREATE INDEX customers_created ON customers (mode, created_at, id);

-- Every thousandth customer of a mode in that list, counted from the eldest: a page far down begins at one. Written behind
-- the edits; whoever inserts or erases in the past deletes those after it, in the same transaction.
CREATE TABLE list_marks (
  mode       INTEGER NOT NULL CHECK (mode IN (0, 1)),
  -- How many customers there are up to this one, itself included.
  position   INTEGER NOT NULL,
  -- Where in the list it stands. The values, not a reference: a place stays one.
  created_at INTEGER NOT NULL,
  id         TEXT    NOT NULL,
  PRIMARY KEY (mode, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX list_marks_place ON list_marks (mode, created_at, id);

-- What each edit did. Rows are added in the same transaction as the edit itself, and go when their customer is erased.
CREATE TABLE revisions (
  number      INTEGER PRIMARY KEY,
  -- The customer's number. No foreign key: to delete a customer, SQLite would read this whole table for others of theirs, 0.3 s
  -- among a million, and edits would wait. `patron check` finds a revision that is nobody's.
  customer    INTEGER NOT NULL,
  -- Counts from 1, the creation, without a gap.
  version     INTEGER NOT NULL,
  -- The revision before this one; NULL at the creation.
  previous    INTEGER,
  -- The customer's mode, so that what happened in one mode is read without looking at each customer.
  mode        INTEGER NOT NULL CHECK (mode IN (0, 1)),
  at          INTEGER NOT NULL,
  -- Who asked. The label is the one of that day: history tells what was so.
  actor_type  TEXT    NOT NULL CHECK (actor_type IN ('key', 'staff', 'command')),
  actor_id    TEXT,
  actor_label TEXT    NOT NULL,
  -- The X-Request-Id of the request it came by.
  request_id  TEXT,
  -- The number of that request, under which `requests` may hold a record of it. No foreign key: records are
  -- written later, and go after a while.
  request     INTEGER,
  -- The version whose revision this one undoes, where it does.
  undoes      INTEGER,
  -- A JSON object: field to {"from","to"}, notes key by key, and `note_order` where single changes would
  -- not give the order of the notes.
  changes     TEXT    NOT NULL,
  -- The import that it belongs to, where it does. No foreign key, as with the customer: imports that are dropped have none.
  import      INTEGER,
  -- Where it changed no value: the customer was withdrawn with the import that made it, or came back with it.
  passage     TEXT    CHECK (passage IN ('withdrawn', 'returned'))
) STRICT;

-- What happened apart from imports, of which one has as many revisions as it has rows. Only ever grows at its end.
CREATE INDEX revisions_apart ON revisions (number) WHERE import IS NULL;

-- Customers that were erased: that there was one of this id, who erased it, and when. Of its values nothing is here.
CREATE TABLE erasures (
  -- The next number of `revisions` at the time: both are one sequence in the order of commits, in which no number comes twice.
  number      INTEGER PRIMARY KEY,
  id          TEXT    NOT NULL UNIQUE,
  mode        INTEGER NOT NULL CHECK (mode IN (0, 1)),
  at          INTEGER NOT NULL,
  -- As in `revisions`.
  actor_type  TEXT    NOT NULL CHECK (actor_type IN ('key', 'staff', 'command')),
  actor_id    TEXT,
  actor_label TEXT    NOT NULL,
  -- 1 once no byte of the values is left in the file and its log. Until then the sweep is due.
  swept       INTEGER NOT NULL DEFAULT 0 CHECK (swept IN (0, 1))
) STRICT;

CREATE INDEX erasures_due ON erasures (number) WHERE swept = 0;

-- Customers who were made by an import that was undone: rows of `customers`, moved here, so that no query of those needs to
-- leave them out and their pairs are free. They move back when the undo is undone. Their history stays, by the same number,
-- which no other customer gets.
CREATE TABLE withdrawn (
  number     INTEGER PRIMARY KEY,
  id         TEXT    NOT NULL UNIQUE,
  mode       INTEGER NOT NULL CHECK (mode IN (0, 1)),
  name       TEXT,
  email      TEXT,
  contact    TEXT,
  gstin      TEXT,
  notes      TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  version    INTEGER NOT NULL,
  revision   INTEGER NOT NULL
) STRICT;

-- Files of customers that came in. Nothing of one is anywhere but in these tables.
CREATE TABLE imports (
  -- What people call it. Counts from 1, and none comes twice.
  number      INTEGER PRIMARY KEY AUTOINCREMENT,
  mode        INTEGER NOT NULL CHECK (mode IN (0, 1)),
  at          INTEGER NOT NULL,
  -- As in `revisions`.
  actor_type  TEXT    NOT NULL CHECK (actor_type IN ('key', 'staff', 'command')),
  actor_id    TEXT,
  actor_label TEXT    NOT NULL,
  -- What the file was called.
  file        TEXT    NOT NULL,
  format      TEXT    NOT NULL CHECK (format IN ('csv', 'jsonl')),
  -- The names of its columns: a JSON array.
  columns     TEXT    NOT NULL DEFAULT '[]',
  -- Which column is what, and what is done with empty cells, as JSON. NULL until somebody says so.
  mapping     TEXT,
  state       TEXT    NOT NULL CHECK (state IN
    ('receiving', 'received', 'rehearsing', 'rehearsed', 'applying', 'applied', 'undoing', 'undone', 'redoing', 'dropped')),
  -- How many rows it has.
  rows        INTEGER NOT NULL DEFAULT 0,
  -- How far the work is that its state names: how many rows are done, and up to which line. In the same transaction as they.
  done        INTEGER NOT NULL DEFAULT 0,
  line        INTEGER NOT NULL DEFAULT 0,
  -- Up to which line it was applied, where it was undone before it was applied whole. NULL elsewhere.
  stopped     INTEGER,
  moved_at    INTEGER NOT NULL,
  -- Whether rows may have cells still.
  has_cells   INTEGER NOT NULL DEFAULT 1 CHECK (has_cells IN (0, 1)),
  -- Up to which line they were let go of.
  tidied      INTEGER NOT NULL DEFAULT 0,
  -- In how many rows that are written typographic apostrophes, hyphens or spaces were replaced, by the preview.
  respelled   INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What was done with an import as a whole.
CREATE TABLE import_steps (
  -- In the same sequence as `revisions` and `erasures`: no number is in two of them.
  number      INTEGER PRIMARY KEY,
  import      INTEGER NOT NULL REFERENCES imports (number),
  step        TEXT    NOT NULL CHECK (step IN ('apply', 'undo', 'redo')),
  -- The import's mode.
  mode        INTEGER NOT NULL CHECK (mode IN (0, 1)),
  at          INTEGER NOT NULL,
  -- As in `revisions`.
  actor_type  TEXT    NOT NULL CHECK (actor_type IN ('key', 'staff', 'command')),
  actor_id    TEXT,
  actor_label TEXT    NOT NULL
) STRICT;

CREATE INDEX import_steps_import ON import_steps (import);

-- The rows of imports.
CREATE TABLE import_rows (
  import   INTEGER NOT NULL REFERENCES imports (number),
  -- Where it begins in the file.
  line     INTEGER NOT NULL,
  -- Its values as a JSON object. NULL once they are in a customer, and where they were kept long enough.
  cells    TEXT,
  -- What applying it would do, and NULL before that is known: unread is what the file did not let be read.
  outcome  TEXT    CHECK (outcome IN ('create', 'update', 'unchanged', 'refused', 'unread')),
  -- The customer that it is about, by id, where that is known: also one to be made, and one that is in its way.
  customer TEXT,
  -- A digest of the email and contact that it leaves the customer with, by which a second one in the file is found.
  pair     BLOB,
  -- The customer's version in the rehearsal; later the version that this import made last.
  version  INTEGER,
  -- Why it was refused: the field, and the rule in its words.
  field    TEXT,
  words    TEXT,
  -- What became of it; NULL before.
  fate     TEXT    CHECK (fate IN
    ('applied', 'changed', 'taken', 'gone', 'undone', 'partly', 'kept', 'needed', 'away')),
  PRIMARY KEY (import, line)
) STRICT, WITHOUT ROWID;

CREATE INDEX import_rows_customer ON import_rows (customer) WHERE customer IS NOT NULL;
CREATE INDEX import_rows_pair ON import_rows (pair) WHERE pair IS NOT NULL;

-- How many rows of an import have which outcome and which fate, an empty text where there is none. In the same transaction as they.
CREATE TABLE import_counts (
  import  INTEGER NOT NULL REFERENCES imports (number),
  outcome TEXT    NOT NULL,
  fate    TEXT    NOT NULL,
  count   INTEGER NOT NULL,
  PRIMARY KEY (import, outcome, fate)
) STRICT, WITHOUT ROWID;

-- What customers are searched by: which trigrams stand in the text of each, and which five digits in a row, by the customer's
-- number. Fed after the edits, so that none of them pays for it; so it lags behind, and gives candidates only, each judged by its row.
CREATE VIRTUAL TABLE search USING fts5 (
  trigrams,
  -- They come ready, folded, with spaces between them, so that those which an edit takes away can be told from those that stay:
  -- a tokenizer that makes trigrams makes some of what stands side by side, too. All but space and control is in one.
  tokenize = "ascii tokenchars '!""#$%&''()*+,-./:;<=>?@[\]^_`{|}~'",
  -- Nothing is kept but the index: what a customer has is in their row, and what they had in their history, so that it is known
  -- what goes. FTS5's own ways to do without that (contentless_delete, columnsize) write a page or two for each row, wherever
  -- it is: that made 100 pages of 16 edits among a million customers, where this makes 20.
  content = '',
  columnsize = 0,
  -- No positions: whether trigrams stand side by side is judged by the row, and lists of mere rows are short.
  detail = none
);

-- Its parts are merged by whoever feeds it, little by little: by itself it would do so in bursts for which edits wait. Nor
-- all at once where a level has sixteen of them, as some have while a large merge is under way: that took half a second. Eight
-- of a level make one: with four, each row is written twice as often until it rests, and a search is hardly faster.
INSERT INTO search (search, rank) VALUES ('automerge', 0), ('crisismerge', 256), ('usermerge', 8);

-- How far the search is fed: up to this revision. One row.
CREATE TABLE search_mark (
  revision INTEGER NOT NULL
) STRICT;
INSERT INTO search_mark VALUES (0);

-- API keys. No secret is here, only argon2id hashes in the PHC format.
CREATE TABLE keys (
  -- `rzp_test_` or `rzp_live_` and 14 base-62 characters: the id says the mode.
  id                TEXT    NOT NULL PRIMARY KEY,
  label             TEXT    NOT NULL,
  created_at        INTEGER NOT NULL,
  -- NULL: never.
  expires_at        INTEGER,
  revoked_at        INTEGER,
  secret_hash       TEXT    NOT NULL,
  -- During a rotation: the secret before, and when it ends. Two columns, since at most two secrets live.
  previous_hash     TEXT,
  previous_ends_at  INTEGER,
  -- Who made it, as they were called then. NULL for keys from before this was kept.
  maker_type        TEXT    CHECK (maker_type IN ('key', 'staff', 'command')),
  maker_id          TEXT,
  maker_label       TEXT,
  CHECK ((previous_hash IS NULL) = (previous_ends_at IS NULL))
) STRICT, WITHOUT ROWID;

-- People who may sign in to the console.
CREATE TABLE staff (
  -- `staff_` and 14 base-62 characters.
  id            TEXT    NOT NULL PRIMARY KEY,
  email         TEXT    NOT NULL,
  -- The email in ASCII lower case, by which one signs in.
  email_key     TEXT    NOT NULL UNIQUE,
  role          TEXT    NOT NULL CHECK (role IN ('owner', 'editor', 'viewer')),
  -- NULL until the person has chosen a password by a link.
  password_hash TEXT,
  created_at    INTEGER NOT NULL,
  disabled_at   INTEGER,
  -- Their last request, to the minute: sessions go, this stays. NULL where none is known.
  seen_at       INTEGER
) STRICT, WITHOUT ROWID;

-- Links that let somebody choose a password, once.
CREATE TABLE links (
  -- The BLAKE2 hash of the token in the link. The token is random and long: it needs no slow hash.
  hash     TEXT    NOT NULL PRIMARY KEY,
  -- NULL: the link makes the first owner.
  staff_id TEXT    REFERENCES staff (id),
  ends_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who is signed in. A row that is not there is a session that ended.
CREATE TABLE sessions (
  -- The BLAKE2 hash of the token in the cookie.
  hash       TEXT    NOT NULL PRIMARY KEY,
  staff_id   TEXT    NOT NULL REFERENCES staff (id),
  created_at INTEGER NOT NULL,
  -- The last request, to the minute.
  seen_at    INTEGER NOT NULL,
  -- What the browser called itself, so that a person recognises the session.
  agent      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_staff ON sessions (staff_id);
CREATE INDEX links_staff ON links (staff_id);

-- What is remembered of API requests, for a while. Written after the answer, in the background; so no edit waits for
-- it. There is no value of a caller's here.
CREATE TABLE requests (
  -- Nanoseconds since 1970 when it began, each later than the one before: the newest and the eldest are at the ends.
  number   INTEGER PRIMARY KEY,
  -- NULL where no well-formed key id was sent: such a request belongs to both modes.
  mode     INTEGER CHECK (mode IN (0, 1)),
  -- No foreign key: it may name a key that is not there.
  key_id   TEXT,
  method   TEXT    NOT NULL,
  -- The pattern, not the path.
  route    TEXT    NOT NULL,
  -- The customer in the path, if the id was well formed, or the one created.
  customer TEXT,
  -- The customer's version after a write.
  version  INTEGER,
  -- The names of known parameters, with commas between them.
  query    TEXT    NOT NULL,
  body     TEXT    NOT NULL,
  status   INTEGER NOT NULL,
  micros   INTEGER NOT NULL,
  -- The true reason of a refusal of credentials.
  refused  TEXT,
  -- The rule that was broken, in its own words, and what it is about.
  rule     TEXT,
  field    TEXT
) STRICT;

-- All that the list is narrowed by, so that finding a few among all reads half as much. By number first: it only ever
-- grows at its end.
CREATE INDEX requests_narrow ON requests (number, mode, status, key_id);

-- When each secret of a key was last used, to the minute. By the secret's hash, which stays with it when the key is
-- rotated.
CREATE TABLE key_uses (
  key_id      TEXT    NOT NULL REFERENCES keys (id),
  secret_hash TEXT    NOT NULL,
  used_at     INTEGER NOT NULL,
  -- The network of the last use, a /24 or a /48: while many guess the key's secret, requests from there are verified first.
  network     TEXT,
  PRIMARY KEY (key_id, secret_hash)
) STRICT, WITHOUT ROWID;

-- What happened on a day in a mode. Added up in the background, never in an edit's transaction. The sum of those made less
-- the sums of those erased and gone is how many customers there are.
CREATE TABLE days (
  mode     INTEGER NOT NULL CHECK (mode IN (0, 1)),
  -- Days since 1970, UTC.
  day      INTEGER NOT NULL,
  made     INTEGER NOT NULL DEFAULT 0,
  edited   INTEGER NOT NULL DEFAULT 0,
  -- API requests: all, those that failed by our fault, and those whose credentials were refused.
  requests INTEGER NOT NULL DEFAULT 0,
  failed   INTEGER NOT NULL DEFAULT 0,
  refused  INTEGER NOT NULL DEFAULT 0,
  -- Customers erased: by the erasure itself.
  erased   INTEGER NOT NULL DEFAULT 0,
  -- Customers withdrawn with an import, less those who came back.
  gone     INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (mode, day)
) STRICT, WITHOUT ROWID;

-- How far `days` has got: up to and with this revision, by its number. One row.
CREATE TABLE counted (
  revision INTEGER NOT NULL
) STRICT;

INSERT INTO counted (revision) VALUES (0);

-- What became of backups: the last that was verified, and the last that the server failed to make. A row each, so that it is
-- known after a restart, and by commands.
CREATE TABLE backups (
  -- 1: copied, read again and found whole. 0: failed.
  verified  INTEGER NOT NULL PRIMARY KEY CHECK (verified IN (0, 1)),
  at        INTEGER NOT NULL,
  -- Where it is, or was to be.
  path      TEXT    NOT NULL,
  bytes     INTEGER,
  live      INTEGER,
  test      INTEGER,
  revisions INTEGER,
  -- BLAKE2b-512, in hexadecimal digits.
  digest    TEXT,
  -- Why it failed, in a sentence.
  failure   TEXT,
  CHECK ((verified = 1) = (failure IS NULL)),
  CHECK ((verified = 1) = (digest IS NOT NULL))
) STRICT;

-- Where the server keeps backups, or last did: who erases must know. One row at most.
CREATE TABLE backup_folder (
  path    TEXT    NOT NULL,
  -- How often it makes one, in seconds, and how many stay. NULL where it makes none any more.
  seconds INTEGER,
  keep    INTEGER
) STRICT;

-- Written to see whether anything can be: the lowest bit of its one row is 0 or 1 by turns. The other bits are the generation of
-- the file: a random number that each start of a server writes anew. Less than 2^62 is none.
CREATE TABLE pulse (
  beat INTEGER NOT NULL
) STRICT;

INSERT INTO pulse VALUES (0);
