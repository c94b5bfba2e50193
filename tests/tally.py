"""Runs `cargo test …` and prints last, alone on a line, how many tests there were: N passed, N failed, N skipped.

Fails when the command fails, when a test failed and when none passed.
"""

import re
import subprocess
import sys

RESULT = re.compile(r"test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored;")

passed = failed = skipped = 0
command = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True, errors="replace")
for line in command.stdout:
    print(line, end="", flush=True)
    if result := RESULT.match(line):
        counts = map(int, result.groups())
        passed, failed, skipped = (sum(pair) for pair in zip((passed, failed, skipped), counts))
status = command.wait()

print(f"\n{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(status or failed > 0 or passed == 0)
