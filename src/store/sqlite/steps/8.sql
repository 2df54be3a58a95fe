-- From version 7 to 8: accents and normal forms do not count in a search, whose index is rebuilt; the use of a key has its network.

ALTER TABLE key_uses ADD COLUMN network TEXT;
ALTER TABLE imports ADD COLUMN respelled INTEGER NOT NULL DEFAULT 0;
INSERT INTO search (search) VALUES ('delete-all');
UPDATE search_mark SET revision = 0;
