"""The operator: a `bash` with the real AWS command line, into which the commands of docs/operations.md are pasted.

The page marks every block of commands with its name and, where moto cannot run it (tests/aws/operations), with a reason. Those
marked `in the stack` are run here.
"""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"<!-- commands: ([a-z-]+)(?:; ([^\n]*))? -->\n```sh\n(.*?)```\n", re.DOTALL)
# The command line leaves AWS_ENDPOINT_URL out of account for SQS. A pause is shorter here.
PRELUDE = """
aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }
sleep() { command sleep 0.2; }
trap 'FAILED="$FAILED $BASH_COMMAND"' ERR
FAILED=
"""
END = "-- end of the block, failed commands:"


def blocks():
    """Of each block its note and its commands."""
    page = (ROOT / "docs" / "operations.md").read_text()
    return {name: (note, commands) for name, note, commands in BLOCK.findall(page)}


class Operator:
    """At one shell, which knows what was set before."""

    def __init__(self, stack, tools):
        self.pasted = set()
        environment = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(stack.folder)} | stack.environment()
        kept = ["CARGO_HOME", "RUSTUP_HOME", "CARGO_TARGET_DIR"]
        environment |= {name: os.environ[name] for name in kept if name in os.environ}
        if "CARGO_HOME" not in environment:
            environment["CARGO_HOME"] = str(pathlib.Path.home() / ".cargo")
        if "RUSTUP_HOME" not in environment:
            environment["RUSTUP_HOME"] = str(pathlib.Path.home() / ".rustup")
        self.errors = stack.folder / "operator.err"
        self.shell = subprocess.Popen(["bash"], cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=open(self.errors, "w"), text=True)

    def paste(self, name, typed="", **values):
        """Pastes the block of this name, with `values` in place of what the page leaves to be put in."""
        commands = blocks()[name][1]
        for place, value in values.items():
            place = place.replace("_", "-")
            assert place in commands, f"{name} leaves nowhere {place} to be put in"
            commands = commands.replace(place, value)
        self.pasted.add(name)
        return self.run(commands, typed)

    def run(self, commands, typed=""):
        """What they print; each that fails is a failure."""
        said, failed = self.try_to(commands, typed)
        assert not failed, f"{failed}\n{said}\n{self.errors.read_text()[-2000:]}"
        return said

    def try_to(self, commands, typed=""):
        """What they print, and what of them failed."""
        typed = f"{typed}\n" if typed else ""
        self.shell.stdin.write(f"{PRELUDE}{commands.rstrip()}\n{typed}printf '\\n{END}%s\\n' \"$FAILED\"\n")
        self.shell.stdin.flush()
        said = []
        for line in self.shell.stdout:
            if line.startswith(END):
                return "".join(said).strip(), line.removeprefix(END).strip()
            said.append(line)
        raise AssertionError(f"the shell has ended: {''.join(said)}{self.errors.read_text()[-2000:]}")
