/** Reads the rings it inherits as descriptors 3 to 5 once its input ends; prints what it saw. */
import { readFileSync } from 'node:fs'
import { openCounters } from '../../receivers/ebpf/counters.ts'
import { COUNTER } from '../../receivers/ebpf/events.gen.ts'
import { openRing } from '../../receivers/ebpf/ring.ts'

const [connRingBytes, payloadRingBytes] = process.argv.slice(2).map(Number) as [number, number]
const connections = openRing(3, connRingBytes)
const payload = openRing(4, payloadRingBytes)
const counters = openCounters(5)
process.stdin.resume().on('end', () => {
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
