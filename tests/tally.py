"""Runs `cargo test …`, and more of them after each `:::`, and prints last, alone on a line, how many tests there were in all:
N passed, N failed, N skipped.

Fails when a command fails, when a test failed and when none passed.
"""

import re
import subprocess
import sys

RESULT = re.compile(r"test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored;")

passed = failed = skipped = status = 0
commands = [[]]
for word in sys.argv[1:]:
    commands.append([]) if word == ":::" else commands[-1].append(word)

for words in commands:
    command = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, errors="replace")
    for line in command.stdout:
        print(line, end="", flush=True)
        if result := RESULT.match(line):
            counts = map(int, result.groups())
            passed, failed, skipped = (sum(pair) for pair in zip((passed, failed, skipped), counts))
    status = command.wait() or status

print(f"\n{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(status or failed > 0 or passed == 0)
