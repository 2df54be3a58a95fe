-- From version 4 to 5: the index of the search is merged in small parts only.

INSERT INTO search (search, rank) VALUES ('crisismerge', 256);
