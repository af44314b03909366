"""The shop's storage: a blocking server with a thread for each connection.

    storage.py PORT

GET /items/N answers 200 with the item, or 404 when N is "missing".
"""
import json
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def name_thread():
    """Gives the thread the name that the kernel has for the process."""
    with open("/proc/thread-self/comm", "w") as comm:
        comm.write("storage")


class Items(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        name_thread()
        super().setup()

    def do_GET(self):
        item = self.path.rsplit("/", 1)[-1]
        missing = item == "missing"
        body = json.dumps({"error": "no such item"} if missing else {"item": item}).encode()
        self.send_response(404 if missing else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 128


name_thread()
Server(("::", int(sys.argv[1])), Items).serve_forever()
