"""Streams that count themselves: megabytes and CPU time, to the nanosecond, by the thread's own clock.

    streams.py turns KIND COUNT [CERT KEY]        both ends in one thread: sends, then reads
    streams.py serve KIND COUNT [CERT KEY]        one end; prints its port
    streams.py connect KIND COUNT PORT MB_PER_S   the other one; 0: as fast as it can be
    streams.py peek COUNT                         reads a byte again and again
    streams.py self COUNT                         sends itself a datagram

KIND is bytes (of no protocol), tls, or body: answers of HTTP/1 of 32 MiB, which the end that serves
sends. /proc has a running thread's time as of its last tick, which is up to 4 ms ago: too coarse for
short slices. In turns nobody waits for anybody and no scheduler decides which end runs.
"""

import mmap
import socket
import ssl
import sys
import threading
import time

HOST = "127.0.0.1"
CHUNK = 64 * 1024
MIB = 1 << 20
BODY = 32 * MIB
GET = b"GET /long HTTP/1.1\r\nHost: bench\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY
ROOM = bytearray(4 * CHUNK)
BYTES = b"\x80" * CHUNK


class Count:
    """In a file: a number that is odd while the rest is written, what was done, nanoseconds."""

    def __init__(self, path, each=MIB):
        with open(path, "r+b") as file:
            self.shared = memoryview(mmap.mmap(file.fileno(), 24)).cast("Q")
        self.each = each
        self.done = 0
        self.told = 0

    def add(self, more):
        self.done += more
        if self.done - self.told < self.each:
            return
        self.told = self.done
        self.shared[0] += 1
        self.shared[1] = self.done
        self.shared[2] = time.thread_time_ns()
        self.shared[0] += 1


def take(end, left):
    while left > 0:
        count = end.recv_into(ROOM, min(left, len(ROOM)))
        if count == 0:
            sys.exit()
        left -= count


def take_head(end, like):
    """All of it, and nothing of what follows."""
    take(end, len(like))


def context_of(tls):
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        return context
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def pair():
    listener = socket.create_server((HOST, 0))
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    # What is sent in one turn has room, whatever the other end has read so far.
    for end in (client, server):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * CHUNK)
    return client, server


def turns(kind, path, *tls):
    count = Count(path)
    client, server = pair()
    if kind == "tls":
        context = context_of(tls)
        wrapped = []
        other = threading.Thread(
            target=lambda: wrapped.append(context.wrap_socket(server, server_side=True))
        )
        other.start()
        client = context_of(()).wrap_socket(client)
        other.join()
        [server] = wrapped
    if kind == "body":
        client, server = server, client
    while True:
        # Of a body the end that has connected asks, and is the one that reads.
        if kind == "body":
            server.sendall(GET)
            take_head(client, GET)
            client.sendall(HEAD)
            take_head(server, HEAD)
        for _ in range(BODY // CHUNK):
            client.sendall(BYTES)
            take(server, CHUNK)
            count.add(CHUNK)


def serve(kind, path, *tls):
    count = Count(path)
    listener = socket.create_server((HOST, 0))
    print("port", listener.getsockname()[1], flush=True)
    end, _ = listener.accept()
    if kind == "tls":
        end = context_of(tls).wrap_socket(end, server_side=True)
    while kind == "body":
        take_head(end, GET)
        end.sendall(HEAD)
        for _ in range(BODY // CHUNK):
            end.sendall(BYTES)
            count.add(CHUNK)
    while True:
        received = end.recv_into(ROOM)
        if received == 0:
            return
        count.add(received)


def connect(kind, path, port, mb_per_s):
    count = Count(path)
    end = socket.create_connection((HOST, int(port)))
    if kind == "tls":
        end = context_of(()).wrap_socket(end)
    while kind == "body":
        end.sendall(GET)
        take_head(end, HEAD)
        for _ in range(BODY // CHUNK):
            take(end, CHUNK)
            count.add(CHUNK)
    pause = 4 * CHUNK / 1e6 / float(mb_per_s) if float(mb_per_s) else 0
    due = time.monotonic()
    while True:
        for _ in range(4):
            end.sendall(BYTES)
            count.add(CHUNK)
        if pause:
            due = max(due + pause, time.monotonic() - 1)
            time.sleep(max(0, due - time.monotonic()))


def peek(path):
    """One call of skb_copy_datagram_iovec() a turn."""
    count = Count(path, 10_000)
    client, server = pair()
    client.sendall(b".")
    while True:
        server.recv_into(ROOM, 1, socket.MSG_PEEK)
        count.add(1)


def itself(path):
    """A packet out and in a turn."""
    count = Count(path, 1000)
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind((HOST, 0))
    end.connect(end.getsockname())
    while True:
        end.send(b".")
        end.recv_into(ROOM, 1)
        count.add(1)


ROLES = {"turns": turns, "serve": serve, "connect": connect, "peek": peek, "self": itself}
ROLES[sys.argv[1]](*sys.argv[2:])
