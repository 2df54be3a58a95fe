"""Two checks in the place of two of Schemathesis's own, which expect other statuses than the API has; and no requests that are not
what they are taken for."""

import unicodedata

import requests
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance, unsupported_method

# What is wrong with a request that is well formed: who is there, and who is not.
OF_STATE = (
    "The id provided does not exist",
    "Customer already exists for the merchant",
    "At least one of name, email or contact is required.",
    "The customer has changed since it was read.",
)
# Letters to Unicode, and none to the service: nobody sees them.
FILLERS = "\u115f\u1160\u3164\uffa0"


@schemathesis.check
def valid_requests_are_refused_for_state_alone(ctx, response, case):
    if response.status_code in (400, 412):
        words = description(response)
        if words in OF_STATE or schema_cannot_tell(words, case.body if isinstance(case.body, dict) else {}):
            return None
    return positive_data_acceptance(ctx, response, case)


@schemathesis.check
def another_method_is_an_unknown_url(ctx, response, case):
    if case.path.startswith("/v1/") and response.status_code == 400:
        if description(response) == "The requested URL was not found on the server.":
            return None
    return unsupported_method(ctx, response, case)


@schemathesis.hook
def filter_query(ctx, query):
    """Leaves out queries with a parameter that is nothing on the wire: it is expected to be refused, and never arrives."""
    return all(arrives(value) for value in (query or {}).values())


def arrives(value):
    if isinstance(value, (list, dict)):
        return any(arrives(each) for each in value)
    return value is not None


def description(response):
    """The error in words; of an answer to HEAD, which has none, in the words of the same GET."""
    if response.request.method == "HEAD":
        response = requests.get(response.request.url, headers=response.request.headers, timeout=10)
    return response.json()["error"]["description"]


def schema_cannot_tell(words, body):
    """Whether a value is refused for what a schema, or Schemathesis, does not see."""
    match words:
        # It fills `\\p{L}` and `\\p{M}` with whole blocks, gaps included.
        case "The name format is invalid.":
            return any(unicodedata.category(each) == "Cn" or each in FILLERS for each in str(body.get("name")))
        # 12345678.0 is an integer to JSON Schema; to the API an integer is a literal.
        case "The contact must be a string.":
            return isinstance(body.get("contact"), float)
        case "The fail_existing field is invalid.":
            return isinstance(body.get("fail_existing"), float)
    return False
