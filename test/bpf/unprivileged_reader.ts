/**
 * Reads the rings it inherits as descriptors 3 to 5 once its input ends, and wants nothing of
 * connection 1 by descriptor 6; prints what it saw.
 */
import { readFileSync } from 'node:fs'
import { COUNTER } from '../../pipeline/kernel_events/events.gen.ts'
import { openCounters } from '../../receivers/ebpf/counters.ts'
import { openRing } from '../../receivers/ebpf/ring.ts'
import { openWants } from '../../receivers/ebpf/wants.ts'

const [connRingBytes, payloadRingBytes] = process.argv.slice(2).map(Number) as [number, number]
const connections = openRing(3, connRingBytes)
const payload = openRing(4, payloadRingBytes)
const counters = openCounters(5)
const { wants } = openWants(6)
process.stdin.resume().on('end', () => {
  wants.tell(1, { wantedFrom: () => Number.POSITIVE_INFINITY, wantedBytes: () => 0 })
  const status = readFileSync('/proc/self/status', 'utf8')
  // Counters first: what comes between is then in the rings, and not in the sums.
  const events = counters.read(COUNTER.COUNTER_CONN_EVENTS)
  const payloadEvents = counters.read(COUNTER.COUNTER_PAYLOAD_EVENTS)
  const result = {
    uid: process.getuid?.(),
    capabilities: /^CapEff:\s*(\w+)/m.exec(status)?.[1],
    records: connections.drain(() => {}),
    pieces: payload.drain(() => {}),
    events,
    payloadEvents,
  }
  console.log(JSON.stringify(result))
})
console.log('ready')
