"""Signs the API Gateway events of events/ anew, with the published secret that only local runs know.

An event is signed that has the header `x-sendbird-signature`, whatever stands in it. Left as they are: an event without
the header, and one whose file name says «wrong-signature».
"""

import base64
import hashlib
import hmac
import json
from pathlib import Path

SECRET = b"local-only-signing-secret"
HEADER = "x-sendbird-signature"
EVENTS = Path(__file__).resolve().parents[2] / "events"


def body(event):
    """The bytes that the sender sent."""
    text = event.get("body") or ""
    return base64.b64decode(text) if event.get("isBase64Encoded") else text.encode()


def sign(path):
    """Whether the file had to change."""
    before = path.read_text(encoding="utf-8")
    event = json.loads(before)
    if event.get("version") != "2.0" or HEADER not in event["headers"] or "wrong-signature" in path.stem:
        return False
    event["headers"][HEADER] = hmac.new(SECRET, body(event), hashlib.sha256).hexdigest()
    after = json.dumps(event, indent=2, ensure_ascii=False) + "\n"
    path.write_text(after, encoding="utf-8")
    return after != before


for path in sorted(EVENTS.glob("*.json")):
    if sign(path):
        print("signed", path.name)
