/** Which way to a signal is taken, on the real kernel: one of two programs it always refuses. */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import { loadWays } from '../../../receivers/ebpf/keeper.ts'
import { BpfError } from '../../../receivers/ebpf/libbpf.ts'
import { select } from '../../../receivers/ebpf/select.ts'
import type { KernelSignal, SignalGroup, Way } from '../../../receivers/ebpf/signals.ts'
import { CONFIG, SKIP } from '../../bpf/kernel.ts'

const ERRORS: Way = { hook: 'tp_btf/errors', programs: ['error_report'], needs: 'errors' }
/** The function went with Linux 6.5, the tracepoint came with 6.16. */
const PAGES: Way = { hook: 'fentry/pages', programs: ['sent_pages'], needs: 'pages (Linux 1)' }
const WRITES: Way = { hook: 'tp_btf/writes', programs: ['sent'], needs: 'writes (Linux 1)' }

function signalOf(signal: string, ways: readonly Way[], group: SignalGroup = 'connections') {
  return { signal, group, ways }
}

suite('select', { skip: SKIP }, () => {
  let refused: Way

  before(() => {
    refused = [PAGES, WRITES].find((way) => {
      try {
        loadWays(CONFIG, [way]).close()
        return false
      } catch (error) {
        return error instanceof BpfError
      }
    }) as Way
  })

  const chosen = (signals: readonly KernelSignal[]) => {
    let loads = 0
    const load = (ways: readonly Way[]) => {
      loads++
      return loadWays(CONFIG, ways)
    }
    const { object, capabilities } = select(load, () => true, signals)
    object?.close()
    return { isLoaded: object !== undefined, loads, capabilities }
  }

  test('takes the next way where the first is refused, and tells why', () => {
    const { isLoaded, loads, capabilities } = chosen([
      signalOf('other', [ERRORS]),
      signalOf('wanted', [refused, ERRORS]),
    ])
    assert.deepEqual([isLoaded, loads], [true, 2])
    const [other, wanted] = capabilities
    assert.deepEqual(other, { signal: 'other', state: 'active', hook: ERRORS.hook })
    assert.deepEqual([wanted?.state, wanted?.hook], ['active', ERRORS.hook])
    const because = `${refused.hook}: Needs ${refused.needs}: this kernel, `
    assert.ok(wanted?.why?.startsWith(because), wanted?.why ?? '')
  })

  test('does without a signal that no way leads to', () => {
    const { isLoaded, capabilities } = chosen([
      signalOf('other', [ERRORS]),
      signalOf('wanted', [refused]),
    ])
    assert.equal(isLoaded, true)
    assert.deepEqual(
      capabilities.map(({ state, hook }) => [state, hook]),
      [
        ['active', ERRORS.hook],
        ['unavailable', refused.hook],
      ],
    )
    assert.match(capabilities[1]?.why ?? '', /^Needs /)
  })

  test('leaves the other half of the payload too', () => {
    const { capabilities } = chosen([
      signalOf('connections', [ERRORS]),
      signalOf('received', [ERRORS], 'payload'),
      signalOf('sent', [refused], 'payload'),
    ])
    assert.deepEqual(
      capabilities.map(({ state }) => state),
      ['active', 'unavailable', 'unavailable'],
    )
    assert.equal(capabilities[1]?.why, 'Of no use without sent')
  })

  test('loads nothing where a required signal cannot be had', () => {
    const { isLoaded, capabilities } = chosen([
      { ...signalOf('wanted', [refused]), required: true },
      signalOf('other', [ERRORS]),
    ])
    assert.equal(isLoaded, false)
    assert.equal(capabilities[0]?.state, 'unavailable')
  })
})
