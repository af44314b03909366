"""A service that hands requests over: one thread reads them, a pool of others answers them.

    pool.py PORT UPSTREAM_PORT

GET /orders/X asks for /items/X over a connection of its own.
"""
import http.client
import selectors
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

PORT, UPSTREAM = int(sys.argv[1]), int(sys.argv[2])
selector = selectors.DefaultSelector()
pool = ThreadPoolExecutor(16)


def answer(connection, path):
    upstream = http.client.HTTPConnection("127.0.0.1", UPSTREAM)
    upstream.request("GET", path)
    upstream.getresponse().read()
    upstream.close()
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")


with open("/proc/self/comm", "w") as comm:
    comm.write("pool")
listener = socket.create_server(("127.0.0.1", PORT), backlog=256)
selector.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in selector.select():
        if key.fileobj is listener:
            selector.register(listener.accept()[0], selectors.EVENT_READ)
            continue
        head = key.fileobj.recv(4096)
        if not head:
            selector.unregister(key.fileobj)
            key.fileobj.close()
            continue
        path = head.split(b" ", 2)[1].decode().replace("/orders/", "/items/")
        pool.submit(answer, key.fileobj, path)
