"""Plants one defect after the other into a copy of the sources, and sees that the judge finds each.

`planted.py [NAME]`: the defects are those of planted.json: a name, the promise that it goes against, and edits: in which file which
text takes the place of which. Prints a table; fails if a defect survives, or if a text is not there exactly once any more.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLACE = ROOT / "target" / "planted"
COPY = PLACE / "sources"
# Every so many worlds without a broken promise are enough to say that the defect survived.
SEEDS = 40_000


def copy_sources():
    """What git knows of, as it is now, with the times of the files, so that nothing is built twice."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, files.decode().split("\0")):
        source, target = ROOT / name, COPY / name
        if not source.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copy(source, target)


def build():
    command = ["cargo", "build", "--locked", "--quiet", "--profile", "simulate"]
    command += ["--package", "desk-handoff-simulate", "--bin", "simulate"]
    command += ["--target-dir", str(PLACE / "build")]
    return subprocess.run(command, cwd=COPY, capture_output=True, text=True)


def broken(*arguments, text=None):
    """The promises that a run of the simulator says are broken."""
    command = [PLACE / "build" / "simulate" / "simulate", *arguments]
    out = subprocess.run(command, input=text, capture_output=True, text=True).stdout
    return out, set(re.findall(r"\b([SAL]\d+) (?:at|\d)", out))


def judge():
    """What the judge says of the defect, and what showed it."""
    for world in sorted((ROOT / "simulate" / "found").glob("*.json")):
        _, promises = broken("-", text=world.read_text())
        if promises:
            return promises, world.stem
    out, promises = broken(str(SEEDS), "0", "stop")
    played = re.search(r"simulate: (\d+) schedules", out)
    return promises, f"{played[1]} worlds" if played else "no answer"


def pattern(text):
    """The text, however its lines are broken: rustfmt decides that, and may end a list with a comma."""
    tokens = re.findall(r"\w+|\S", text)
    return re.compile(r"\s*".join(",?\\s*" * (token in ")]}") + re.escape(token) for token in tokens))


def plant(defect):
    """Returns what was found, or why nothing could be."""
    before = {}
    try:
        for file, old, new in defect["edits"]:
            text = (COPY / file).read_text()
            before.setdefault(file, text)
            places = list(pattern(old).finditer(text))
            if len(places) != 1:
                return None, f"the text is there {len(places)} times: {old!r}"
            [place] = places
            (COPY / file).write_text(text[: place.start()] + new.strip() + text[place.end() :])
        built = build()
        if built.returncode:
            return None, "does not build: " + " ".join(built.stderr.split())[:200]
        return judge()
    finally:
        for file, text in before.items():
            (COPY / file).write_text(text)


def main():
    defects = json.loads((ROOT / "simulate" / "planted.json").read_text())
    chosen = [defect for defect in defects if sys.argv[1:] in ([], [defect["name"]])]
    copy_sources()
    survived = []
    for defect in chosen:
        began = time.monotonic()
        promises, shown_by = plant(defect)
        found = ", ".join(sorted(promises)) if promises else "SURVIVED"
        seconds = time.monotonic() - began
        print(f"{defect['promise']:5} {defect['name']:44} {found:20} {shown_by} ({seconds:.0f} s)", flush=True)
        if not promises:
            survived.append(defect["name"])
    print(f"{len(chosen)} defects planted, {len(chosen) - len(survived)} found, {len(survived)} survived")
    sys.exit(bool(survived) or not chosen)


main()
