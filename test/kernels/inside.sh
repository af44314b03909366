#!/bin/sh
# In the guest, as its only program: runs the tests, says how they ended, turns the machine off.
# Usage: sh test/kernels/inside.sh NODE_OPTION...
cd "$(dirname "$0")/../.." || exit 1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin CI=true
export NODE_OPTIONS="$*" FLOWSPAN_TREE="$PWD"
ip link set lo up
mount -t cgroup2 cgroup2 /sys/fs/cgroup
sh tools/node.sh test/kernels/inside.ts 2>&1
echo "guest: exit status $?"
sync
echo o >/proc/sysrq-trigger
# No program can be read any more, and the first process must not end.
while :; do :; done
