"""Connections that talk steadily.

    talkers.py serve PORT
    talkers.py talk ADDRESS PORT CONNECTIONS BYTES INTERVAL_MS [echo]

Each connection writes so many bytes in each interval; "echo": and has them sent back.
"""
import selectors
import socket
import sys
import time


def serve(port):
    listener = socket.create_server(("0.0.0.0", port), backlog=128)
    chosen = selectors.DefaultSelector()
    chosen.register(listener, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in chosen.select():
            if key.fileobj is listener:
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                echoes = sock.recv(1) == b"e"
                chosen.register(sock, selectors.EVENT_READ, echoes)
                continue
            try:
                data = key.fileobj.recv(1 << 20)
                if key.data:
                    key.fileobj.sendall(data)
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
    data = b"." * int(size)
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


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    talk(*sys.argv[2:])
