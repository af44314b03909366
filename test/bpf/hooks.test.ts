/** Which ways the running kernel leads to its signals by: those that its version has. */
import assert from 'node:assert/strict'
import { release } from 'node:os'
import { test } from 'node:test'
import { EYES, Kernel, SKIP } from './kernel.ts'

/** The ways to the payload, with the first Linux that has them. */
const RECEIVED = [
  [6.12, 'tp_btf/skb_copy_datagram_iovec'],
  [5.17, 'fexit/skb_copy_datagram_iter'],
] as const
const SENT = [
  [6.16, 'tp_btf/tcp_sendmsg_locked'],
  [6.05, 'fentry/tcp_sendmsg_locked'],
  [5.17, 'fentry/tcp_sendmsg_locked, fentry/do_tcp_sendpages'],
] as const

/** Signals that older kernels do not have: UDP's programs need bpf_rdonly_cast(). */
const SINCE: Readonly<Record<string, number>> = {
  udp_sent: 6.02,
  udp_received: 6.02,
  udp_closed: 6.02,
  udp_drops: 6.1,
  dns: 6.02,
}

/** 6.1 is older than 6.12: minor versions are hundredths. */
function version(): number {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  return major + minor / 100
}

test('every signal is seen, by the cheapest hook that this kernel has', {
  skip: SKIP,
}, async () => {
  const kernel = await Kernel.open({ eyes: EYES })
  kernel.close()
  const { capabilities } = kernel.info
  for (const { signal, state, why } of capabilities) {
    const expected = version() >= (SINCE[signal] ?? 0) ? 'active' : 'unavailable'
    assert.equal(state, expected, `${signal}: ${why}`)
  }
  const hookOf = (name: string) => capabilities.find(({ signal }) => signal === name)?.hook
  const first = (ways: typeof RECEIVED | typeof SENT) =>
    ways.find(([since]) => version() >= since)?.[1]
  assert.equal(hookOf('payload_received'), first(RECEIVED))
  assert.equal(hookOf('payload_sent'), first(SENT))
})
