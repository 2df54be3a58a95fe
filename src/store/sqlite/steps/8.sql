-- From version 7 to 8: accents and normal forms do not count in a search; the search index is rebuilt while the server runs.

INSERT INTO search (search) VALUES ('delete-all');
UPDATE search_mark SET revision = 0;
