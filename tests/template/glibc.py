"""Fails if a bootstrap needs a newer C library than Lambda has: it starts where it was built, and would not start there."""

import re
import sys
from pathlib import Path

# Of provided.al2023.
LAMBDA = (2, 34)


def needed(binary: bytes) -> tuple[int, int]:
    """The newest version of glibc that a symbol of the binary asks for; none if it brings its own C library."""
    versions = re.findall(rb"\0GLIBC_(\d+)\.(\d+)", binary)
    return max(((int(major), int(minor)) for major, minor in versions), default=(0, 0))


def main(paths: list[str]) -> None:
    """Looks at every bootstrap."""
    if not paths:
        sys.exit("which bootstraps?")
    for path in paths:
        version = needed(Path(path).read_bytes())
        print(f"{path}: glibc {version[0]}.{version[1]}")
        if version > LAMBDA:
            sys.exit(f"Lambda has {LAMBDA[0]}.{LAMBDA[1]}: make build COMPILER=cargo-zigbuild")


if __name__ == "__main__":
    main(sys.argv[1:])
