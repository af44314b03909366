"""DNS over UDP whose answers are known before they are asked for, at a port 53 of loopback.

    name_talk.py serve ADDRESS
    name_talk.py ask ADDRESS LOG PAUSE_MS     until SIGUSR2; then writes what it has asked

What becomes of the name n7.test its number tells: `answer` below. The client asks from many sockets
at once: one that it keeps, with several queries open and ids that come again, and one for each
query, as glibc has it. It waits for an answer as long as WAIT_S, and asks but once.
"""
import json
import random
import selectors
import signal
import socket
import struct
import sys
import time

RCODES = [0, 0, 2, 3, 5]
UNANSWERED_EVERY = 13
SLOW_EVERY = 7
SLOW_S = 0.004
WAIT_S = 0.3
OPEN_MAX = 6
IDS = 16


def question(name):
    labels = b''.join(bytes([len(label)]) + label for label in name.encode().split(b'.'))
    return labels + b'\0' + struct.pack('>HH', 1, 1)


def query(message_id, name):
    return struct.pack('>HHHHHH', message_id, 0x0100, 1, 0, 0, 0) + question(name)


def name_of(message):
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    return '.'.join(labels)


def number_of(name):
    return int(name.split('.')[0][1:])


def answer(message):
    """None: there is none."""
    name = name_of(message)
    number = number_of(name)
    if number % UNANSWERED_EVERY == 0:
        return None
    rcode = RCODES[number % len(RCODES)]
    found = b'' if rcode else struct.pack('>HHHIH', 0xc00c, 1, 1, 60, 4) + bytes([10, 9, 8, 7])
    head = message[:2] + struct.pack('>HHHHH', 0x8180 | rcode, 1, 1 if found else 0, 0, 0)
    return head + question(name) + found


def serve(address):
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind((address, 53))
    print('listening', flush=True)
    while True:
        message, peer = end.recvfrom(512)
        if number_of(name_of(message)) % SLOW_EVERY == 0:
            time.sleep(SLOW_S)
        said = answer(message)
        if said:
            end.sendto(said, peer)


class Client:
    def __init__(self, address):
        self.address = address
        self.chosen = selectors.DefaultSelector()
        self.kept = self.socket()
        self.open = {}
        self.asked = []
        self.next = 1

    def socket(self):
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.connect((self.address, 53))
        self.chosen.register(end, selectors.EVENT_READ)
        return end

    def ask(self):
        number = self.next
        self.next += 1
        end = self.kept if number % 2 else self.socket()
        name = f'n{number}.test'
        message = query(random.randrange(IDS), name)
        one = {'id': number, 'port': end.getsockname()[1], 'requestBytes': len(message),
               'responseBytes': 0, 'startMs': time.time() * 1000}
        self.asked.append(one)
        self.open[name] = (one, end)
        end.send(message)

    def done(self, name):
        one, end = self.open.pop(name)
        one['endMs'] = time.time() * 1000
        if end is not self.kept:
            self.chosen.unregister(end)
            end.close()

    def step(self, wait):
        for key, _ in self.chosen.select(wait):
            message = key.fileobj.recv(512)
            name = name_of(message)
            if name in self.open:
                self.open[name][0]['responseBytes'] = len(message)
                self.open[name][0]['status'] = message[3] & 15
                self.done(name)
        now = time.time() * 1000
        for name in [n for n, (one, _) in self.open.items() if now - one['startMs'] > WAIT_S * 1000]:
            self.done(name)


def ask(address, log, pause_ms):
    client = Client(address)
    ended = []
    signal.signal(signal.SIGUSR2, lambda *_: ended.append(True))
    print('talks', flush=True)
    while not ended or client.open:
        if not ended and len(client.open) < OPEN_MAX:
            client.ask()
        client.step(float(pause_ms) / 1000)
    with open(log, 'w') as file:
        json.dump(client.asked, file)
    print('done', len(client.asked), flush=True)


if sys.argv[1] == 'serve':
    serve(sys.argv[2])
else:
    ask(*sys.argv[2:])
