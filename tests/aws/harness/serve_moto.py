"""Serves moto's AWS on a free port of 127.0.0.1, prints its URL, and ends when standard input closes."""

import signal
import sys
import urllib.request

from moto.server import ThreadedMotoServer

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
