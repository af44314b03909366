#!/bin/sh
# Becomes the Node that flowspan needs: the pinned one, else the system's if it is new enough.
# Usage: sh tools/node.sh FILE [ARGUMENT...]
set -eu

major_min=24
minor_min=12

root=$(cd "$(dirname "$0")/.." && pwd -P)
case $(uname -m) in
  x86_64 | amd64) arch=x64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) arch=$(uname -m) ;;
esac

# Beside this package's own modules, or hoisted to those of the package that depends on it.
for modules in "$root/node_modules" "$root/.."; do
  node=$modules/node-linux-$arch/bin/node
  if [ -x "$node" ]; then exec "$node" "$@"; fi
done

found="none is installed"
if node=$(command -v node); then
  version=$(node --version)
  found="$node is $version"
  major=${version#v}
  minor=${major#*.}
  major=${major%%.*}
  minor=${minor%%.*}
  if [ "$major" -gt "$major_min" ] ||
    { [ "$major" -eq "$major_min" ] && [ "$minor" -ge "$minor_min" ]; }; then
    exec "$node" "$@"
  fi
fi

# The package has no set-up: there npm installs one, unless it was told to omit what is optional.
if [ -e "$root/tools/setup.sh" ]; then
  remedy="Run 'npm run setup' in $root, which installs one for flowspan alone"
else
  remedy="Install flowspan with its optional dependencies, which bring one: npm install"
  remedy="$remedy --include=optional"
fi
echo "Error: flowspan needs Node $major_min.$minor_min or later: $found. $remedy" >&2
exit 1
