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
