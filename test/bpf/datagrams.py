"""Datagrams of UDP between real sockets: datagrams.py SCENARIO [key=value ...]

Prints one JSON object: what the program knows, to be held against the kernel's records. Both ends are
in this process unless `to` names another host.
"""
import ctypes
import json
import os
import signal
import socket
import sys

options = dict(argument.split('=', 1) for argument in sys.argv[2:])
HOST = options.get('host', '127.0.0.1')
COUNT = int(options.get('count', 3))
SIZE = int(options.get('size', 100))
SOL_UDP = 17
UDP_SEGMENT = 103
UDP_GRO = 104


def udp(host=HOST):
    return socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM)


def ends():
    """A server's socket at a port, a client's, and where the client sends to."""
    server = udp()
    server.bind(('::' if HOST.startswith('::ffff:') else HOST, int(options.get('port', 0))))
    server.settimeout(10)
    client = udp()
    client.settimeout(10)
    address = (HOST, server.getsockname()[1])
    if options.get('connected') == '1':
        client.connect(address)
        address = None
    return server, client, address


def send(end, data, address):
    return end.sendto(data, address) if address else end.send(data)


def report(client, server=None, **more):
    result = {'pid': os.getpid(), 'client_port': client.getsockname()[1], **more}
    if server is not None:
        result['server_port'] = server.getsockname()[1]
    print(json.dumps(result), flush=True)


def echo():
    """`count` datagrams there, each answered by one that is twice as long."""
    server, client, address = ends()
    for _ in range(COUNT):
        send(client, b'q' * SIZE, address)
        data, peer = server.recvfrom(65535)
        server.sendto(data * 2, peer)
        client.recvfrom(65535)
    report(client, server)


def crowd():
    """One server, `count` clients of a datagram each."""
    server, first, address = ends()
    clients = [first, *(udp() for _ in range(COUNT - 1))]
    for client in clients:
        client.settimeout(10)
        send(client, b'q' * SIZE, address)
        data, peer = server.recvfrom(65535)
        server.sendto(data, peer)
        client.recvfrom(65535)
    report(first, server, ports=[client.getsockname()[1] for client in clients])


def flood():
    """More than the server's socket has room for: it reads none."""
    server, client, address = ends()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(COUNT):
        send(client, b'q' * SIZE, address)
    server.setblocking(False)
    read = 0
    try:
        while True:
            server.recv(65535)
            read += 1
    except BlockingIOError:
        report(client, server, read=read)


def segments():
    """`count` datagrams in one call, cut by the kernel; put together again where gro=1."""
    server, client, address = ends()
    client.setsockopt(SOL_UDP, UDP_SEGMENT, SIZE)
    if options.get('gro') == '1':
        server.setsockopt(SOL_UDP, UDP_GRO, 1)
    send(client, b'q' * SIZE * COUNT, address)
    got = 0
    while got < SIZE * COUNT:
        got += len(server.recv(65535))
    report(client, server)


class Iovec(ctypes.Structure):
    _fields_ = [('base', ctypes.c_char_p), ('len', ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    _fields_ = [
        ('name', ctypes.c_void_p), ('namelen', ctypes.c_uint), ('iov', ctypes.POINTER(Iovec)),
        ('iovlen', ctypes.c_size_t), ('control', ctypes.c_void_p),
        ('controllen', ctypes.c_size_t), ('flags', ctypes.c_int),
    ]


class Mmsghdr(ctypes.Structure):
    _fields_ = [('hdr', Msghdr), ('len', ctypes.c_uint)]


def messages(data):
    array = (Mmsghdr * COUNT)()
    for message in array:
        message.hdr.iov = ctypes.pointer(Iovec(data, SIZE))
        message.hdr.iovlen = 1
    return array


def batch():
    """sendmmsg() and recvmmsg(), on a connected socket."""
    libc = ctypes.CDLL(None, use_errno=True)
    server, client, _ = ends()
    assert libc.sendmmsg(client.fileno(), messages(b'q' * SIZE), COUNT, 0) == COUNT
    got = 0
    while got < COUNT:
        buffers = messages(ctypes.create_string_buffer(SIZE).raw)
        got += libc.recvmmsg(server.fileno(), buffers, COUNT, 0, None)
    report(client, server)


def mute():
    """Nobody answers; goes on when told to."""
    server, client, address = ends()
    for _ in range(COUNT):
        send(client, b'q' * SIZE, address)
    report(client, server)
    signal.sigwait({signal.SIGUSR1})
    if options.get('again') == '1':
        for _ in range(COUNT):
            send(client, b'q' * SIZE, address)


def serve():
    """Answers each datagram by the same, until it is ended."""
    server = udp()
    server.bind((HOST, int(options['port'])))
    print('listening', flush=True)
    while True:
        data, peer = server.recvfrom(65535)
        server.sendto(data, peer)


def visit():
    client = udp(options['to'])
    client.settimeout(10)
    client.connect((options['to'], int(options['port'])))
    for _ in range(COUNT):
        client.send(b'q' * SIZE)
        client.recv(65535)
    report(client)


def late():
    """A client asks; when told to, the server answers, and sends twice more."""
    server, client, address = ends()
    send(client, b'q' * SIZE, address)
    _, peer = server.recvfrom(65535)
    print('asked', flush=True)
    signal.sigwait({signal.SIGUSR1})
    for _ in range(COUNT):
        server.sendto(b'a' * SIZE, peer)
        client.recvfrom(65535)
    report(client, server)


def raw():
    """A datagram of these bytes to the server's port, and one back."""
    server, client, address = ends()
    send(client, bytes.fromhex(options['up']), address)
    _, peer = server.recvfrom(65535)
    server.sendto(bytes.fromhex(options['down']), peer)
    client.recvfrom(65535)
    report(client, server)


# What waits is told to go on by it.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
globals()[sys.argv[1]]()
