"""Connections on loopback, for benches.

    sockets.py hold COUNT
    sockets.py connect KIND COUNT CGROUP

hold: so many connections, both ends here, each end in processes with 8,000 of them.
connect: so many, one after the other, each by
    process   this process
    fork      a process of its own
    cgroup    a process of its own, in a cgroup below CGROUP
"""
import os
import resource
import selectors
import signal
import socket
import sys

EACH = 8000


def listen(host):
    listener = socket.socket()
    listener.bind((host, 0))
    listener.listen(4096)
    return listener


def serve(listener):
    chosen = selectors.DefaultSelector()
    chosen.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in chosen.select():
            if key.fileobj is listener:
                end, _ = listener.accept()
                chosen.register(end, selectors.EVENT_READ)
            else:
                key.fileobj.recv(64)


def connect(address, count, ready):
    ends = []
    for _ in range(count):
        end = socket.socket()
        end.connect(address)
        end.sendall(b".")
        ends.append(end)
    os.write(ready, b".")
    signal.pause()


def start(run, *arguments):
    if os.fork() == 0:
        run(*arguments)
        os._exit(0)


def hold(count):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    seen, ready = os.pipe()
    processes = 0
    while count > 0:
        listener = listen(f"127.0.1.{processes + 1}")
        start(serve, listener)
        start(connect, listener.getsockname(), min(count, EACH), ready)
        listener.close()
        processes += 1
        count -= EACH
    for _ in range(processes):
        os.read(seen, 1)
    print("ready", flush=True)
    signal.pause()


def once(address, cgroup):
    if cgroup:
        os.mkdir(cgroup)
        with open(f"{cgroup}/cgroup.procs", "w") as procs:
            procs.write(str(os.getpid()))
    end = socket.create_connection(address)
    end.recv(1)
    end.close()


def connects(kind, count, cgroup):
    listener = listen("127.0.2.1")
    start(answer, listener)
    for i in range(count):
        of = f"{cgroup}/{os.getpid()}-{i}" if kind == "cgroup" else None
        if kind == "process":
            once(listener.getsockname(), of)
            continue
        child = os.fork()
        if child == 0:
            once(listener.getsockname(), of)
            os._exit(0)
        os.waitpid(child, 0)
        if of:
            os.rmdir(of)
    os.killpg(0, signal.SIGKILL)


def answer(listener):
    while True:
        end, _ = listener.accept()
        end.sendall(b".")
        end.close()


os.setpgid(0, 0)
signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
if sys.argv[1] == "hold":
    hold(int(sys.argv[2]))
else:
    connects(sys.argv[2], int(sys.argv[3]), sys.argv[4])
