"""The document that `patron openapi` prints: well formed, and each of its examples as its schemas say.

That the examples are what the service answers is what `cargo test` looks at. The binary is the one that PATRON_BIN names, or the
release build.
"""

import json
import os
import subprocess
import unittest
from pathlib import Path

from jsonschema_rs import Draft202012Validator, meta
from schemathesis.specs.openapi.definitions import OPENAPI_31

BINARY = os.environ.get("PATRON_BIN") or Path(__file__).resolve().parents[2] / "target/release/patron"


class Document(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = json.loads(subprocess.check_output([BINARY, "openapi"]))

    def test_it_is_openapi_3_1(self):
        errors = [f"{error.instance_path}: {error}" for error in Draft202012Validator(OPENAPI_31).iter_errors(self.document)]
        self.assertEqual(errors, [])

    def test_its_schemas_are_json_schema(self):
        for name, schema in self.document["components"]["schemas"].items():
            with self.subTest(schema=name):
                meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})

    def test_every_reference_leads_somewhere(self):
        references = {value for key, value in members(self.document) if key == "$ref"}
        self.assertGreater(len(references), 50)
        for reference in references:
            with self.subTest(reference=reference):
                self.resolved({"$ref": reference})

    def test_every_example_is_as_its_schema_says(self):
        seen = 0
        for _, each in members(self.document):
            if not isinstance(each, dict) or "schema" not in each:
                continue
            examples = [self.resolved(example)["value"] for example in each.get("examples", {}).values()]
            examples += [each["example"]] if "example" in each else []
            for example in examples:
                with self.subTest(example=example):
                    self.validator(each["schema"]).validate(example)
                    seen += 1
        self.assertGreater(seen, 100)

    def test_a_value_that_is_none_is_refused(self):
        customer = self.document["paths"]["/v1/customers"]["post"]["responses"]["200"]["content"]["application/json"]
        whole = customer["examples"]["created"]["value"]
        valid = self.validator(customer["schema"])
        self.assertTrue(valid.is_valid(whole))
        for wrong in ({"name": "ab"}, {"id": "plan_1"}, {"notes": ["a"]}, {"contact": 9123456780}, {"other": 1}, {"created_at": "1"}):
            with self.subTest(wrong=wrong):
                self.assertFalse(valid.is_valid({**whole, **wrong}))

    def validator(self, schema):
        return Draft202012Validator({**schema, "components": self.document["components"]})

    def resolved(self, value):
        while "$ref" in value:
            place = self.document
            for name in value["$ref"].removeprefix("#/").split("/"):
                place = place[name]
            value = place
        return value


def members(value):
    """Every member of every object within a value, with its name."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key, each
            yield from members(each)
    elif isinstance(value, list):
        for each in value:
            yield None, each
            yield from members(each)


if __name__ == "__main__":
    unittest.main()
