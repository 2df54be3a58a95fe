-- From version 1 to 2: pages far down a list are found at once; who made a key, when a person was last seen and what became of backups is remembered.

-- A list far down.
CREATE TABLE list_marks (
  mode       INTEGER NOT NULL CHECK (mode IN (0, 1)),
  position   INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  id         TEXT    NOT NULL,
  PRIMARY KEY (mode, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX list_marks_place ON list_marks (mode, created_at, id);

-- When a person was last seen outlives their sessions, and those that are still there tell it.
ALTER TABLE staff ADD COLUMN seen_at INTEGER;
UPDATE staff SET seen_at = (SELECT max(seen_at) FROM sessions WHERE staff_id = staff.id);

-- Keys know who makes them from here on.
ALTER TABLE keys ADD COLUMN maker_type TEXT CHECK (maker_type IN ('key', 'staff', 'command'));
ALTER TABLE keys ADD COLUMN maker_id TEXT;
ALTER TABLE keys ADD COLUMN maker_label TEXT;

-- Backups are remembered, and there is something to write to see whether anything can be written.

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

-- What is written to see whether anything can be: its one row is 0 or 1 by turns, and says nothing.
CREATE TABLE pulse (
  beat INTEGER NOT NULL
) STRICT;

INSERT INTO pulse VALUES (0);
