"""Seeds the corpora of the fuzz targets from events/ and fields.example.json: into corpus/, which is not committed."""

import base64
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "fuzz" / "corpus"
SIGNED = {
    "sendbird": "x-sendbird-signature: {sendbird}",
    "bearer": "authorization: Bearer {bearer}",
    "standard": "webhook-id: m\nwebhook-timestamp: 1700000000\nwebhook-signature: v1,{standard}",
    "twice": "x-sendbird-signature: {sendbird}\nx-sendbird-signature: {sendbird}",
}
TICKET = {
    "id": 7455126, "channelName": "AI handoff 2647", "channelUrl": "ch_t", "status": "UNASSIGNED", "status2": "PENDING",
    "closeStatus": "NOT_CLOSED", "priority": "MEDIUM", "group": {"id": 7, "key": "vip"}, "messageCount": 0,
    "customer": {"id": 5556923, "sendbirdId": "user_1"}, "relatedChannels": "[{\"channel_url\": \"ch_1\"}]",
    "customFields": [{"id": 1, "key": "order-id", "value": "ORD-1"}],
}
ANSWERS = [TICKET, {"count": 1, "next": None, "results": [TICKET]}, {"code": "desk400104", "detail": "It is wrong."}]


def seed(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{name}").write_bytes(data)


for path in sorted((ROOT / "events").glob("*.json")):
    data = path.read_bytes()
    event = json.loads(data)
    if "Records" in event:
        seed("batch", path.stem, data)
        continue
    body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()
    seed("event", path.stem, data)
    seed("body", path.stem, body)
for name, head in SIGNED.items():
    seed("signature", name, f"{head}\n\n{{}}".encode())
seed("rules", "example", (ROOT / "fields.example.json").read_bytes())
for number, answer in enumerate(ANSWERS):
    seed("answer", str(number), bytes([0, 100, 2, 0]) + json.dumps(answer).encode())
