/**
 * What a guest begins with: busybox, the modules without which it sees no file and has no pods, and
 * a script that makes the host's files the guest's. It sees them all and can change none: what it
 * writes goes to memory, above them.
 */
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** In the order in which they need each other; one that is built in has no file. */
const MODULES = [
  'virtio_ring',
  'virtio',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_pci',
  'fuse',
  'virtiofs',
  'overlay',
  // Of test/kit/netns.ts: pods, and what translates addresses between them.
  'veth',
  'libcrc32c',
  'nfnetlink',
  'nf_defrag_ipv4',
  'nf_defrag_ipv6',
  'nf_conntrack',
  'nf_nat',
  'nf_tables',
  'nft_chain_nat',
  'nft_ct',
  'nft_nat',
  'nft_masq',
]
const OUTPUT_BYTES_MAX = 64 << 20

/** The first process. `SHARE` is the virtiofs tag; what is after `--` is run in the end. */
const init = (command: string) => `#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
for module in /modules/*; do $b insmod $module; done
$b mount -t virtiofs -o ro host /lower
$b mount -t tmpfs upper /upper
$b mkdir /upper/new /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/new,workdir=/upper/work root /files
for folder in proc sys dev; do $b mkdir -p /files/$folder; $b mount -o move /$folder /files/$folder; done
$b mount -t tmpfs run /files/run
exec $b switch_root /files /bin/sh ${command}
`

/** @param modules the folder of a kernel's modules; @param command a script and its arguments */
export function initramfs(modules: string, command: string): Buffer {
  const files: Entry[] = ['bin', 'modules', 'proc', 'sys', 'dev', 'lower', 'upper', 'files'].map(
    (name) => ({ name, mode: 0o40755, bytes: Buffer.alloc(0) }),
  )
  files.push({ name: 'bin/busybox', mode: 0o100755, bytes: readFileSync(busybox()) })
  files.push({ name: 'init', mode: 0o100755, bytes: Buffer.from(init(command)) })
  for (const [i, module] of MODULES.entries()) {
    const [found] = globSync(`**/${module}.ko{,.xz}`, { cwd: modules })
    if (found === undefined) continue
    const bytes = unpacked(join(modules, found))
    files.push({
      name: `modules/${String(i).padStart(2, '0')}-${module}.ko`,
      mode: 0o100644,
      bytes,
    })
  }
  return cpio(files)
}

function busybox(): string {
  return execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim()
}

function unpacked(file: string): Buffer {
  if (!file.endsWith('.xz')) return readFileSync(file)
  return execFileSync('xz', ['-dc', file], { maxBuffer: OUTPUT_BYTES_MAX })
}

interface Entry {
  readonly name: string
  readonly mode: number
  readonly bytes: Buffer
}

/**
 * The "new ASCII" format of cpio (Documentation/driver-api/early-userspace/buffer-format.rst):
 * a header of 13 numbers of 8 hexadecimal digits, the name, the bytes, each padded to 4.
 */
function cpio(entries: readonly Entry[]): Buffer {
  const all = [...entries, { name: 'TRAILER!!!', mode: 0, bytes: Buffer.alloc(0) }]
  return Buffer.concat(all.flatMap(entry))
}

function entry({ name, mode, bytes }: Entry, inode: number): Buffer[] {
  const [user, group, links, time, device, checksum] = [0, 0, 1, 0, 0, 0]
  const numbers = [inode, mode, user, group, links, time, bytes.length]
  numbers.push(device, device, device, device, name.length + 1, checksum)
  const header = `070701${numbers.map((n) => n.toString(16).padStart(8, '0')).join('')}${name}\0`
  return [padded(Buffer.from(header)), padded(bytes)]
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
}
