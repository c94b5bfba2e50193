"""Runs a command for as long as standard input is open, then kills it and all that it started.

A test process holds the other end of standard input: however it ends, the pipe closes, so nothing outlives it.
The Runtime Interface Emulator starts the function in a process group of its own; the session still holds both.

    python tether.py COMMAND [ARGUMENT ...]
"""

import os
import signal
import subprocess
import sys
import threading

command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)


def end():
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(entry)) == command.pid:
                os.kill(int(entry), signal.SIGKILL)
        except ProcessLookupError:
            pass
    command.wait()
    os._exit(0)


def end_with_the_command():
    command.wait()
    end()


threading.Thread(target=end_with_the_command, daemon=True).start()
sys.stdin.read()
end()
