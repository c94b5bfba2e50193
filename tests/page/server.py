"""A `cargo handoff serve` for one test, and plain HTTP to it."""

import hashlib
import hmac
import http.client
import json
import os
import pathlib
import signal
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
HANDOFF = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "handoff"
SECRET = b"local-only-signing-secret"


class Serve:
    """Up until it is left."""

    def __init__(self, *arguments):
        command = [HANDOFF, "serve", "--port", "0", *arguments]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            if line.startswith("Look at it: "):
                self.url = line.removeprefix("Look at it: ").strip().rstrip("/")
                break
        else:
            raise AssertionError("serve did not come up")
        self.host = self.url.removeprefix("http://")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def interrupt(self, seconds):
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(seconds)

    def request(self, method, path, body=None, headers=None):
        """Status, headers and text of the answer."""
        connection = http.client.HTTPConnection(self.host, timeout=20)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    def hand_over(self, body, route="/webhooks/handoff"):
        """A signed body; the status of the answer."""
        content = json.dumps(body).encode()
        signature = hmac.new(SECRET, content, hashlib.sha256).hexdigest()
        return self.request("POST", route, content, {"x-sendbird-signature": signature})[0]

    def handoffs(self):
        return json.loads(self.request("GET", "/page/handoffs")[2])["handoffs"]


def handoff(conversation, context, **more):
    """A nested body."""
    return {"conversation": {"id": conversation, "user_id": f"user-{conversation}"}, "context": context, **more}
