-- A little of everything that a file of the first release may hold: for the test that brings one up to date.
INSERT INTO customers (number, id, mode, name, email, email_key, contact, created_at, version, revision) VALUES
  (1, 'cust_1Aa00000000004', 1, 'Gaurav Kumar', 'G@example.com', 'g@example.com', '9123456780', 1582033731, 2, 3),
  (2, 'cust_1Aa00000000005', 0, NULL, NULL, NULL, '9123456781', 1582033732, 1, 2);
INSERT INTO revisions (number, customer, version, previous, mode, at, actor_type, actor_id, actor_label, changes) VALUES
  (1, 1, 1, NULL, 1, 1582033731, 'key', 'rzp_live_00000000000000', 'Shop', '{"name":{"from":null,"to":"Gaurav"},"email":{"from":null,"to":"G@example.com"},"contact":{"from":null,"to":"9123456780"}}'),
  (2, 2, 1, NULL, 0, 1582033732, 'command', NULL, 'seed', '{"contact":{"from":null,"to":"9123456781"}}'),
  (3, 1, 2, 1, 1, 1582033733, 'staff', 'staff_00000000000000', 'meera@example.com', '{"name":{"from":"Gaurav","to":"Gaurav Kumar"}}');
INSERT INTO search (rowid, text) VALUES (1, 'gaurav kumar'), (2, '9123456781');
UPDATE search_mark SET revision = 3;
INSERT INTO keys (id, label, created_at, secret_hash, previous_hash, previous_ends_at) VALUES
  ('rzp_live_00000000000000', 'Shop', 1582033700, '$argon2id$new', '$argon2id$old', 1582120131);
INSERT INTO key_uses VALUES ('rzp_live_00000000000000', '$argon2id$new', 1582033731);
INSERT INTO staff (id, email, email_key, role, created_at) VALUES
  ('staff_00000000000000', 'meera@example.com', 'meera@example.com', 'owner', 1582033700);
INSERT INTO links VALUES ('aa', 'staff_00000000000000', 1582120131);
INSERT INTO sessions VALUES ('bb', 'staff_00000000000000', 1582033700, 1582033731, 'Firefox');
INSERT INTO requests (number, mode, method, route, query, body, status, micros) VALUES
  (1582033731000000000, 1, 'PUT', '/v1/customers/{id}', '', 'name', 200, 900);
INSERT INTO days (mode, day, made, edited) VALUES (1, 18310, 1, 1), (0, 18310, 1, 0);
UPDATE counted SET revision = 3;
