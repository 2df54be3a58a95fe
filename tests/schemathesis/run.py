"""Schemathesis against the running binary, by the document that it serves: all checks on.

The binary is the one that PATRON_BIN names, or the release build. Further arguments go to Schemathesis.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
BINARY = os.environ.get("PATRON_BIN") or HERE.parents[1] / "target/release/patron"
LISTENING = "listening on "
# What contradicts the API by nature; each has a stricter one of checks.py in its place.
REPLACED = (
    # Expects 404, 409 or 412 where somebody is not there or is there already: as the hosted API has it, that is 400 too.
    "positive_data_acceptance",
    # Expects 405 of another method: of the API it is an unknown URL, and 400.
    "unsupported_method",
)


def main():
    with tempfile.TemporaryDirectory() as directory:
        db = os.path.join(directory, "patron.db")
        made = subprocess.check_output([BINARY, "key", "create", "--mode", "test", "--json", "--db", db])
        key = json.loads(made)
        serve = [BINARY, "serve", "--db", db, "--listen", "127.0.0.1:0", "--log-level", "error"]
        with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
            try:
                base = next(line for line in server.stdout if line.startswith(LISTENING))
                return run(base.removeprefix(LISTENING).strip(), key, directory)
            finally:
                server.terminate()


def run(base, key, directory):
    return subprocess.call(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("--config-file", HERE / "schemathesis.toml"),
            *("run", f"{base}/openapi.json"),
            *("--checks", "all", "--exclude-checks", ",".join(REPLACED), "--no-color"),
            *("--auth", f"{key['key_id']}:{key['key_secret']}"),
            *sys.argv[1:],
        ],
        # It leaves files where it runs.
        cwd=directory,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(HERE / "checks.py")},
    )


if __name__ == "__main__":
    sys.exit(main())
