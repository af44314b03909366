#!/bin/sh
# Makes a fresh clone ready to run: npm modules (with the Node they bring), Debian packages, bpf/.
# Does nothing, and says nothing with --quiet, when all of that is there.
#
# Usage: sh tools/setup.sh [--quiet] [--demo | --test | --kernels]
#   --demo     also the servers and tools that the demo runs
#   --test     also what tests and benches need: servers, tools, and backends if there is a Go
#   --kernels  also the virtual machine in which npm run test:kernels boots other kernels
#
# Plain sh, for it runs before there is a Node to rely on.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd -P)
cd "$root"
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

quiet=no
demo=no
test=no
kernels=no
for argument in "$@"; do
  case $argument in
    --quiet) quiet=yes ;;
    --demo) demo=yes ;;
    --test) demo=yes test=yes ;;
    --kernels) demo=yes kernels=yes ;;
    *)
      echo "Error: unknown flag $argument; usage: setup.sh [--quiet] [--demo | --test | --kernels]" >&2
      exit 1
      ;;
  esac
done

say() {
  echo "set-up: $*" >&2
}

fail() {
  echo "Error: $*" >&2
  exit 1
}

# Runs a long step without its noise; when it fails its last words follow, without addresses.
step() {
  say "$1"
  shift
  log=$(mktemp)
  (while sleep 20 </dev/null >/dev/null 2>&1; do say 'still at it'; done) &
  heartbeat=$!
  status=0
  "$@" >"$log" 2>&1 || status=$?
  kill "$heartbeat" 2>/dev/null || true
  if [ $status -ne 0 ]; then tail -n 60 "$log" | sed 's#[a-z]*://[^ ]*#(address)#g' >&2; fi
  rm -f "$log"
  return $status
}

# node_modules holds a copy of the lock file that it was made from.
install_modules() {
  stamp=node_modules/.flowspan-lock.json
  cmp -s package-lock.json "$stamp" && return 0
  command -v npm >/dev/null || fail "npm is missing: install Node 20 or later with npm"
  step 'installs npm modules, and the Node that flowspan runs on (npm ci; a minute or two)' \
    npm ci --no-audit --no-fund --loglevel=error || fail 'npm ci failed, for the reason above'
  cp package-lock.json "$stamp"
}

missing=
# need PACKAGE PROGRAM: a program that is not there means a package that is missing.
need() {
  command -v "$2" >/dev/null || missing="$missing $1"
}

find_missing_packages() {
  need clang clang
  need util-linux setpriv
  [ -e /usr/include/bpf/bpf_helpers.h ] || missing="$missing libbpf-dev"
  [ $demo = yes ] || return 0
  need curl curl
  need iproute2 ip
  need nftables nft
  need nginx-light nginx
  need python3 python3
  if [ $kernels = yes ]; then
    need busybox-static busybox
    need qemu-system-x86 qemu-system-x86_64
    need xz-utils xz
  fi
  [ $test = yes ] || return 0
  need bind9-dnsutils dig
  need bpftool bpftool
  need default-jdk-headless javac
  need dnsmasq-base dnsmasq
  need faketime faketime
  need haproxy haproxy
  need llvm llvm-strip
  need mariadb-client mariadb
  need mariadb-server mariadbd
  need maven mvn
  need memcached memcached
  need nghttp2-client h2load
  need nghttp2-proxy nghttpx
  need openssl openssl
  need tcpdump tcpdump
  need postgresql psql
  [ -e /usr/lib/python3/dist-packages/pymemcache ] || missing="$missing python3-pymemcache"
  need redis-server redis-server
  need redis-tools redis-cli
  need sysbench sysbench
  need unbound unbound
  need wrk wrk
}

install_packages() {
  find_missing_packages
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null ||
    fail "programs are missing, which Debian has as:$missing. Install them, and run this again"
  [ "$(id -u)" -eq 0 ] ||
    fail "Debian packages are missing:$missing. Run: sudo apt-get install$missing"
  DEBIAN_FRONTEND=noninteractive
  export DEBIAN_FRONTEND
  step 'asks which Debian packages there are (apt-get update)' apt-get update -q ||
    fail 'apt-get update failed, for the reason above'
  # shellcheck disable=SC2086 # a list of words
  step "installs Debian packages:$missing (apt-get install; up to some minutes)" \
    apt-get install -y -q --no-install-recommends $missing ||
    fail "apt-get install$missing failed, for the reason above"
  # Tests start servers of their own: those of the packages must not serve for it.
  for service in haproxy nginx mariadb memcached postgresql redis-server unbound; do
    case $missing in
      *$service*) systemctl disable --now "$service" >/dev/null 2>&1 || true ;;
    esac
  done
  case $missing in
    *nghttp2-proxy*) systemctl disable --now nghttpx >/dev/null 2>&1 || true ;;
  esac
}

build_backends() {
  [ $test = yes ] || return 0
  if ! command -v go >/dev/null; then
    [ $quiet = yes ] || say 'no Go here: tests against Jaeger and Kubernetes will be skipped'
    return 0
  fi
  sh tools/node.sh test/backends/build.ts >/dev/null ||
    fail 'the backends of the tests could not be built, for the reason above'
}

[ "$(uname -s)" = Linux ] || fail "flowspan needs Linux: this is $(uname -s)"
install_modules
sh tools/node.sh --version >/dev/null
install_packages
sh bpf/build.sh >&2
build_backends
[ $quiet = yes ] || say 'ready; try: npm start'
