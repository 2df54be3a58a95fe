-- From version 3 to 4: files of customers come in, and what one did can be undone.

-- Files of customers come in, and what one did can be undone.
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
CREATE TABLE imports (
  number      INTEGER PRIMARY KEY AUTOINCREMENT,
  mode        INTEGER NOT NULL CHECK (mode IN (0, 1)),
  at          INTEGER NOT NULL,
  actor_type  TEXT    NOT NULL CHECK (actor_type IN ('key', 'staff', 'command')),
  actor_id    TEXT,
  actor_label TEXT    NOT NULL,
  file        TEXT    NOT NULL,
  format      TEXT    NOT NULL CHECK (format IN ('csv', 'jsonl')),
  columns     TEXT    NOT NULL DEFAULT '[]',
  mapping     TEXT,
  state       TEXT    NOT NULL CHECK (state IN
    ('receiving', 'received', 'rehearsing', 'rehearsed', 'applying', 'applied', 'undoing', 'undone', 'redoing', 'dropped')),
  rows        INTEGER NOT NULL DEFAULT 0,
  done        INTEGER NOT NULL DEFAULT 0,
  line        INTEGER NOT NULL DEFAULT 0,
  stopped     INTEGER,
  moved_at    INTEGER NOT NULL,
  has_cells   INTEGER NOT NULL DEFAULT 1 CHECK (has_cells IN (0, 1)),
  tidied      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE import_steps (
  number      INTEGER PRIMARY KEY,
  import      INTEGER NOT NULL REFERENCES imports (number),
  step        TEXT    NOT NULL CHECK (step IN ('apply', 'undo', 'redo')),
  mode        INTEGER NOT NULL CHECK (mode IN (0, 1)),
  at          INTEGER NOT NULL,
  actor_type  TEXT    NOT NULL CHECK (actor_type IN ('key', 'staff', 'command')),
  actor_id    TEXT,
  actor_label TEXT    NOT NULL
) STRICT;
CREATE INDEX import_steps_import ON import_steps (import);
CREATE TABLE import_rows (
  import   INTEGER NOT NULL REFERENCES imports (number),
  line     INTEGER NOT NULL,
  cells    TEXT,
  outcome  TEXT    CHECK (outcome IN ('create', 'update', 'unchanged', 'refused', 'unread')),
  customer TEXT,
  pair     BLOB,
  version  INTEGER,
  field    TEXT,
  words    TEXT,
  fate     TEXT    CHECK (fate IN
    ('applied', 'changed', 'taken', 'gone', 'undone', 'partly', 'kept', 'needed', 'away')),
  PRIMARY KEY (import, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX import_rows_customer ON import_rows (customer) WHERE customer IS NOT NULL;
CREATE INDEX import_rows_pair ON import_rows (pair) WHERE pair IS NOT NULL;
CREATE TABLE import_counts (
  import  INTEGER NOT NULL REFERENCES imports (number),
  outcome TEXT    NOT NULL,
  fate    TEXT    NOT NULL,
  count   INTEGER NOT NULL,
  PRIMARY KEY (import, outcome, fate)
) STRICT, WITHOUT ROWID;

-- Revisions tell the import that they belong to.
ALTER TABLE revisions ADD COLUMN import INTEGER;
-- No row is read to see that it keeps what this says: none has a passage yet. The way of the step before.
ALTER TABLE revisions ADD COLUMN passage TEXT;
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'passage TEXT', 'passage TEXT CHECK (passage IN (''withdrawn'', ''returned''))')
  WHERE type = 'table' AND name = 'revisions';
PRAGMA writable_schema = RESET;
CREATE INDEX revisions_apart ON revisions (number) WHERE import IS NULL;
ALTER TABLE days ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;
