/** What can be seen on a host: `flowspan probe`, the metric, and that no program is forgotten. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { ObservableCallback, ObservableGauge } from '@opentelemetry/api'
import { createNoopMeter } from '@opentelemetry/api'
import type { Capability } from '../../../pipeline/capability.ts'
import { BpfObject } from '../../../receivers/ebpf/libbpf.ts'
import { measure } from '../../../receivers/ebpf/measure.ts'
import { KERNEL_SIGNALS } from '../../../receivers/ebpf/signals.ts'
import { SKIP } from '../../bpf/kernel.ts'
import { settingsOf } from '../../pipeline/surroundings.ts'

const ROOT = join(import.meta.dirname, '../../..')

function probe(args: readonly string[], within: readonly string[] = []) {
  const [program, ...rest] = [...within, join(ROOT, 'bin/flowspan'), 'probe', ...args]
  return spawnSync(program as string, rest, { encoding: 'utf8' })
}

suite('`flowspan probe`', { skip: SKIP }, () => {
  test('prints each signal with the hook it is seen by, and exits 0 where all are', () => {
    const { status, stdout, stderr } = probe(['--format', 'json'])
    const { capabilities } = JSON.parse(stdout) as { capabilities: Capability[] }
    assert.deepEqual(
      capabilities.map(({ signal }) => signal),
      KERNEL_SIGNALS.map(({ signal }) => signal),
    )
    for (const { signal, state, hook } of capabilities) {
      assert.equal(state, 'active', stdout)
      const known = KERNEL_SIGNALS.find((kernel) => kernel.signal === signal)
      assert.ok(known?.ways.some((way) => way.hook === hook))
    }
    assert.deepEqual([status, stderr], [0, ''])
  })

  test('prints a table a line a signal', () => {
    const lines = probe([]).stdout.trimEnd().split('\n')
    assert.match(lines[0] as string, /^Linux \d+\.\d+/)
    assert.equal(lines.length, KERNEL_SIGNALS.length + 3)
    assert.match(lines[3] as string, /^receiver\/ebpf +connections +active +tp_btf\//)
  })

  test('says in every row what is missing, and exits 1', () => {
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--']
    const { status, stdout } = probe(['--format=json'], nobody)
    const { capabilities } = JSON.parse(stdout) as { capabilities: Capability[] }
    assert.equal(capabilities.length, KERNEL_SIGNALS.length)
    for (const { state, why } of capabilities) {
      assert.equal(state, 'unavailable')
      assert.match(why ?? '', /run as root, or with CAP_BPF and CAP_PERFMON/)
    }
    assert.equal(status, 1)
  })

  test('refuses a format that it does not have', () => {
    const { status, stderr } = probe(['--format=yaml'])
    assert.equal(stderr, 'Error: unrecognized format: yaml: formats are: text, json\n')
    assert.equal(status, 1)
  })
})

test('every kernel program belongs to a signal, and every signal has its programs', () => {
  const object = new BpfObject(join(ROOT, 'bpf/build/flowspan.bpf.o'))
  const named = KERNEL_SIGNALS.flatMap(({ ways }) =>
    ways.flatMap(({ programs, cgroup = [], iterators = [] }) => [
      ...programs,
      ...cgroup,
      ...iterators,
    ]),
  )
  assert.deepEqual(object.programs().sort(), [...new Set(named)].sort())
  object.close()
})

test('the metric is as dashboards know it', () => {
  const meter = createNoopMeter()
  const callbacks = new Set<ObservableCallback>()
  const created: unknown[] = []
  meter.createObservableGauge = (name, options) => {
    created.push({ name, ...options })
    return {
      addCallback: (callback) => void callbacks.add(callback),
      removeCallback: (callback) => void callbacks.delete(callback),
    } as ObservableGauge
  }
  const capabilities: Capability[] = [
    { signal: 'connections', state: 'active', hook: 'tp_btf/a' },
    { signal: 'payload_sent', state: 'unavailable', hook: 'tp_btf/b', why: 'Needs b' },
  ]
  const stop = measure(settingsOf({ id: 'ebpf/2', meter }), {
    connRingBytes: 0,
    payloadRingBytes: 0,
    capabilities,
    dropReasons: [],
  })
  const observed: unknown[] = []
  for (const callback of callbacks) {
    callback({ observe: (value, attributes) => void observed.push([value, attributes]) })
  }
  assert.deepEqual(created, [
    {
      name: 'flowspan_receiver_capability',
      description: 'Signals of the kernel: 1 is seen by this hook, 0 is off or unavailable',
      unit: '{signals}',
    },
  ])
  const of = (signal: string, state: string, hook: string) => {
    return { receiver: 'ebpf/2', signal, state, hook }
  }
  assert.deepEqual(observed, [
    [1, of('connections', 'active', 'tp_btf/a')],
    [0, of('payload_sent', 'unavailable', 'tp_btf/b')],
  ])
  stop()
  assert.equal(callbacks.size, 0)
})
