/**
 * Messaging: docs/messaging/messaging-spans.md and kafka.md of the conventions, in development.
 *
 * A producer that sends makes a PRODUCER span. One that polls makes a CLIENT span, as the
 * conventions have it since receiving and processing are told apart; a CONSUMER span is of who
 * processes, which is not seen on the wire. The broker's end is a SERVER span.
 */
import { SPAN_KIND } from '../../otlp/traces_writer.ts'
import type { FlowBatch } from '../batch.ts'
import { ROLE } from '../schema.ts'
import { type Conventions, EXCHANGE_SIZES } from './conventions.ts'
import { protocolPairs, unnamed } from './other.ts'
import { addKnown, type Pairs } from './pairs.ts'
import { serverPairs } from './server.ts'

const NAME_MAX = 255

/** `messaging.operation.type` by operation, in lower case; requests of other kinds have none. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ['send', 'send'],
  ['publish', 'send'],
  ['produce', 'send'],
  ['receive', 'receive'],
  ['poll', 'receive'],
  ['fetch', 'receive'],
  ['sharefetch', 'receive'],
  ['ack', 'settle'],
  ['commit', 'settle'],
  ['offsetcommit', 'settle'],
  ['txnoffsetcommit', 'settle'],
  ['shareacknowledge', 'settle'],
])

export const messaging: Conventions = {
  spanDetail: 'target',
  metricDetail: 'target',
  sizes: EXCHANGE_SIZES,

  /** `{operation} {topic}`. */
  span(batch, row) {
    const { base } = batch
    const operation = batch.text(base.method, row)
    const pairs = operationPairs(batch, row)
    pairs.push(...protocolPairs(batch, row), ...serverPairs(batch, row))
    const name = `${operation} ${batch.text(base.target, row)}`.trim().slice(0, NAME_MAX)
    return {
      name: name || batch.text(base.protocol, row),
      kind: kindOf(base.role[row] as number, operation),
      failed: errorType(batch, row) !== '',
      attributes: pairs,
    }
  },

  own() {},

  measure(batch, row) {
    if (batch.base.role[row] === ROLE.server) return unnamed(batch, row, errorType(batch, row))
    const attributes = operationPairs(batch, row)
    attributes.push(...serverPairs(batch, row))
    return { duration: 'messaging.client.operation.duration', attributes }
  },

  result: errorType,
}

function operationPairs(batch: FlowBatch, row: number): Pairs {
  const { base } = batch
  const operation = batch.text(base.method, row)
  const pairs: Pairs = [['messaging.system.name', batch.text(base.protocol, row)]]
  addKnown(pairs, 'messaging.operation.name', operation)
  addKnown(pairs, 'messaging.operation.type', typeOf(operation))
  addKnown(pairs, 'messaging.destination.name', batch.text(base.target, row))
  addKnown(pairs, 'messaging.consumer.group.name', batch.text(base.namespace, row))
  addKnown(pairs, 'error.type', errorType(batch, row))
  return pairs
}

function typeOf(operation: string): string {
  return TYPES.get(operation.toLowerCase()) ?? ''
}

function kindOf(role: number, operation: string): number {
  if (role === ROLE.server) return SPAN_KIND.server
  return typeOf(operation) === 'send' ? SPAN_KIND.producer : SPAN_KIND.client
}

function errorType(batch: FlowBatch, row: number): string {
  const { base } = batch
  const status = base.status[row] as number
  return batch.text(base.error, row) || (status === 0 ? '' : String(status))
}
