"""Writes what the functions are made of, as CycloneDX 1.5: `sbom.py VERSION FILE`.

Of `cargo metadata`: every crate that is compiled into the binaries on Linux, with its version, licence, checksum (of Cargo.lock) and
what it depends on. Build scripts and procedural macros run while it is built and are left out. The same lock file gives the same
text: its number is a digest, and its time is SOURCE_DATE_EPOCH.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
import tomllib
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "desk-handoff"
# Both processors have the same system: what depends on it is the same.
TARGET = "x86_64-unknown-linux-gnu"


def metadata():
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def reached(known):
    """The packages that are compiled in, each with those it depends on."""
    packages = {package["id"]: package for package in known["packages"]}
    nodes = {node["id"]: node for node in known["resolve"]["nodes"]}
    macros = {name for name, it in packages.items() if any("proc-macro" in target["kind"] for target in it["targets"])}
    first = next(name for name, it in packages.items() if it["name"] == PACKAGE)
    found, waiting = {}, [first]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        needed = [it["pkg"] for it in nodes[name]["deps"] if any(kind["kind"] is None for kind in it["dep_kinds"])]
        found[name] = [other for other in needed if other not in macros]
        waiting.extend(found[name])
    return first, {name: (packages[name], needed) for name, needed in found.items()}


def checksums():
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(it["name"], it["version"]): it["checksum"] for it in lock["package"] if "checksum" in it}


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, kind, sums):
    made = {"type": kind, "bom-ref": purl(package), "name": package["name"], "version": package["version"], "purl": purl(package)}
    if package["license"]:
        # Cargo once took a slash for OR.
        made["licenses"] = [{"expression": package["license"].replace("/", " OR ").replace("  ", " ")}]
    checksum = sums.get((package["name"], package["version"]))
    if checksum:
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return made


def bill(version):
    first, found = reached(metadata())
    sums = checksums()
    packages = {name: package for name, (package, _) in found.items()}
    depends = [
        {"ref": purl(package), "dependsOn": sorted({purl(packages[other]) for other in needed})}
        for package, needed in found.values()
    ]
    made = time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", made),
            "component": component(packages[first] | {"version": version}, "application", sums),
        },
        "components": sorted(
            (component(it, "library", sums) for name, it in packages.items() if name != first), key=lambda it: it["bom-ref"]
        ),
        "dependencies": sorted(depends, key=lambda it: it["ref"]),
    }
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()
    document["serialNumber"] = f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}"
    return document


def main(version, target):
    document = bill(version)
    Path(target).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    print(f"{target}: {len(document['components'])} crates")


if __name__ == "__main__":
    main(*sys.argv[1:])
