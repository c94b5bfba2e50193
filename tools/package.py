"""Makes the parts of a release that are neither compiled nor copied: a function's zip, and a template that names the zips.

  package.py zip BINARY ZIP                        the binary as `bootstrap`, the same bytes each time
  package.py template TEMPLATE ARCHITECTURE FILE   the template for that processor, its code in zips beside it
"""

import os
import re
import sys
import time
import zipfile
from pathlib import Path

# Of every zip's time stamps: they cannot be older.
OLDEST = (1980, 1, 1, 0, 0, 0)


def pack(binary, target):
    """A zip with one file in it, which everybody may execute."""
    made = time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))[:6]
    entry = zipfile.ZipInfo("bootstrap", max(made, OLDEST))
    entry.create_system = 3  # Unix: else the rights below mean nothing.
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(entry, Path(binary).read_bytes(), compresslevel=9)


def packaged(template, architecture):
    """The template, its functions' code in zips beside it, for one processor."""

    def exactly(pattern, by, times, text):
        text, found = re.subn(pattern, by, text, flags=re.MULTILINE)
        if found != times:
            raise SystemExit(f"{found} places like {pattern!r} in the template, and not {times}")
        return text

    # There is nothing to be built.
    template = exactly(r"^    CodeUri: \.\n", "", 1, template)
    build = r"^      BuildMethod: rust-cargolambda\n      BuildProperties:\n        Binary: (\w+)\n((?:      .*\n)*?)    Properties:\n"
    code = rf"\2    Properties:\n      CodeUri: desk-handoff-\1-{architecture}.zip\n"
    template = exactly(build, code, 2, template)
    # The zips are of this processor.
    values = r"^    AllowedValues: \[x86_64, arm64\]\n    Default: x86_64\n"
    return exactly(values, f"    AllowedValues: [{architecture}]\n    Default: {architecture}\n", 1, template)


def main(arguments):
    match arguments:
        case ["zip", binary, target]:
            pack(binary, target)
        case ["template", template, architecture, target]:
            Path(target).write_text(packaged(Path(template).read_text(), architecture))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
