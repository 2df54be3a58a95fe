-- From version 7 to 8: accents and normal forms do not count in a search; the search index is rebuilt while the server runs. The use of a key
-- has the network that it came from.

ALTER TABLE key_uses ADD COLUMN network TEXT;
ALTER TABLE imports ADD COLUMN respelled INTEGER NOT NULL DEFAULT 0;
INSERT INTO search (search) VALUES ('delete-all');
UPDATE search_mark SET revision = 0;
