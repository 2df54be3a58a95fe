-- From version 4 to 5: edits hardly ever wait for the index of the search to be merged.

INSERT INTO search (search, rank) VALUES ('crisismerge', 256);
