/** Which ways the running kernel leads to its signals by: those that its version has. */
import assert from 'node:assert/strict'
import { release } from 'node:os'
import { test } from 'node:test'
import { EYES, Kernel, SKIP } from './kernel.ts'

/** Where there are several ways, with the first Linux that has them. */
const RECEIVED = [
  [6.12, 'tp_btf/skb_copy_datagram_iovec'],
  [5.17, 'fexit/skb_copy_datagram_iter'],
] as const
const SENT = [
  [6.16, 'tp_btf/tcp_sendmsg_locked'],
  [6.05, 'fentry/tcp_sendmsg_locked'],
  [5.17, 'fentry/tcp_sendmsg_locked, fentry/do_tcp_sendpages'],
] as const

const DROPPED = [
  [6.1, 'tp_btf/udp_fail_queue_rcv_skb'],
  [5.12, 'fexit/__udp_enqueue_schedule_skb'],
] as const

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
    assert.equal(state, 'active', `${signal}: ${why}`)
  }
  const hookOf = (name: string) => capabilities.find(({ signal }) => signal === name)?.hook
  const first = (ways: typeof RECEIVED | typeof SENT | typeof DROPPED) =>
    ways.find(([since]) => version() >= since)?.[1]
  assert.equal(hookOf('payload_received'), first(RECEIVED))
  assert.equal(hookOf('payload_sent'), first(SENT))
  assert.equal(hookOf('udp_drops'), first(DROPPED))
})
