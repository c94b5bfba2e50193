"""Desk's API: one pool of connections that stay open, and one method a call."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import urllib3

# Only what changes nothing is repeated.
RETRIES = urllib3.Retry(total=2, backoff_factor=0.2, allowed_methods={"GET"}, status_forcelist={429, 502, 503, 504}, raise_on_status=False)
POOL = urllib3.PoolManager(maxsize=2, timeout=urllib3.Timeout(connect=2, read=5), retries=RETRIES)
THREADS = ThreadPoolExecutor(max_workers=2)
BASE = os.environ.get("DESK_BASE_URL", "https://desk-api-{app_id}.sendbird.com/platform/v1")


class DeskError(Exception):
    """No usable answer. Holds nothing of the answer, which may hold a customer's data."""

    def __init__(self, status):
        super().__init__(f"Desk answered {status}")
        self.status = status

    @property
    def is_final(self):
        return self.status not in (0, 401, 403, 429) and self.status < 500


class Desk:
    def __init__(self, app_id, token):
        self.base = BASE.replace("{app_id}", app_id)
        self.headers = {"SENDBIRDDESKAPITOKEN": token, "content-type": "application/json"}
        self.calls = 0

    def _call(self, method, path, body=None):
        self.calls += 1
        try:
            answer = POOL.request(method, self.base + path, headers=self.headers, body=body and json.dumps(body))
            if answer.status >= 300:
                raise DeskError(answer.status)
            return answer.json()
        except (urllib3.exceptions.HTTPError, ValueError):
            raise DeskError(0) from None

    def look_up(self, user_id):
        """The customer's tickets, and the customer: asked at once."""
        user = quote(user_id, safe="")
        paths = [f"/tickets?sendbird_id={user}&limit=100", f"/customers?sendbird_id={user}"]
        tickets, customers = (page["results"] for page in THREADS.map(lambda path: self._call("GET", path), paths))
        # A filter that Desk does not know is ignored, and everybody's come back.
        customers = [one for one in customers if one.get("sendbirdId") == user_id]
        return tickets, customers[0]["id"] if customers else None

    def ticket(self, number):
        try:
            return self._call("GET", f"/tickets/{number}")
        except DeskError as error:
            if error.status == 404:
                return None
            raise

    def create_customer(self, user_id):
        return self._call("POST", "/customers", {"sendbirdId": user_id})["id"]

    def create_ticket(self, title, customer_id, values, priority, team, channel_url):
        body = {"channelName": title, "customerId": customer_id, "customFields": json.dumps(values)}
        optional = {"priority": priority, "groupKey": team, "relatedChannelUrls": channel_url}
        return self._call("POST", "/tickets", body | {name: value for name, value in optional.items() if value})

    def write_fields(self, number, values):
        return self._call("PATCH", f"/tickets/{number}/custom_fields", {"customFields": json.dumps(values)})

    def write_priority(self, number, priority):
        return self._call("PATCH", f"/tickets/{number}", {"priority": priority})

    def transfer(self, number, team):
        self._call("POST", "/tickets/transfer_to_group", {"tickets": [number], "status": "PENDING", "groupKey": team})
