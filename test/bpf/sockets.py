"""Connections made and ended in every way, by real sockets: sockets.py SCENARIO [key=value ...]

Prints one JSON object: what the program knows of the connection, to be held against the kernel's
records. Both ends are in this process unless `to` names another host.
"""
import json
import mmap
import os
import random
import socket
import struct
import subprocess
import sys
import time

options = dict(argument.split('=', 1) for argument in sys.argv[2:])
HOST = options.get('host', '127.0.0.1')
RESET_ON_CLOSE = struct.pack('ii', 1, 0)
TCP_USER_TIMEOUT = 18


def family(host):
    return socket.AF_INET6 if ':' in host else socket.AF_INET


def pair():
    """A connected pair: client end, server end."""
    listener = socket.socket(family(HOST))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    at = '::' if HOST.startswith('::ffff:') else HOST
    listener.bind((at, int(options.get('port', '0'))))
    listener.listen()
    client = socket.socket(family(HOST))
    client.connect((HOST, listener.getsockname()[1]))
    server, _ = listener.accept()
    listener.close()
    return client, server


def read_all(end):
    total = 0
    while True:
        data = end.recv(65536)
        if not data:
            return total
        total += len(data)


def read_exactly(end, count):
    while count > 0:
        count -= len(end.recv(count))


def report(client, server=None, **more):
    """Called while the sockets are still connected."""
    result = {'pid': os.getpid(), 'client_port': client.getsockname()[1], **more}
    if server is not None:
        result['server_port'] = server.getsockname()[1]
    return result


def exchange(client, server, up=70000, down=3000000):
    """Both directions at once would block: the server answers when it has everything."""
    result = report(client, server, up=up, down=down)
    client.sendall(b'u' * up)
    read_exactly(server, up)
    server.setblocking(False)
    rest = b'd' * down
    got = 0
    while got < down:
        if rest:
            try:
                rest = rest[server.send(rest):]
            except BlockingIOError:
                pass
        got += len(client.recv(1 << 20))
    server.setblocking(True)
    return result


def client_closes_first():
    client, server = pair()
    result = exchange(client, server)
    client.close()
    assert read_all(server) == 0
    server.close()
    return result


def server_closes_first():
    client, server = pair()
    result = exchange(client, server)
    server.close()
    assert read_all(client) == 0
    client.close()
    return result


def client_shuts_down():
    """The client ends its direction, the server answers afterwards."""
    client, server = pair()
    result = report(client, server, up=5, down=100000)
    client.sendall(b'hello')
    client.shutdown(socket.SHUT_WR)
    assert read_all(server) == 5
    server.sendall(b'd' * 100000)
    server.close()
    assert read_all(client) == 100000
    client.close()
    return result


def server_leaves_unread():
    client, server = pair()
    result = report(client, server, up=10, down=0)
    client.sendall(b'never read')
    time.sleep(0.05)
    server.close()
    time.sleep(0.05)
    client.close()
    return result


def client_lingers_zero():
    client, server = pair()
    result = report(client, server, up=0, down=0)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    client.close()
    time.sleep(0.05)
    server.close()
    return result


def unread_after_shutdown():
    """The client ends its direction, then closes without having read the answer."""
    client, server = pair()
    result = report(client, server, up=0, down=6)
    client.shutdown(socket.SHUT_WR)
    server.sendall(b'answer')
    time.sleep(0.05)
    client.close()
    time.sleep(0.05)
    server.close()
    return result


def reset_after_fin():
    """The server has the client's FIN and is then reset: EPIPE in the kernel."""
    client, server = pair()
    result = report(client, server, up=0, down=9)
    client.close()
    time.sleep(0.05)
    server.sendall(b'too late!')
    time.sleep(0.05)
    server.close()
    return result


def attempt():
    """A connect that fails or hangs: to=HOST port=PORT, retries of the SYN, give up after."""
    client = socket.socket(family(options['to']))
    client.bind((options.get('from', ''), 0))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
    client.settimeout(float(options.get('give_up_after', '60')))
    result = report(client)
    try:
        client.connect((options['to'], int(options['port'])))
    except OSError as error:
        result['error'] = type(error).__name__ if error.errno is None else os.strerror(error.errno)
    client.close()
    return result


def silence():
    """A connection whose big segments are dropped on the way: to=HOST port=PORT."""
    client = socket.socket(family(options['to']))
    client.connect((options['to'], int(options['port'])))
    client.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 400)
    result = report(client)
    client.sendall(b'x' * 1000)
    try:
        client.recv(1)
    except OSError as error:
        result['error'] = os.strerror(error.errno)
    client.close()
    return result


def destroyed():
    """An administrator destroys the client's socket."""
    client, server = pair()
    result = report(client, server, up=0, down=0)
    subprocess.run(['ss', '-K', 'sport', '=', f':{result["client_port"]}'], check=True,
                   stdout=subprocess.DEVNULL)
    time.sleep(0.05)
    client.close()
    server.close()
    return result


def again():
    """One socket that fails to connect, then connects."""
    listener = socket.socket()
    listener.bind((HOST, 0))
    port = listener.getsockname()[1]
    client = socket.socket()
    try:
        client.connect((HOST, port))
    except ConnectionRefusedError:
        pass
    listener.listen()
    client.connect((HOST, port))
    server, _ = listener.accept()
    result = report(client, server)
    client.close()
    server.close()
    return result


def many():
    """Opens and closes count= connections, one after the other."""
    listener = socket.socket()
    listener.bind((HOST, 0))
    listener.listen()
    for _ in range(int(options['count'])):
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        client.close()
        server.close()
    return {'server_port': listener.getsockname()[1]}


SEND_SIZES = [1, 2, 7, 8, 9, 100, 1023, 1024, 1025, 4000, 8000]


def random_bytes(count):
    return random.randbytes(count)


def send_somehow(end, data):
    way = random.choice(['send', 'writev', 'sendmsg'])
    if way == 'send':
        return end.send(data)
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(1, 5)))
    parts = [data[a:b] for a, b in zip([0] + cuts, cuts + [len(data)])]
    return os.writev(end.fileno(), parts) if way == 'writev' else end.sendmsg(parts)


def receive_somehow(end):
    size = random.choice(SEND_SIZES)
    if random.random() < 0.2:
        end.recv(random.choice(SEND_SIZES), socket.MSG_PEEK)
    if random.random() < 0.3:
        half = bytearray(size // 2 + 1), bytearray(size // 2)
        count = end.recvmsg_into(half)[0]
        return b''.join(half)[:count]
    return end.recv(size)


def stream():
    """
    Small messages by every call, the first one first= in hexadecimal; the bytes sent are left in
    the file file=PATH.
    """
    random.seed(int(options['seed']))
    client, server = pair()
    first = bytes.fromhex(options.get('first', b'POST / HTTP/1.1\r\n\r\n'.hex()))
    data = first + random_bytes(int(options['bytes']))
    result = report(client, server, bytes=len(data))
    sent = 0
    received = bytearray()
    while len(received) < len(data):
        if sent < len(data) and sent - len(received) < 30000 and random.random() < 0.6:
            size = len(first) if sent == 0 else random.choice(SEND_SIZES)
            sent += send_somehow(client, data[sent:sent + size])
        elif sent > len(received):
            received += receive_somehow(server)
    assert received == data
    with open(options['file'], 'wb') as file:
        file.write(data)
    client.close()
    server.close()
    return result


def partial():
    """A big body written without blocking to a slow reader: most writes end early."""
    random.seed(int(options['seed']))
    client, server = pair()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20000)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 50000)
    client.setblocking(False)
    data = b'POST / HTTP/1.1\r\n\r\n' + random_bytes(int(options['bytes']))
    result = report(client, server, bytes=len(data))
    sent = short = 0
    received = bytearray()
    while len(received) < len(data):
        ahead = data[sent:sent + random.choice([100, 5000, 300000, 5000000])]
        try:
            count = send_somehow(client, ahead) if ahead else 0
            short += count < len(ahead)
            sent += count
        except BlockingIOError:
            short += 1
        if sent > len(received):
            received += server.recv(random.choice([100, 4000, 100000]))
    assert received == data
    with open(options['file'], 'wb') as file:
        file.write(data)
    client.close()
    server.close()
    return {**result, 'short': short}


def sendfile():
    """A head by send(), then the file file=PATH by sendfile()."""
    client, server = pair()
    size = os.path.getsize(options['file'])
    head = b'HTTP/1.1 200 OK\r\n\r\n'
    result = report(client, server, bytes=len(head) + size, head=len(head))
    server.send(head)
    with open(options['file'], 'rb') as file:
        sent = 0
        while sent < size:
            sent += os.sendfile(server.fileno(), file.fileno(), sent, size - sent)
            client.setblocking(False)
            try:
                while client.recv(1 << 20):
                    pass
            except BlockingIOError:
                pass
            client.setblocking(True)
    server.close()
    read_all(client)
    client.close()
    return result


def absent():
    """Sends a page of file=PATH that is mapped and not in memory yet."""
    client, server = pair()
    with open(options['file'], 'rb') as file:
        mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    head = b'GET / HTTP/1.1\r\n\r\n'
    result = report(client, server, bytes=len(head) + len(mapped), head=len(head))
    for data in (head, mapped):
        client.sendall(data)
        read_exactly(server, len(data))
    client.close()
    server.close()
    return result


def messages():
    """
    Keeps one connection for the messages in up= and down=, hexadecimal, comma-separated; after
    pause= of them waits until the file go= is there.
    """
    client, server = pair()
    result = report(client, server)
    turns = zip(options['up'].split(','), options['down'].split(','))
    for turn, (up, down) in enumerate(turns):
        while str(turn) == options.get('pause') and not os.path.exists(options['go']):
            time.sleep(0.01)
        for source, sink, text in ((client, server, up), (server, client, down)):
            data = bytes.fromhex(text)
            if data:
                source.sendall(data)
                read_exactly(sink, len(data))
    client.close()
    server.close()
    return result


def serve():
    """Accepts one connection on port=PORT; answers what it reads until the end of the stream."""
    listener = socket.create_server(('', int(options['port'])), family=family(HOST))
    print('listening', flush=True)
    server, peer = listener.accept()
    print(json.dumps({'pid': os.getpid(), 'peer': peer[:2]}), flush=True)
    total = read_all(server)
    server.sendall(b'a' * total)
    server.close()
    time.sleep(3600)


def visit():
    """Sends up= bytes to to=HOST port=PORT, reads the answer."""
    client = socket.create_connection((options['to'], int(options['port'])))
    result = report(client, up=int(options['up']))
    client.sendall(b'q' * int(options['up']))
    client.shutdown(socket.SHUT_WR)
    assert read_all(client) == int(options['up'])
    client.close()
    return result


print(json.dumps(globals()[sys.argv[1]]()))
