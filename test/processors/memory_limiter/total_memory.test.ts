import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { totalMemory } from '../../../processors/memory_limiter/total_memory.ts'

const MIB = 1024 * 1024
const meminfo = 'MemTotal:       16000000 kB\nMemFree:        100 kB\n'
const ALL = 16_000_000 * 1024

/** A root with these files below it. */
function rootOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'flowspan-'))
  t.after(() => rmSync(root, { recursive: true }))
  for (const [path, text] of Object.entries({ 'proc/meminfo': meminfo, ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

const V2 = '31 23 0:28 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw\n'
const V1 =
  '34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n' +
  '35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n'

test('on this machine it is what the machine has, or less', () => {
  assert.ok(totalMemory() > 16 * MIB)
  assert.ok(totalMemory() <= totalmem())
})

test('without cgroups it is what the machine has', (t) => {
  assert.equal(totalMemory(rootOf(t, {})), ALL)
})

test('in a cgroup of version 2 it is the smallest limit up to the root', (t) => {
  const root = rootOf(t, {
    'proc/self/mountinfo': V2,
    'proc/self/cgroup': '0::/kubepods.slice/pod1/container\n',
    'sys/fs/cgroup/kubepods.slice/pod1/container/memory.max': 'max\n',
    'sys/fs/cgroup/kubepods.slice/pod1/memory.max': `${512 * MIB}\n`,
    'sys/fs/cgroup/kubepods.slice/memory.max': `${4096 * MIB}\n`,
  })
  assert.equal(totalMemory(root), 512 * MIB)
})

test('in a container with a cgroup namespace the limit stands at the mount', (t) => {
  const root = rootOf(t, {
    'proc/self/mountinfo': V2,
    'proc/self/cgroup': '0::/\n',
    'sys/fs/cgroup/memory.max': `${256 * MIB}\n`,
  })
  assert.equal(totalMemory(root), 256 * MIB)
})

test('in a cgroup of version 1, with and without the host’s path, and beside version 2', (t) => {
  const files = {
    'proc/self/mountinfo': `${V1}${V2}`,
    'proc/self/cgroup': '4:memory:/docker/abc\n3:cpuset:/\n0::/\n',
    'sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes': `${300 * MIB}\n`,
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
  }
  assert.equal(totalMemory(rootOf(t, files)), 300 * MIB)
  const inside = {
    'proc/self/mountinfo': V1.replace('0:32 / ', '0:32 /docker/abc '),
    'proc/self/cgroup': '4:memory:/docker/abc\n',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': `${200 * MIB}\n`,
  }
  assert.equal(totalMemory(rootOf(t, inside)), 200 * MIB)
})

test('what is no limit, or cannot be read, is passed over', (t) => {
  const root = rootOf(t, {
    'proc/self/mountinfo': `nonsense\n\n - \n${V2}`,
    'proc/self/cgroup': 'nonsense\n0::/a/../b\n',
    'sys/fs/cgroup/memory.max': 'many\n',
  })
  assert.equal(totalMemory(root), ALL)
})
