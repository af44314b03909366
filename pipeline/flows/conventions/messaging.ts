/**
 * Messaging: docs/messaging/messaging-spans.md and kafka.md of the conventions, in development.
 *
 * A producer that sends makes a PRODUCER span. One that polls makes a CLIENT span, as the
 * conventions have it since receiving and processing are told apart; a CONSUMER span is of who
 * processes, which is not seen on the wire. The broker's end is a SERVER span.
 *
 * A poll lasts as long as there is nothing to tell, up to what it allows. Its time is the
 * operation's by the conventions, but not the broker's: what waits on purpose is marked.
 */
import { attributePrefix } from '../../otlp/attributes.ts'
import { SPAN_ATTRIBUTES, SPAN_KIND } from '../../otlp/traces_writer.ts'
import type { FlowBatch } from '../batch.ts'
import { ROLE } from '../schema.ts'
import { type Conventions, EXCHANGE_SIZES } from './conventions.ts'
import { protocolPairs, unnamed } from './other.ts'
import { addKnown, type Pairs } from './pairs.ts'
import { serverPairs } from './server.ts'

const NAME_MAX = 255

const CLIENT_ID = attributePrefix(SPAN_ATTRIBUTES, 'messaging.client.id')
const PARTITION = attributePrefix(SPAN_ATTRIBUTES, 'messaging.destination.partition.id')
const DESTINATIONS = attributePrefix(SPAN_ATTRIBUTES, 'flowspan.messaging.destinations')
const MESSAGES = attributePrefix(SPAN_ATTRIBUTES, 'messaging.batch.message_count')
const WAIT_MAX = attributePrefix(SPAN_ATTRIBUTES, 'flowspan.exchange.wait_max_ms')

/** What clients call these requests of Kafka; others keep the protocol's name. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['Produce', 'send'],
  ['Fetch', 'poll'],
  ['ShareFetch', 'poll'],
  ['OffsetCommit', 'commit'],
  ['TxnOffsetCommit', 'commit'],
  ['ShareAcknowledge', 'ack'],
])

/** `messaging.operation.type`; operations of other names have none. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ['send', 'send'],
  ['publish', 'send'],
  ['receive', 'receive'],
  ['poll', 'receive'],
  ['ack', 'settle'],
  ['commit', 'settle'],
])

export const messaging: Conventions = {
  spanDetail: 'target',
  metricDetail: 'target',
  ownDetail: 'none',
  sizes: EXCHANGE_SIZES,

  /** `{operation} {topic}`; without a topic not the server's address either, of which are many. */
  span(batch, row) {
    const { base } = batch
    const operation = operationOf(batch, row)
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

  own(writer, batch, row) {
    const { base } = batch
    const client = batch.text(base.client_id, row)
    if (client !== '') writer.attrStringBehind(CLIENT_ID, client)
    const partition = batch.text(base.partition, row)
    if (partition !== '') writer.attrStringBehind(PARTITION, partition)
    const destinations = batch.text(base.query, row)
    if (destinations !== '') writer.attrStringBehind(DESTINATIONS, destinations)
    const messages = base.messages[row] as number
    // Not of single ones, as the conventions want it.
    if (messages > 1) writer.attrIntBehind(MESSAGES, messages)
    const wait = base.wait_max_ms[row] as number
    if (wait > 0) writer.attrIntBehind(WAIT_MAX, wait)
  },

  measure(batch, row) {
    const { base } = batch
    if (base.role[row] === ROLE.server) {
      const measure = unnamed(batch, row, errorType(batch, row))
      addKnown(measure.attributes, 'messaging.operation.name', operationOf(batch, row))
      if (base.wait_max_ms[row] !== 0) {
        measure.attributes.push(['flowspan.exchange.long_poll', true])
      }
      return measure
    }
    const attributes = operationPairs(batch, row)
    attributes.push(...serverPairs(batch, row))
    return { duration: 'messaging.client.operation.duration', attributes }
  },

  result: errorType,
}

function operationPairs(batch: FlowBatch, row: number): Pairs {
  const { base } = batch
  const operation = operationOf(batch, row)
  const pairs: Pairs = [['messaging.system.name', batch.text(base.protocol, row)]]
  addKnown(pairs, 'messaging.operation.name', operation)
  addKnown(pairs, 'messaging.operation.type', TYPES.get(operation) ?? '')
  addKnown(pairs, 'messaging.destination.name', batch.text(base.target, row))
  addKnown(pairs, 'messaging.consumer.group.name', batch.text(base.namespace, row))
  addKnown(pairs, 'error.type', errorType(batch, row))
  return pairs
}

function operationOf(batch: FlowBatch, row: number): string {
  const method = batch.text(batch.base.method, row)
  return NAMES.get(method) ?? method
}

function kindOf(role: number, operation: string): number {
  if (role === ROLE.server) return SPAN_KIND.server
  return TYPES.get(operation) === 'send' ? SPAN_KIND.producer : SPAN_KIND.client
}

function errorType(batch: FlowBatch, row: number): string {
  const { base } = batch
  const status = base.status[row] as number
  return batch.text(base.error, row) || (status === 0 ? '' : String(status))
}
