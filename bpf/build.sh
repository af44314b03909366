#!/bin/sh
# Compiles every bpf/*.bpf.c to bpf/build/*.bpf.o, if older than a source. One line for each object
# made, nothing otherwise.
#
# One object serves every little-endian architecture: no program reads a register, and what differs
# between kernels is relocated when it is loaded. The same sources give the same bytes wherever the
# tree lies.
set -eu
cd "$(dirname "$0")"

case $(uname -m) in
x86_64) include=/usr/include/x86_64-linux-gnu ;;
aarch64) include=/usr/include/aarch64-linux-gnu ;;
*)
	echo "Cannot build bpf/: no kernel programs for $(uname -m) (x86_64, aarch64)" >&2
	exit 1
	;;
esac

command -v clang >/dev/null || {
	echo 'Cannot build bpf/: clang is missing (apt-get install clang)' >&2
	exit 1
}
[ -e /usr/include/bpf/bpf_helpers.h ] || {
	echo 'Cannot build bpf/: libbpf headers are missing (apt-get install libbpf-dev)' >&2
	exit 1
}

mkdir -p build
for source in *.bpf.c; do
	object=build/${source%.c}.o
	if [ -e "$object" ] && [ -z "$(find . -maxdepth 1 -newer "$object" \
		\( -name '*.[ch]' -o -name build.sh \))" ]; then
		continue
	fi
	# Renamed when complete: a reader never sees half an object.
	clang -g -O2 -target bpf -mcpu=v3 -ffile-prefix-map="$PWD"=bpf \
		-I "$include" -Wall -Wpadded -Werror -c "$source" -o "$object.new"
	mv "$object.new" "$object"
	echo "  BPF  bpf/$object"
done
