"""Connections that talk steadily.

    talkers.py serve PORT
    talkers.py talk ADDRESS PORT CONNECTIONS BYTES INTERVAL_MS [echo]
    talkers.py short ADDRESS PORT CONNECTIONS BYTES INTERVAL_MS

talk: each connection writes so many bytes in each interval; "echo": and has them sent back.
short: so many connections are made in each interval, each for one request of so many bytes and an
answer. BYTES 0: as much as goes through.
"""
import selectors
import socket
import struct
import sys
import time

ABORT = struct.pack("ii", 1, 0)


def serve(port):
    listener = socket.create_server(("0.0.0.0", port), backlog=4096)
    chosen = selectors.DefaultSelector()
    chosen.register(listener, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in chosen.select():
            if key.fileobj is listener:
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                chosen.register(sock, selectors.EVENT_READ, {"kind": b""})
                continue
            try:
                data = key.fileobj.recv(1 << 20)
                if not key.data["kind"]:
                    key.data["kind"], data = data[:1], data[1:] or data
                elif key.data["kind"] == b"e":
                    key.fileobj.sendall(data)
                if not data and key.data["kind"] == b"s":
                    key.fileobj.send(b".")
            except OSError:
                data = b""
            if not data:
                chosen.unregister(key.fileobj)
                key.fileobj.close()


def talk(address, port, connections, size, interval_ms, *echo):
    sockets = []
    for _ in range(int(connections)):
        sock = socket.create_connection((address, int(port)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(b"e" if echo else b"-")
        sock.setblocking(False)
        sockets.append(sock)
    print("ready", flush=True)
    data = b"." * (int(size) or 1 << 18)
    at = time.monotonic()
    while True:
        for sock in sockets:
            try:
                sock.send(data)
            except BlockingIOError:
                pass
            try:
                sock.recv(1 << 20)
            except BlockingIOError:
                pass
        at = max(at + float(interval_ms) / 1000, time.monotonic() - 0.05)
        time.sleep(max(0, at - time.monotonic()))


def short(address, port, connections, size, interval_ms):
    chosen = selectors.DefaultSelector()
    interval = float(interval_ms) / 1000
    print("ready", flush=True)
    at = time.monotonic()
    while True:
        now = time.monotonic()
        if now >= at:
            at = max(at + interval, now - 0.05)
            for _ in range(int(connections)):
                sock = socket.socket()
                sock.setblocking(False)
                sock.connect_ex((address, int(port)))
                chosen.register(sock, selectors.EVENT_WRITE, memoryview(b"s" + b"." * int(size)))
        for key, _ in chosen.select(max(0, at - now)):
            sock, rest = key.fileobj, key.data
            try:
                if rest:
                    rest = rest[sock.send(rest):]
                    if rest:
                        chosen.modify(sock, selectors.EVENT_WRITE, rest)
                        continue
                    sock.shutdown(socket.SHUT_WR)
                    chosen.modify(sock, selectors.EVENT_READ, rest)
                    continue
                sock.recv(1)
            except OSError:
                pass
            chosen.unregister(sock)
            # no TIME_WAIT: ports are as many as there are
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            sock.close()


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
elif sys.argv[1] == "short":
    short(*sys.argv[2:])
else:
    talk(*sys.argv[2:])
