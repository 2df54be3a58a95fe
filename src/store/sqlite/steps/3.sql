-- From version 2 to 3: customers can be erased, and erasures are remembered.

-- Customers can be erased. What is left of old values in free room of the file goes with the first erasure's sweep.
CREATE TABLE erasures (
  number      INTEGER PRIMARY KEY,
  id          TEXT    NOT NULL UNIQUE,
  mode        INTEGER NOT NULL CHECK (mode IN (0, 1)),
  at          INTEGER NOT NULL,
  actor_type  TEXT    NOT NULL CHECK (actor_type IN ('key', 'staff', 'command')),
  actor_id    TEXT,
  actor_label TEXT    NOT NULL,
  swept       INTEGER NOT NULL DEFAULT 0 CHECK (swept IN (0, 1))
) STRICT;
CREATE INDEX erasures_due ON erasures (number) WHERE swept = 0;
ALTER TABLE days ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;

-- Where backups are, of which some may still hold what was erased.
CREATE TABLE backup_folder (
  path    TEXT    NOT NULL,
  seconds INTEGER,
  keep    INTEGER
) STRICT;

-- To delete a customer, no revision of others is read. The way that SQLite's documentation has for it (ALTER TABLE, "Making Other
-- Kinds Of Table Schema Changes"): the rows stay as they are, and the tables above have changed the schema's version.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, ' REFERENCES customers (number)', '') WHERE type = 'table' AND name = 'revisions';
PRAGMA writable_schema = RESET;
