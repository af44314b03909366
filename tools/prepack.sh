#!/bin/sh
# Makes what only the package holds: dist/, JavaScript of every module that main.ts reaches, with
# the kernel programs where those modules look for them. Node strips no types below node_modules,
# and where flowspan is installed there is no compiler.
#
# Run by `npm pack`, after `npm run setup`; the tree itself runs without dist/.
set -eu
cd "$(dirname "$0")/.."

command -v llvm-strip >/dev/null || {
	echo 'Cannot make the package: llvm-strip is missing (apt-get install llvm)' >&2
	exit 1
}
sh bpf/build.sh >&2
rm -rf dist
node_modules/.bin/tsc --project tsconfig.build.json
mkdir -p dist/bpf/build
for object in bpf/build/*.bpf.o; do
	# Without DWARF, which is for debuggers: the kernel reads BTF.
	llvm-strip -g "$object" -o "dist/$object"
done
