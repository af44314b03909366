/** What every protocol has, and all there is of one without conventions of its own. */
import { attributePrefix } from '../../otlp/attributes.ts'
import { SPAN_ATTRIBUTES, SPAN_KIND } from '../../otlp/traces_writer.ts'
import type { FlowBatch } from '../batch.ts'
import { ROLE, ROLES } from '../schema.ts'
import { type Conventions, EXCHANGE_SIZES, type Measure } from './conventions.ts'
import { addKnown, type Pairs } from './pairs.ts'
import { serverPairs } from './server.ts'

const NAME_MAX = 255

const TARGET = attributePrefix(SPAN_ATTRIBUTES, 'flowspan.exchange.target')

export const other: Conventions = {
  spanDetail: 'none',
  metricDetail: 'none',
  ownDetail: 'target',
  sizes: EXCHANGE_SIZES,

  /** `{protocol} {operation}`: what its target is, and of what cardinality, nobody knows. */
  span(batch, row) {
    const { base } = batch
    const protocol = batch.text(base.protocol, row)
    const method = batch.text(base.method, row)
    const pairs = protocolPairs(batch, row)
    addKnown(pairs, 'flowspan.exchange.method', method)
    addKnown(pairs, 'flowspan.exchange.status', base.status[row] as number)
    const error = batch.text(base.error, row)
    addKnown(pairs, 'error.type', error)
    pairs.push(...serverPairs(batch, row))
    return {
      name: `${protocol} ${method}`.trim().slice(0, NAME_MAX) || 'exchange',
      kind: base.role[row] === ROLE.client ? SPAN_KIND.client : SPAN_KIND.server,
      failed: error !== '',
      attributes: pairs,
    }
  },

  own(writer, batch, row) {
    const target = batch.text(batch.base.target, row)
    if (target !== '') writer.attrStringBehind(TARGET, target)
  },

  measure: (batch, row) => unnamed(batch, row, batch.text(batch.base.error, row)),

  result(batch, row) {
    const status = batch.base.status[row] as number
    return batch.text(batch.base.error, row) || (status === 0 ? '' : String(status))
  },
}

/** `network.protocol.name` and, where it is known, its version. */
export function protocolPairs(batch: FlowBatch, row: number): Pairs {
  const { base } = batch
  const pairs: Pairs = []
  addKnown(pairs, 'network.protocol.name', batch.text(base.protocol, row))
  addKnown(pairs, 'network.protocol.version', batch.text(base.protocol_version, row))
  return pairs
}

/** The duration of what the conventions have no metric for. */
export function unnamed(batch: FlowBatch, row: number, error: string): Measure {
  const attributes: Pairs = [['flowspan.role', ROLES[batch.base.role[row] as number] ?? '']]
  addKnown(attributes, 'network.protocol.name', batch.text(batch.base.protocol, row))
  addKnown(attributes, 'error.type', error)
  return { duration: 'flowspan.exchange.duration', attributes }
}
