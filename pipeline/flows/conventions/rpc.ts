/**
 * gRPC: docs/rpc/rpc-spans.md, rpc-metrics.md and grpc.md of the conventions, stable. Its service
 * is part of `rpc.method` there, and `rpc.status_code` a name instead of a number.
 */
import { SPAN_KIND } from '../../otlp/traces_writer.ts'
import type { FlowBatch } from '../batch.ts'
import { GRPC_CODES } from '../grpc_codes.ts'
import { ROLE } from '../schema.ts'
import { type Conventions, EXCHANGE_SIZES } from './conventions.ts'
import { addKnown, type Pairs } from './pairs.ts'
import { serverPairs } from './server.ts'

/** For a client every code but OK is an error; for a server those that the client did not cause. */
const SERVER_ERRORS: ReadonlySet<string> = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
])

const OTHER_METHOD = '_OTHER'
const METHOD_MAX = 255

export const rpc: Conventions = {
  spanDetail: 'target',
  metricDetail: 'target',
  ownDetail: 'none',
  sizes: EXCHANGE_SIZES,

  /** `{package.Service/Method}`. */
  span(batch, row) {
    const { base } = batch
    const pairs = callPairs(batch, row)
    const method = methodOf(batch, row)
    if (isKnown(batch, row)) pairs.push(['network.protocol.name', 'http'])
    else pairs.push(['rpc.method_original', method], ['network.protocol.name', 'http'])
    addKnown(pairs, 'network.protocol.version', batch.text(base.protocol_version, row))
    pairs.push(...serverPairs(batch, row))
    return {
      name: isKnown(batch, row) ? method : batch.text(base.protocol, row),
      kind: base.role[row] === ROLE.client ? SPAN_KIND.client : SPAN_KIND.server,
      failed: errorType(batch, row) !== '',
      attributes: pairs,
    }
  },

  own() {},

  measure(batch, row) {
    const isClient = batch.base.role[row] === ROLE.client
    const attributes = callPairs(batch, row)
    if (isClient) attributes.push(...serverPairs(batch, row))
    return {
      duration: isClient ? 'rpc.client.call.duration' : 'rpc.server.call.duration',
      attributes,
    }
  },

  result: (batch, row) => codeOf(batch, row) || batch.text(batch.base.error, row) || 'no response',
}

function callPairs(batch: FlowBatch, row: number): Pairs {
  const pairs: Pairs = [
    ['rpc.system.name', batch.text(batch.base.protocol, row)],
    ['rpc.method', isKnown(batch, row) ? methodOf(batch, row) : OTHER_METHOD],
  ]
  addKnown(pairs, 'rpc.status_code', codeOf(batch, row))
  addKnown(pairs, 'error.type', errorType(batch, row))
  return pairs
}

/** Of `/package.Service/Method`, without the first slash. */
function methodOf(batch: FlowBatch, row: number): string {
  const target = batch.text(batch.base.target, row)
  return (target.startsWith('/') ? target.slice(1) : target).slice(0, METHOD_MAX)
}

/** A method that the server does not have may be anything, and must not become a name. */
function isKnown(batch: FlowBatch, row: number): boolean {
  return methodOf(batch, row) !== '' && codeOf(batch, row) !== 'UNIMPLEMENTED'
}

/** '' where no status came: 0 is OK only of a response that was seen, and that nothing cut off. */
function codeOf(batch: FlowBatch, row: number): string {
  const { base } = batch
  const status = base.status[row] as number
  if (status !== 0) return GRPC_CODES[status] ?? String(status)
  const isAnswered = (base.response_bytes[row] as number) > 0
  const isWhole = base.desynchronised[row] === 0 && base.error[row] === 0
  return isAnswered && isWhole ? 'OK' : ''
}

function errorType(batch: FlowBatch, row: number): string {
  const { base } = batch
  const code = codeOf(batch, row)
  if (code === '') return batch.text(base.error, row)
  if (base.role[row] === ROLE.server) return SERVER_ERRORS.has(code) ? code : ''
  return code === 'OK' ? '' : code
}
