"""Runs every fuzz target so many times (the argument), with coverage and no sanitizer, and says how often each ran.

The target `desk` goes over real connections, a thousand times slower than the others: it runs a fiftieth as often. Fails
at the first input that fails, which cargo-fuzz then shows and keeps under artifacts/.
"""

import re
import subprocess
import sys
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
TARGETS = re.findall(r'^\[\[bin\]\]\nname = "(\w+)"', (FUZZ / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)
EXECUTED = re.compile(r"stat::number_of_executed_units: (\d+)")


def run(target, runs):
    """How often it ran."""
    command = ["cargo", "fuzz", "run", "--fuzz-dir", str(FUZZ), "--sanitizer", "none", "--release", target, "--"]
    command += [f"-runs={runs}", f"-dict={FUZZ / 'json.dict'}", "-print_final_stats=1", "-rss_limit_mb=1024"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    executed = EXECUTED.search(done.stderr)
    if done.returncode or not executed:
        sys.exit(f"{done.stderr[-4000:]}\n{target} failed")
    return int(executed.group(1))


wanted = int(sys.argv[1])
total = 0
for name in TARGETS:
    executed = run(name, wanted // 50 if name == "desk" else wanted)
    total += executed
    print(f"{name:<10} {executed:>10}", flush=True)
print(f"{'in all':<10} {total:>10}")
