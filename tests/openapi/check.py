"""Asks independent tools about the two documents that others read (`make openapi`).

  openapi      the OpenAPI document of a running `cargo handoff serve`: valid for its validator, and then the starting point of
               a fuzzer, which sends what the document allows and what it does not. No answer may be a 5xx, have a status
               that the document does not name, or a form that it does not describe
  schema       the JSON Schema of the `fields` document: valid, takes the example, and says of each document below what
               `cargo handoff check` says of it

Run it with the Python of .venv/openapi, from the folder of the repository, after `cargo build --package desk-handoff-cli`.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

import jsonschema
from openapi_spec_validator import validate

ROOT = pathlib.Path(__file__).resolve().parents[2]
HANDOFF = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "handoff"
FUZZER = pathlib.Path(sys.prefix) / "bin" / "st"
BEARER = "local-only-bearer-token"
EXAMPLES = 60
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"

# Each with whether it may be used.
FIELD = {"key": "tier", "type": "text"}
DOCUMENTS = [
    ({}, True),
    ({"fields": [FIELD]}, True),
    ({"fields": [{**FIELD, "from": "$language"}], "deny": ["x"], "deny_credentials": False}, True),
    ({"fields": [{"key": "tier", "type": "dropdown", "options": ["gold"]}]}, True),
    ({"ticket": {"priority": {"value": "LOW"}, "team": {"from": "team"}, "grace_seconds": 0}}, True),
    ({"ticket": {"when_missing": "retry", "when_closed": "leave", "overwrite": "never"}}, True),
    ({"desk": {"lists_are_current": True}}, True),
    ({"$schema": "https://example.com/fields.schema.json"}, True),
    ({"field": []}, False),
    ({"fields": [{"key": "Tier", "type": "text"}]}, False),
    ({"fields": [{"key": "tier"}]}, False),
    ({"fields": [{"key": "tier", "type": "choice"}]}, False),
    ({"fields": [{"key": "tier", "type": "dropdown"}]}, False),
    ({"fields": [{"key": "tier", "type": "dropdown", "options": []}]}, False),
    ({"fields": [{**FIELD, "options": ["gold"]}]}, False),
    ({"fields": [{**FIELD, "from": "$nobody"}]}, False),
    ({"fields": [{**FIELD, "from": " "}]}, False),
    ({"aliases": {"orderId": "order id"}}, False),
    ({"deny": [""]}, False),
    ({"deny_credentials": "yes"}, False),
    ({"desk": {"lists_are_current": "yes"}}, False),
    ({"desk": {"lists_show_fields": True}}, False),
    ({"ticket": {"priority": {"value": "high"}}}, False),
    ({"ticket": {"priority": {}}}, False),
    ({"ticket": {"team": {"from": "a", "value": "b"}}}, False),
    ({"ticket": {"grace_seconds": 901}}, False),
    ({"ticket": {"when_missing": "ask"}}, False),
    ({"ticket": {"opening_message": "  "}}, False),
    ({"ticket": {"title": "x" * 101}}, False),
]


def check_schema():
    schema = json.loads(subprocess.run([HANDOFF, "schema"], capture_output=True, check=True).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    example = json.loads((ROOT / "fields.example.json").read_text())
    wrong = [] if validator.is_valid(example) else ["it refuses fields.example.json"]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "fields.json"
        for document, is_usable in DOCUMENTS:
            path.write_text(json.dumps(document))
            checked = subprocess.run([HANDOFF, "check", path], capture_output=True).returncode == 0
            if not validator.is_valid(document) == checked == is_usable:
                wrong.append(f"{document}: schema {validator.is_valid(document)}, check {checked}")
    print(f"schema: {len(DOCUMENTS) + 1} documents, {len(wrong)} differences")
    return wrong


def check_api():
    serving = subprocess.Popen([HANDOFF, "serve", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = None
        while address is None:
            line = serving.stdout.readline()
            if not line:
                return ["`serve` ended"]
            address = re.search(r"http://127\.0\.0\.1:\d+", line)
        url = f"{address[0]}/openapi.json"
        with urllib.request.urlopen(url) as answer:
            validate(json.load(answer))
        command = [FUZZER, "run", url, "--header", f"Authorization: Bearer {BEARER}", "--checks", CHECKS]
        command += ["--max-examples", str(EXAMPLES), "--seed", "20261127", "--no-color"]
        with tempfile.TemporaryDirectory() as folder:
            fuzzed = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        cases = re.search(r"(\d+) generated", fuzzed.stdout)
        print(f"openapi: valid; {cases[1] if cases else 'no'} calls of the fuzzer")
        return [] if fuzzed.returncode == 0 and cases else [fuzzed.stdout[-4000:] + fuzzed.stderr[-1000:]]
    finally:
        serving.kill()


def main():
    wrong = check_schema() + check_api()
    for what in wrong:
        print(what)
    sys.exit(bool(wrong))


main()
