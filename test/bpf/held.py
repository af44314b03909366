"""Connections that are held open, for what is told of them meanwhile: held.py SCENARIO [key=value ...]

Each step is announced by a line of JSON, and the next one waits for a file in the directory dir=:
go1, go2, …
"""
import json
import os
import socket
import struct
import sys
import threading
import time

options = dict(argument.split('=', 1) for argument in sys.argv[2:])
HOST = options.get('host', '127.0.0.1')
MSG_TRUNC = 0x20
steps = 0


def family(host):
    return socket.AF_INET6 if ':' in host else socket.AF_INET


def listen(backlog):
    listener = socket.socket(family(HOST))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, int(options.get('port', '0'))))
    listener.listen(backlog)
    return listener


def pair():
    listener = listen(5)
    client = socket.create_connection(listener.getsockname()[:2])
    server, _ = listener.accept()
    listener.close()
    return client, server


def say(**what):
    print(json.dumps({'pid': os.getpid(), **what}), flush=True)


def step(**what):
    """Says what is so, and waits until it has been looked at."""
    global steps
    steps += 1
    say(step=steps, **what)
    while not os.path.exists(os.path.join(options['dir'], f'go{steps}')):
        time.sleep(0.005)


def read_exactly(end, count, flags=0):
    while count > 0:
        count -= len(end.recv(min(count, 1 << 20), flags))


def stopwatches(end):
    """struct tcp_info: what the kernel itself says of busy, rwnd_limited, sndbuf_limited."""
    info = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return dict(zip(('busy', 'rwnd_limited', 'sndbuf_limited'), struct.unpack_from('QQQ', info, 168)))


def serve():
    """Accepts count= connections, reads 5 bytes of each, answers 7; then goes on with go1."""
    listener = listen(int(options['backlog']))
    say(listening=True)
    ends = []
    for _ in range(int(options['count'])):
        end, _ = listener.accept()
        read_exactly(end, 5)
        end.sendall(b'7 bytes')
        ends.append(end)
    if options.get('keep') != '1':
        listener.close()
    step()
    for end in ends:
        end.sendall(b'later')
        while end.recv(4096):
            pass
        end.close()


def connect():
    """The other side; every tenth has ended its direction before the step."""
    to = (options['to'], int(options['port']))
    ends = []
    for i in range(int(options['count'])):
        end = socket.create_connection(to)
        end.sendall(b'5 byt')
        # One at a time: a backlog of 0 has room for one.
        read_exactly(end, 7)
        if i % 10 == 0:
            end.shutdown(socket.SHUT_WR)
        ends.append(end)
    step()
    for end in ends:
        read_exactly(end, 5)
        end.close()


def gigabytes():
    """More than 32 bits count, in one direction."""
    client, server = pair()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    chunk = b'x' * (4 << 20)
    room = bytearray(8 << 20)
    sent = 0
    client.setblocking(False)
    server.setblocking(False)
    while sent < int(options['bytes']):
        try:
            sent += client.send(chunk)
        except BlockingIOError:
            pass
        try:
            while server.recv_into(room, len(room), MSG_TRUNC) > 0:
                pass
        except BlockingIOError:
            pass
    step(client_port=client.getsockname()[1], sent=sent)


def shared():
    """A server's socket that two processes hold; one end waits for accept()."""
    listener = listen(5)
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    waiting = socket.create_connection(listener.getsockname())
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    step(client_port=client.getsockname()[1], waiting_port=waiting.getsockname()[1])
    client.sendall(b'shared')
    read_exactly(server, 6)
    accepted, _ = listener.accept()
    waiting.sendall(b'waited')
    read_exactly(accepted, 6)
    step()
    os.close(write)


def requests():
    """Requests and responses up= and down=, in hexadecimal and separated by commas, a step each."""
    client, server = pair()
    for up, down in zip(options['up'].split(','), options['down'].split(',')):
        client.sendall(bytes.fromhex(up))
        server.recv(4096)
        server.sendall(bytes.fromhex(down))
        client.recv(4096)
        step(client_port=client.getsockname()[1])


def trickle():
    """1000 bytes up a step, 10 down; another connection sends all the time."""
    client, server = pair()
    busy = pair()
    for _ in range(3):
        client.sendall(b'u' * 1000)
        read_exactly(server, 1000)
        server.sendall(b'd' * 10)
        read_exactly(client, 10)
        say(client_port=client.getsockname()[1], busy_port=busy[0].getsockname()[1])
        global steps
        steps += 1
        while not os.path.exists(os.path.join(options['dir'], f'go{steps}')):
            busy[0].sendall(b'b')
            read_exactly(busy[1], 1)
            time.sleep(0.01)
    client.close()
    server.close()


def deaf():
    """A peer that does not read: the sender waits for its window."""
    client, server = pair()
    client.setblocking(False)
    sent = 0
    try:
        while True:
            sent += client.send(b's' * 100000)
    except BlockingIOError:
        pass
    before = stopwatches(client)
    step(client_port=client.getsockname()[1], **before)
    step(**stopwatches(client))


def cramped():
    """Sends without end to to= port= out of a small buffer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    client.connect((options['to'], int(options['port'])))

    def send():
        while True:
            client.sendall(b'-' * 100000)

    threading.Thread(target=send, daemon=True).start()
    step(client_port=client.getsockname()[1], **stopwatches(client))
    step(**stopwatches(client))


def full():
    """Listens with room for one, accepts nothing; connects attempts= times from the same host."""
    listener = listen(int(options['backlog']))
    quiet = socket.socket()
    quiet.bind((HOST, 0))
    quiet.listen(5)
    attempts = []
    for _ in range(int(options['attempts'])):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        attempts.append(client)
    step(port=listener.getsockname()[1], quiet_port=quiet.getsockname()[1])


def unanswered():
    """Connects to to= port=, from where no SYN-ACK comes through."""
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex((options['to'], int(options['port'])))
    step(client_port=client.getsockname()[1])


def waits():
    """Listens on port=."""
    listener = listen(5)
    step(port=listener.getsockname()[1])
    listener.close()


globals()[sys.argv[1]]()
