"""A service of a chain, with a thread for each connection, that asks the next for each request.

    hop.py NAME PORT NEXT_HOST:PORT [GRPC_HOST:PORT]

Passes the path on: /fresh/N over a connection of its own, all else over one that the thread keeps;
/grpc/N to who turns it into gRPC, if that is somebody else.
"""
import http.client
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME, PORT, NEXT, GRPC = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[-1]
thread = threading.local()


def name_thread():
    """Gives the thread the name that the kernel has for the process."""
    with open("/proc/thread-self/comm", "w") as comm:
        comm.write(NAME)


def ask(path):
    address = GRPC if path.startswith("/grpc/") else NEXT
    fresh = path.startswith("/fresh/")
    kept = thread.__dict__
    if fresh or address not in kept:
        connection = http.client.HTTPConnection(address, timeout=10)
    else:
        connection = kept[address]
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    if fresh:
        connection.close()
    else:
        kept[address] = connection
    return answer.status, body


class Hop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one write: the body alone would wait for the other end's delayed ACK.
    wbufsize = -1

    def setup(self):
        name_thread()
        super().setup()

    def do_GET(self):
        try:
            status, body = ask(self.path)
        except OSError as error:
            status, body = 502, str(error).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


name_thread()
Server(("0.0.0.0", PORT), Hop).serve_forever()
