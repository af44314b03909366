"""A line that can be made worse: a TUN device through which a node routes what goes to one pod.

    line.py FIFO ADDRESS DEVICE     the pod's address, and the device that leads to it

Lines of the FIFO are commands: "delay MS", "jitter MS" (each packet by up to so much), "loss SHARE".
Whatever was said before ends. The first packet that is held or dropped by a command is told of as
{"command": …, "ns": CLOCK_MONOTONIC}. Packets keep their order, but with jitter.
"""
import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x0001 | 0x1000
PACKET_MAX = 65536
TABLE = "100"


def run(*command):
    subprocess.run(command, check=True)


def main():
    fifo, address, device = sys.argv[1:]
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"line0", IFF_TUN_NO_PI))
    run("ip", "link", "set", "line0", "up", "txqueuelen", "5000")
    run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.line0.rp_filter=0")
    run("ip", "rule", "add", "iif", "line0", "lookup", TABLE)
    run("ip", "route", "add", address + "/32", "dev", device, "table", TABLE)
    run("ip", "route", "replace", address + "/32", "dev", "line0")
    # What it adds is to be what it was told to, however busy the machine is.
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))
    commands = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    print("ready", flush=True)
    held = []
    name, value, told, last, count = "", 0.0, True, 0, 0
    while True:
        wait = None if not held else max(0, held[0][0] - time.monotonic_ns()) / 1e9
        readable, _, _ = select.select([tun, commands], [], [], wait)
        now = time.monotonic_ns()
        while held and held[0][0] <= now:
            os.write(tun, heapq.heappop(held)[2])
        if commands in readable:
            for line in os.read(commands, 4096).decode().splitlines():
                name, value = line.split()[0], float(line.split()[1])
                told = value == 0
        if tun not in readable:
            continue
        for _ in range(64):
            try:
                packet = os.read(tun, PACKET_MAX)
            except BlockingIOError:
                break
            dropped = name == "loss" and random.random() < value
            delay = value if name == "delay" else 0
            if name == "jitter":
                delay = random.random() * value
            if not told and (dropped or delay):
                told = True
                print(json.dumps({"command": name, "ns": now}), flush=True)
            if dropped:
                continue
            due = now + int(delay * 1e6)
            if name != "jitter":
                due = last = max(last, due)
            count += 1
            if due > now:
                heapq.heappush(held, (due, count, packet))
            else:
                os.write(tun, packet)


main()
