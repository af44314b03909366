"""A stream that is as fast as the host allows, in one process an end.

stream.py server PORT COUNT [CERT KEY]    counts what it receives, in 8 bytes of the file COUNT
stream.py client PORT [tls]
stream.py download PORT                   reads /long of an HTTP server, again and again
"""

import mmap
import socket
import ssl
import sys

HOST = "127.0.0.1"
CHUNK = 256 * 1024


def serve(port, count, *tls):
    listener = socket.create_server((HOST, port))
    with open(count, "r+b") as file:
        # One store for all 8 bytes: a reader never sees half of a count.
        shared = memoryview(mmap.mmap(file.fileno(), 8)).cast("Q")
    connection, _ = listener.accept()
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        connection = context.wrap_socket(connection, server_side=True)
    buffer = bytearray(CHUNK)
    received = 0
    while length := connection.recv_into(buffer):
        received += length
        shared[0] = received


def send(port, tls=""):
    connection = socket.create_connection((HOST, port))
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = context.wrap_socket(connection)
    chunk = b"\x80" * CHUNK
    while True:
        connection.sendall(chunk)


def download(port):
    connection = socket.create_connection((HOST, port))
    buffer = bytearray(CHUNK)
    while True:
        connection.sendall(b"GET /long HTTP/1.1\r\nHost: bench\r\n\r\n")
        head = connection.recv(CHUNK)
        begin, _, body = head.partition(b"\r\n\r\n")
        left = int(begin.lower().split(b"content-length: ")[1].split(b"\r\n")[0]) - len(body)
        while left > 0:
            left -= connection.recv_into(buffer)


ROLES = {"server": serve, "client": send, "download": download}
ROLES[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
