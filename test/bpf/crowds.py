"""More of something than a map of the kernel programs holds: crowds.py SCENARIO [key=value ...]

A step is announced by a line of JSON, and the next one waits for SIGUSR1.
"""
import json
import resource
import signal
import socket
import sys

options = dict(argument.split('=', 1) for argument in sys.argv[2:])
HOST = '127.0.0.1'
COUNT = int(options.get('count', '1'))


def say(**what):
    print(json.dumps(what), flush=True)


def step(**what):
    say(**what)
    signal.sigwait({signal.SIGUSR1})


def udp(port=0):
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind((HOST, port))
    return end


def released():
    """As many sockets as count=, each of which sends a datagram to one that reads none."""
    deaf = udp()
    ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(COUNT)]
    for end in ends:
        end.sendto(b'.', deaf.getsockname())
    # The process ends with all of them open.
    say(port=deaf.getsockname()[1])


def deferred():
    """What it accepts opens when the first bytes come."""
    listener = socket.socket()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 10)
    listener.bind((HOST, 0))
    listener.listen(128)
    say(port=listener.getsockname()[1])
    while True:
        end, _ = listener.accept()
        end.recv(64)
        end.close()


def accepts():
    """Closes what it accepts."""
    listener = socket.create_server((HOST, 0), backlog=1024)
    say(port=listener.getsockname()[1])
    while True:
        listener.accept()[0].close()


def reopens():
    """Has a socket at a port when told to, another one there when that has answered."""
    with udp() as end:
        _, port = end.getsockname()
    step(port=port)
    while True:
        end = udp(port)
        say(port=port)
        data, peer = end.recvfrom(64)
        end.sendto(data, peer)
        end.close()


def backlogs():
    """Listeners with a backlog of 0, each with one connection."""
    held = []
    for _ in range(COUNT):
        listener = socket.socket()
        listener.bind((HOST, 0))
        listener.listen(0)
        client = socket.create_connection(listener.getsockname())
        held.append((listener, client, listener.accept()[0]))
    step(ports=[listener.getsockname()[1] for listener, _, _ in held])


def listens():
    """Listens when it is told to, and answers what it reads until it is ended."""
    step()
    listener = socket.create_server((HOST, 0), backlog=5)
    say(port=listener.getsockname()[1])
    while True:
        end, _ = listener.accept()
        end.sendall(end.recv(64))
        end.close()


def overflows():
    """Listens when it is told to, with room for one; accepts none of what it then asks for."""
    step()
    listener = socket.create_server((HOST, 0), backlog=0)
    step(port=listener.getsockname()[1])
    attempts = [socket.socket() for _ in range(COUNT)]
    for client in attempts:
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
    step()


def owns():
    """A socket sends to one that reads nothing; then another one sends to it."""
    end, other, peer = udp(), udp(), udp()
    step(port=end.getsockname()[1])
    end.sendto(b'first', peer.getsockname())
    step()
    other.sendto(b'second', end.getsockname())
    step(other_port=other.getsockname()[1])


_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
# What waits is told to go on by it.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
globals()[sys.argv[1]]()
