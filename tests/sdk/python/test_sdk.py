"""Razorpay's official Python SDK against the running binary, with nothing changed but the base URL and the key.

The binary is the one that PATRON_BIN names, or the release build.
"""

import html
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import razorpay
from razorpay.errors import BadRequestError

BINARY = os.environ.get("PATRON_BIN") or Path(__file__).resolve().parents[3] / "target/release/patron"
LISTENING = "listening on "


class Customers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        db = os.path.join(directory.name, "patron.db")
        test_key, live_key = create_key(db, "test"), create_key(db, "live")

        cls.server = subprocess.Popen(
            [BINARY, "serve", "--db", db, "--listen", "127.0.0.1:0", "--log-level", "error"],
            stdout=subprocess.PIPE,
            text=True,
        )
        cls.addClassCleanup(cls.server.stdout.close)
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.kill)
        line = next((line for line in cls.server.stdout if line.startswith(LISTENING)), None)
        assert line, "the server ended before it listened"
        cls.base_url = line.removeprefix(LISTENING).strip()

        cls.test = cls.client(test_key)
        cls.live = cls.client(live_key)

    @classmethod
    def tearDownClass(cls):
        # The SDK's connections are still open, as an application's are when the server is restarted.
        cls.server.terminate()
        code = cls.server.wait(timeout=10)
        assert code == 0, f"the server ended with {code} on SIGTERM"

    @classmethod
    def client(cls, auth):
        client = razorpay.Client(auth=auth, base_url=cls.base_url)
        cls.addClassCleanup(client.session.close)
        return client

    @contextmanager
    def refused(self, message):
        with self.assertRaises(BadRequestError) as caught:
            yield
        self.assertEqual(str(caught.exception), message)

    def test_create(self):
        customer = self.test.customer.create({
            "name": "Gaurav Kumar",
            "email": "gaurav.kumar@example.com",
            "contact": "9123456780",
            "fail_existing": "1",
            "gstin": "29XAbbA4369J1PA",
            "notes": {"notes_key_1": "Tea, Earl Grey, Hot", "notes_key_2": "Tea, Earl Grey… decaf."},
        })
        self.assertRegex(customer["id"], r"\Acust_[0-9A-Za-z]{14}\Z")
        self.assertAlmostEqual(customer["created_at"], time.time(), delta=60)
        self.assertEqual(list(customer.items()), [
            ("id", customer["id"]),
            ("entity", "customer"),
            ("name", "Gaurav Kumar"),
            ("email", "gaurav.kumar@example.com"),
            ("contact", "9123456780"),
            ("gstin", "29XAbbA4369J1PA"),
            ("notes", {"notes_key_1": "Tea, Earl Grey, Hot", "notes_key_2": "Tea, Earl Grey… decaf."}),
            ("created_at", customer["created_at"]),
        ])

    def test_create_with_one_field_leaves_the_others_unset(self):
        customer = self.test.customer.create({"contact": "+919000000001"})
        self.assertEqual(customer, {
            "id": customer["id"],
            "entity": "customer",
            "name": None,
            "email": None,
            "contact": "+919000000001",
            "gstin": None,
            "notes": [],
            "created_at": customer["created_at"],
        })

    def test_edit_changes_what_is_sent_and_keeps_the_rest(self):
        created = self.test.customer.create({
            "name": "Asha Rao", "email": "edit@example.com", "contact": "9000000002", "notes": {"seat": "aisle"},
        })
        edited = self.test.customer.edit(created["id"], {"name": "Asha Rao-Mehta", "contact": "+919000000002"})
        self.assertEqual(edited, {**created, "name": "Asha Rao-Mehta", "contact": "+919000000002"})
        self.assertEqual(self.test.customer.fetch(created["id"]), edited)

    def test_edit_with_nothing_changes_nothing(self):
        created = self.test.customer.create({"email": "nothing@example.com"})
        self.assertEqual(self.test.customer.edit(created["id"]), created)

    def test_fetch(self):
        created = self.test.customer.create({"email": "fetch@example.com"})
        self.assertEqual(self.test.customer.fetch(created["id"]), created)

    def test_list_is_newest_first_in_pages(self):
        a, b, c = (self.test.customer.create({"email": f"{letter}.list@example.com"}) for letter in "abc")
        self.assertEqual(
            self.test.customer.all({"count": 2}), {"entity": "collection", "count": 2, "items": [c, b]}
        )
        self.assertEqual(
            self.test.customer.all({"count": 2, "skip": 1}), {"entity": "collection", "count": 2, "items": [b, a]}
        )
        self.assertEqual(
            self.test.customer.all({"skip": 1000000}), {"entity": "collection", "count": 0, "items": []}
        )

    def test_list_holds_ten_unless_told_otherwise(self):
        for n in range(11):
            self.test.customer.create({"email": f"{n}.ten@example.com"})
        self.assertEqual(self.test.customer.all()["count"], 10)

    def test_list_finds_by_email_and_contact(self):
        wanted = self.test.customer.create({"email": "Find.Me@example.com", "contact": "+919000000003"})
        self.test.customer.create({"email": "find.me@example.com", "contact": "9000000003"})
        found = self.test.customer.all({"email": "find.me@EXAMPLE.com", "contact": "+919000000003"})
        self.assertEqual(found["items"], [wanted])

    def test_list_refuses_a_count_out_of_range(self):
        with self.refused("The count must be at least 1."):
            self.test.customer.all({"count": 0})
        with self.refused("The count may not be greater than 100."):
            self.test.customer.all({"count": 101})
        with self.refused("The skip must be an integer."):
            self.test.customer.all({"skip": "some"})

    def test_null_and_empty_text_clear_a_field(self):
        created = self.test.customer.create({
            "name": "Clear Me", "email": "clear@example.com", "contact": "9000000004", "gstin": "29XAbbA4369J1PA",
        })
        edited = self.test.customer.edit(created["id"], {"name": None, "contact": "", "gstin": None})
        self.assertEqual(edited, {**created, "name": None, "contact": None, "gstin": None})
        with self.refused("At least one of name, email or contact is required."):
            self.test.customer.edit(created["id"], {"email": None})
        self.assertEqual(self.test.customer.fetch(created["id"]), edited)

    def test_notes_are_replaced_whole_and_cleared(self):
        id = self.test.customer.create({"email": "notes@example.com", "notes": {"a": "1", "b": "2"}})["id"]
        self.assertEqual(self.test.customer.edit(id, {"notes": {"c": "3"}})["notes"], {"c": "3"})
        self.assertEqual(self.test.customer.edit(id, {"name": "Notes Stay"})["notes"], {"c": "3"})
        self.assertEqual(self.test.customer.edit(id, {"notes": {}})["notes"], [])

    def test_notes_keep_their_order_and_their_types(self):
        notes = {"zeta": 120, "alpha": 1.50, "vip": True, "10": "ten", "9": "nine", "large": 12345678901234567890123}
        created = self.test.customer.create({"email": "numbers@example.com", "notes": notes})
        self.assertEqual(json.dumps(created["notes"]), json.dumps(notes))
        self.assertEqual(json.dumps(self.test.customer.fetch(created["id"])["notes"]), json.dumps(notes))

    def test_notes_have_limits(self):
        with self.refused("Notes should not have more than 15 keys."):
            self.test.customer.create({"email": "limits@example.com", "notes": {str(n): "" for n in range(16)}})
        with self.refused("Notes values themselves should not be an array."):
            self.test.customer.create({"email": "limits@example.com", "notes": {"list": ["a"]}})

    def test_a_taken_pair_of_email_and_contact_is_refused(self):
        pair = {"email": "taken@example.com", "contact": "9000000005"}
        self.test.customer.create(pair)
        with self.refused("Customer already exists for the merchant"):
            self.test.customer.create(pair)
        other = self.test.customer.create({**pair, "contact": "9000000006"})
        with self.refused("Customer already exists for the merchant"):
            self.test.customer.edit(other["id"], {"contact": "9000000005"})

    def test_fail_existing_0_answers_the_customer_who_has_the_pair(self):
        pair = {"email": "existing@example.com", "contact": "9000000007"}
        existing = self.test.customer.create({"name": "First Name", **pair})
        for no in ("0", 0):
            again = self.test.customer.create({"name": "Other Name", **pair, "fail_existing": no})
            self.assertEqual(again, existing)

    def test_fail_existing_is_no_field_of_an_edit(self):
        created = self.test.customer.create({"email": "extra@example.com"})
        with self.refused("fail_existing, age is/are not required and should not be sent"):
            self.test.customer.edit(created["id"], {"fail_existing": "0", "name": "Extra Field", "age": 42})

    def test_malformed_values_are_refused(self):
        for field, value, message in (
            ("contact", "1234567", "Contact number should be at least 8 digits, including country code"),
            ("contact", "1234567890123456",
             "Contact number should not be greater than 15 digits, including country code"),
            ("contact", "+91 90000",
             "Contact number contains invalid characters, only digits and + symbol are allowed"),
            ("name", "x" * 51, "The name may not be greater than 50 characters."),
            ("name", "Gaurav!", "The name format is invalid."),
            ("email", "gaurav.kumar", "The email must be a valid email address."),
        ):
            with self.subTest(field=field, value=value), self.refused(message):
                self.test.customer.create({field: value})

    def test_a_name_may_be_in_any_script(self):
        for n, name in enumerate(("José Ñúñez", "गौरव कुमार", "王小明")):
            with self.subTest(name=name):
                created = self.test.customer.create({"name": name, "email": f"{n}.unicode@example.com"})
                self.assertEqual(created["name"], name)
                self.assertEqual(self.test.customer.fetch(created["id"])["name"], name)

    def test_a_malformed_id_is_refused(self):
        with self.refused("abc is not a valid id"):
            self.test.customer.fetch("cust_abc")
        with self.refused("abc is not a valid id"):
            self.test.customer.edit("cust_abc", {"name": "Gaurav Kumar"})

    def test_an_id_that_nobody_has_does_not_exist(self):
        with self.refused("The id provided does not exist"):
            self.test.customer.fetch("cust_00000000000000")
        with self.refused("The id provided does not exist"):
            self.test.customer.edit("cust_00000000000000", {"name": "Gaurav Kumar"})

    def test_test_and_live_never_see_each_other(self):
        pair = {"email": "modes@example.com", "contact": "9000000008"}
        in_test = self.test.customer.create(pair)
        with self.refused("The id provided does not exist"):
            self.live.customer.fetch(in_test["id"])
        in_live = self.live.customer.create(pair)
        self.assertNotEqual(in_live["id"], in_test["id"])
        self.assertEqual(self.live.customer.all()["items"], [in_live])
        with self.refused("The id provided does not exist"):
            self.test.customer.fetch(in_live["id"])

    def test_credentials(self):
        key_id, _ = self.test.auth
        for auth, message in (
            ((key_id, "x" * 24), "The api key/secret provided is invalid"),
            (("rzp_test_00000000000000", "x" * 24), "The api key/secret provided is invalid"),
            (None, "Please provide your api key for authentication purposes"),
        ):
            with self.subTest(auth=auth), self.refused(message):
                self.client(auth).customer.all()

    def test_what_is_not_about_customers_is_not_found(self):
        with self.refused("The requested URL was not found on the server."):
            self.test.order.all()

    def test_the_samples_of_the_reference_run(self):
        id = self.test.customer.create({"name": "Meera", "notes": {"for": "samples"}})["id"]
        said = {}
        for endpoint in ["edit", "fetch", "list", "revisions", "tokens", "create"]:
            with urllib.request.urlopen(f"{self.base_url}/docs/customers/{endpoint}") as page:
                shown = page.read().decode().split('id="sample-python">')[1].split("</code>")[0]
            sample = html.unescape(shown).replace("cust_1Aa00000000004", id)
            # The pair of every reader's first customer is another test's too.
            sample = sample.replace("gaurav.kumar@example.com", "sample@example.com")
            for placeholder, value in zip(["YOUR_KEY_ID", "YOUR_KEY_SECRET"], self.test.auth):
                sample = sample.replace(placeholder, value)
            said[endpoint] = subprocess.check_output([sys.executable, "-c", sample], text=True)
        self.assertRegex(said["create"], r"\Acust_[0-9A-Za-z]{14}\n\Z")
        self.assertEqual(said["edit"], "+919123456780\n")
        self.assertEqual(said["fetch"], "Meera\n")
        self.assertIn(f"{id} Meera\n", said["list"])
        self.assertEqual(said["revisions"], "2 ['contact']\n1 ['name', 'notes']\n")
        self.assertEqual(said["tokens"], "0\n")


def create_key(db, mode):
    printed = subprocess.check_output([BINARY, "key", "create", "--mode", mode, "--json", "--db", db])
    key = json.loads(printed)
    return key["key_id"], key["key_secret"]


if __name__ == "__main__":
    unittest.main()
