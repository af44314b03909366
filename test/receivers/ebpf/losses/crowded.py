"""Connections that fail, and what their client knows of them, until SIGUSR2; then as JSON.

A listener with room for one accepts nothing, so that SYNs to it are dropped and sent again; a port
where nobody listens refuses at once. Says `talks` when the listener's queue is full.
"""
import json
import os
import signal
import socket
import sys
import time

HOST = '127.0.0.1'
CROWD = 12
PAUSE_S = 0.001
# Below those that the kernel gives.
FIRST_PORT = 10_000
# struct tcp_info: tcpi_state is its first byte, tcpi_total_retrans a u32 at byte 100.
TCP_SYN_SENT = 2
TOTAL_RETRANS = 100


def info(end):
    return end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)


def connect_later(address):
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(address)
    return client


listener = socket.create_server((HOST, 0), backlog=0)
with socket.create_server((HOST, 0)) as other:
    nobody = other.getsockname()
crowd = [connect_later(listener.getsockname()) for _ in range(CROWD)]
ended = []
signal.signal(signal.SIGUSR2, lambda *_: ended.append(True))
print('talks', flush=True)

refused = []
while not ended:
    client = socket.socket()
    # Each from a port of its own: the kernel would choose some twice.
    client.bind((HOST, FIRST_PORT + len(refused)))
    refused.append(client.getsockname()[1])
    assert client.connect_ex(nobody) != 0
    client.close()
    time.sleep(PAUSE_S)

# Nothing is sent again from here on.
waiting = []
for client in crowd:
    said = info(client)
    port = client.getsockname()[1]
    client.close()
    if said[0] == TCP_SYN_SENT:
        waiting.append({'port': port, 'retries': said[TOTAL_RETRANS]})
netstat = [line.split() for line in open('/proc/net/netstat') if line.startswith('TcpExt:')]
kernel = dict(zip(*netstat))
print('done', json.dumps({
    'pid': os.getpid(),
    'port': listener.getsockname()[1],
    'refusedPort': nobody[1],
    'refused': refused,
    'waiting': waiting,
    'drops': int(kernel['ListenDrops']),
    'overflows': int(kernel['ListenOverflows']),
}), flush=True)
# Until it is ended: the listener is still to be told of.
signal.pause()
