/** What the keeper says of a host that cannot do it, and of one that can do it in part. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { Capability } from '../../../pipeline/capability.ts'
import { BpfError, BpfObject } from '../../../receivers/ebpf/libbpf.ts'
import { KERNEL_SIGNALS } from '../../../receivers/ebpf/signals.ts'
import { EYES, Kernel, SKIP } from '../../bpf/kernel.ts'
import { waitFor } from '../../kit/processes.ts'

const KEEPER = join(import.meta.dirname, '../../../receivers/ebpf/keeper.ts')

/** Root may do all the same with one of them. */
const LESS = '-net_admin,-sys_admin'

suite('openKernel', { skip: SKIP }, () => {
  test('tells each signal with its hook', async () => {
    const kernel = await Kernel.open({ eyes: EYES })
    kernel.close()
    const active = kernel.info.capabilities.map(({ signal, state }) => [signal, state])
    assert.deepEqual(
      active,
      KERNEL_SIGNALS.map(({ signal }) => [signal, 'active']),
    )
  })

  test('leaves the payload out when it is not wanted, and says so', async () => {
    const kernel = await Kernel.open({ requests: false, eyes: EYES })
    kernel.close()
    const without = kernel.info.capabilities.filter(({ state }) => state !== 'active')
    assert.deepEqual(
      without.map((row) => [row.signal, row.state, row.why]),
      [
        ['payload_received', 'off', 'Turned off by the configuration'],
        ['payload_sent', 'off', 'Turned off by the configuration'],
        ['dns', 'off', 'Turned off by the configuration'],
      ],
    )
  })

  test('follows TCP where UDP cannot be followed, and says what is missing', () => {
    const code = `
      const { openKernel } = await import(${JSON.stringify(KEEPER)})
      const udp = { enabled: true, idleMs: 60000, flowsMax: 64, dnsPorts: [53] }
      const config = { requests: false, drops: false, interimMs: 0, connRingBytes: 4096,
        payloadRingBytes: 4096, captureSmallBytes: 64, captureMaxBytes: 64, udp }
      const settings = { id: 'ebpf', logger: { debug() {}, warn() {} } }
      const kernel = await openKernel(config, settings)
      console.log(JSON.stringify(kernel.info.capabilities))
      kernel.close()`
    const without = ['--bounding-set', LESS, '--inh-caps', LESS, '--']
    const command = [process.execPath, '--input-type=module', '-e', code]
    const { stdout, stderr } = spawnSync('setpriv', [...without, ...command], { encoding: 'utf8' })
    const rows = JSON.parse(stdout || `"${stderr}"`) as Capability[]
    const of = (wanted: string) => rows.find(({ signal }) => signal === wanted)
    assert.equal(of('connections')?.state, 'active')
    assert.equal(of('udp_sent')?.state, 'unavailable')
    assert.match(of('udp_sent')?.why ?? '', /Needs CAP_NET_ADMIN/)
  })

  test('refuses without privileges and names what is missing', () => {
    const code = `
      const { openKernel } = await import(${JSON.stringify(KEEPER)})
      const config = { requests: true, connRingBytes: 4096, payloadRingBytes: 4096,
        captureSmallBytes: 64, captureMaxBytes: 64 }
      const settings = { id: 'ebpf', logger: { debug() {} } }
      await openKernel(config, settings).catch((error) => console.log(error.message))`
    const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--']
    const command = [process.execPath, '--input-type=module', '-e', code]
    const { stdout, stderr } = spawnSync('setpriv', [...nobody, ...command], { encoding: 'utf8' })
    const wanted =
      'Cannot load kernel programs as CAP_BPF and CAP_PERFMON are missing: run as root, or with CAP_BPF and CAP_PERFMON\n'
    assert.equal(stdout, wanted, stderr)
  })

  test('close unloads what was loaded, and is safe twice', async () => {
    const before = programIds()
    const kernel = await Kernel.open()
    const added = [...programIds()].filter((id) => !before.has(id))
    // Four programs of this keeper, at least: another test's may have come meanwhile.
    assert.ok(added.length >= 4)
    kernel.close()
    kernel.close()
    // The kernel frees them a moment later.
    await waitFor('An unloaded program', () => {
      const still = programIds()
      return added.some((id) => !still.has(id))
    })
  })
})

function programIds(): Set<string> {
  const { stdout } = spawnSync('bpftool', ['prog', 'show'], { encoding: 'utf8' })
  return new Set(
    stdout.match(/^\d+(?=: tracing {2}name (?:set_state|error_report|received|sent) )/gm),
  )
}

test('BpfObject keeps what libbpf prints for the error', () => {
  assert.throws(
    () => new BpfObject('/nonexistent.bpf.o'),
    (error) =>
      error instanceof BpfError && /ENOENT/.test(error.message) && /libbpf/.test(error.printed),
  )
})
