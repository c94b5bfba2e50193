"""Serves moto's AWS on a free port of 127.0.0.1, prints its URL, and ends when standard input closes.

moto answers each request in a thread of its own and locks nothing: two conditional writes at once may both find their
condition met, and a message that is sent while another is deleted may vanish. AWS does neither, so here the calls that
change a table or a queue run one after the other.
"""

import functools
import signal
import sys
import threading
import time
import urllib.request

from moto.dynamodb.responses import DynamoHandler
from moto.server import ThreadedMotoServer
from moto.sqs.models import SQSBackend

lock = threading.RLock()


def one_after_the_other(method):
    @functools.wraps(method)
    def locked(*args, **named):
        with lock:
            return method(*args, **named)

    return locked


def patient(receive):
    """Long polling without holding the lock."""

    @functools.wraps(receive)
    def polling(backend, queue_name, count, wait_seconds, *rest):
        end = time.monotonic() + wait_seconds
        while True:
            messages = receive(backend, queue_name, count, 0, *rest)
            if messages or time.monotonic() >= end:
                return messages
            time.sleep(0.02)

    return polling


for name in ("update_item", "put_item", "delete_item", "get_item"):
    setattr(DynamoHandler, name, one_after_the_other(getattr(DynamoHandler, name)))
for name in ("send_message", "receive_message", "delete_message", "change_message_visibility"):
    setattr(SQSBackend, name, one_after_the_other(getattr(SQSBackend, name)))
SQSBackend.receive_message = patient(SQSBackend.receive_message)

# A start that takes longer than this ends in silence, which the reader of the URL notices.
signal.alarm(60)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
url = f"http://{host}:{port}"

# moto loads a service at its first call, which takes longer than the function under test waits for SSM.
warm_up = {"X-Amz-Target": "AmazonSSM.DescribeParameters", "Content-Type": "application/x-amz-json-1.1"}
urllib.request.urlopen(urllib.request.Request(url, b"{}", warm_up)).close()
signal.alarm(0)

print(url, flush=True)
sys.stdin.read()
