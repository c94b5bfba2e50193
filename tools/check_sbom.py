"""Asks CycloneDX's own JSON schema whether the bill of materials is one: `check_sbom.py FILE`.

A copy with a mistake in it has to be refused, or the schema was not asked at all. Nothing is fetched: the schema lies in the package
that tests/requirements/build.txt pins.
"""

import json
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main(name):
    document = json.loads(Path(name).read_text())
    schema = JsonStrictValidator(SchemaVersion.from_version(document["specVersion"]))
    error = schema.validate_str(json.dumps(document))
    if error:
        sys.exit(f"{name}: {error}")
    document["components"][0]["type"] = "crate"
    if not schema.validate_str(json.dumps(document)):
        sys.exit("the schema takes a type that there is not")
    print(f"{name}: as CycloneDX {document['specVersion']} has it")


if __name__ == "__main__":
    main(*sys.argv[1:])
