"""Measures the style of the code beside that of fourteen codebases that engineers hold up as models (`make style`).

Of src, cli/src and emulator/src, without their unit tests; names of tests are those of the whole repository. Fails if a row is
outside its range. How each row is measured:

* blank lines: of the lines inside functions of more than six lines, those that are blank;
* long closures and chains: closures whose braces are more than six lines apart, and method chains of more than six lines, for
  every 1,000 lines of code;
* long lines: lines of more than 100 columns;
* test names: words between the underscores of a function with `#[test]` or in `proptest!`;
* comments: lines that begin with `//` and are no documentation, against lines of code;
* duplicates: runs of more than ten lines of code that stand in two places;
* files: what a newcomer looks for.
"""

import pathlib
import re
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ["src", "cli/src", "emulator/src"]
FILES = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md", ".editorconfig"]
FILES += ["rustfmt.toml", ".github/workflows/ci.yml", ".github/ISSUE_TEMPLATE/bug.md"]
LONG = 6
MOST_ALIKE = 10


def shipped(path):
    """The lines of a file without its unit tests."""
    text = path.read_text().split("#[cfg(test)]")[0]
    return text.rstrip().split("\n")


def sources():
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.rs"))]
    return {file: shipped(file) for file in files if file.name != "tests.rs"}


def indent(line):
    return len(line) - len(line.lstrip())


def blocks(lines, opens):
    """First and last line of everything that a line like `opens` begins and a brace of the same indentation ends."""
    for start, line in enumerate(lines):
        if not opens.search(line):
            continue
        ends = (line_no for line_no in range(start, len(lines)) if lines[line_no].rstrip().endswith(("{", ";", "}")))
        first = next(ends, None)
        if first is None or not lines[first].rstrip().endswith("{"):
            continue
        for last in range(first + 1, len(lines)):
            if lines[last].strip().startswith("}") and indent(lines[last]) == indent(lines[first]):
                yield first, last
                break


FUNCTION = re.compile(r"^\s*(?:pub(?:\([a-z]+\))? )?(?:const )?(?:async )?fn \w+")
CLOSURE = re.compile(r"\|[^|]*\|\s*(?:async )?(?:move )?\{$")


def blank_lines(files):
    inside = blank = 0
    for lines in files.values():
        for first, last in blocks(lines, FUNCTION):
            body = lines[first + 1 : last]
            if len(body) > LONG:
                inside += len(body)
                blank += sum(not line.strip() for line in body)
    return 100 * blank / inside


def is_code(line):
    return bool(line.strip()) and not line.strip().startswith("//")


def code_lines(files):
    return sum(is_code(line) for lines in files.values() for line in lines)


def long_steps(files):
    found = 0
    for lines in files.values():
        closures = [(first, last) for first, last in blocks(lines, CLOSURE) if CLOSURE.search(lines[first])]
        found += sum(last - first > LONG for first, last in closures)
        run = 0
        for line in [*lines, ""]:
            if line.strip().startswith("."):
                run += 1
            else:
                found += run > LONG
                run = 0
    return 1000 * found / code_lines(files)


def long_lines(files):
    lines = [line for lines in files.values() for line in lines]
    return 100 * sum(len(line) > 100 for line in lines) / len(lines)


def comments(files):
    plain = re.compile(r"^\s*//(?![/!])")
    return 100 * sum(bool(plain.match(line)) for lines in files.values() for line in lines) / code_lines(files)


def test_names():
    test = re.compile(r"#\[(?:tokio::)?test[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:async )?fn (\w+)|^\s+fn (\w+)\([^)]* in ", re.M)
    folders = [*FOLDERS, "tests", "cli/tests", "emulator/tests", "simulate", "bench", "fuzz/src"]
    texts = [file.read_text() for folder in folders for file in (ROOT / folder).rglob("*.rs")]
    names = [one or other for text in texts for one, other in test.findall(text)]
    return [len(name.split("_")) for name in names]


def duplicates(files):
    """Runs of more lines than are allowed that stand in two places, each counted once."""
    seen, found = {}, 0
    for file, lines in files.items():
        code = [line.strip() for line in lines if is_code(line) and not line.strip().startswith("use ")]
        skip = 0
        for start in range(len(code) - MOST_ALIKE):
            run = tuple(code[start : start + MOST_ALIKE + 1])
            place = seen.setdefault(run, (file, start))
            if start >= skip and place != (file, start):
                found += 1
                skip = start + MOST_ALIKE
    return found


def main():
    files, words = sources(), test_names()
    missing = [name for name in FILES if not (ROOT / name).exists()]
    rows = [
        ("blank lines inside functions, %", blank_lines(files), 1, 13),
        ("long closures and chains per 1,000 lines", long_steps(files), 0, 0.5),
        ("lines over 100 columns, %", long_lines(files), 0, 1),
        ("words in a test's name, median", statistics.median(words), 3, 7),
        ("words in a test's name, most", max(words), 3, 9),
        ("comments that say why, % of code", comments(files), 3, 8),
        ("stretches over ten lines alike", duplicates(files), 0, 0),
        ("files for a newcomer that are missing", len(missing), 0, 0),
    ]
    outside = 0
    for name, value, least, most in rows:
        is_within = least <= value <= most
        outside += not is_within
        print(f"{name:44} {value:8.2f}   {least:g} to {most:g}   {'ok' if is_within else 'OUTSIDE'}")
    print(f"{len(files)} files, {code_lines(files)} lines of code, {len(words)} tests; missing: {', '.join(missing) or 'none'}")
    sys.exit(bool(outside))


main()
