/**
 * HTTP of every version: docs/http/http-spans.md and http-metrics.md of the conventions, all stable
 * but the sizes.
 */
import { z } from 'zod'
import { attributePrefix } from '../../otlp/attributes.ts'
import { SPAN_ATTRIBUTES, SPAN_KIND, type TracesWriter } from '../../otlp/traces_writer.ts'
import { addressInUrl } from '../address_text.ts'
import type { Columns, FlowBatch } from '../batch.ts'
import { ROLE } from '../schema.ts'
import { type Conventions, HTTP_SIZES, type Of } from './conventions.ts'
import { addKnown, type Pairs } from './pairs.ts'
import { serverPairs } from './server.ts'

/** RFC 9110 §9 and PATCH (RFC 5789): the conventions' default. */
const METHODS = ['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE']

/** The option that the conventions demand of who turns methods into `_OTHER`. */
export const knownMethods = z
  .array(z.string())
  .default(METHODS)
  .describe('methods that are told apart; all others become _OTHER')

const OTHER_METHOD = '_OTHER'

const URL_FULL = attributePrefix(SPAN_ATTRIBUTES, 'url.full')
const URL_PATH = attributePrefix(SPAN_ATTRIBUTES, 'url.path')
const URL_QUERY = attributePrefix(SPAN_ATTRIBUTES, 'url.query')

export const http: Conventions = {
  spanDetail: 'route',
  metricDetail: 'route',
  ownDetail: 'target',
  sizes: HTTP_SIZES,

  /** `{method} {route}` at the server; a path is not of low cardinality, so no client names it. */
  span(batch, row, of) {
    const { base } = batch
    const pairs = requestPairs(batch, row, of)
    const original = batch.text(base.method, row)
    const isKnown = of.methods.has(original)
    const method = isKnown ? original : 'HTTP'
    if (!isKnown) addKnown(pairs, 'http.request.method_original', original)
    pairs.push(...serverPairs(batch, row))
    return {
      name: of.route === '' ? method : `${method} ${of.route}`,
      kind: base.role[row] === ROLE.client ? SPAN_KIND.client : SPAN_KIND.server,
      failed: errorType(batch, row) !== '',
      attributes: pairs,
    }
  },

  own: writeUrl,

  measure(batch, row, of) {
    const attributes = requestPairs(batch, row, of)
    if (batch.base.role[row] === ROLE.server) {
      return { duration: 'http.server.request.duration', attributes }
    }
    attributes.push(...serverPairs(batch, row))
    return { duration: 'http.client.request.duration', attributes }
  },

  result(batch, row) {
    const status = batch.base.status[row] as number
    return status === 0 ? 'no response' : String(status)
  },
}

function requestPairs(batch: FlowBatch, row: number, { route, methods }: Of): Pairs {
  const { base } = batch
  const method = batch.text(base.method, row)
  const pairs: Pairs = [
    ['http.request.method', methods.has(method) ? method : OTHER_METHOD],
    ['url.scheme', 'http'],
    ['network.protocol.name', 'http'],
  ]
  addKnown(pairs, 'network.protocol.version', batch.text(base.protocol_version, row))
  addKnown(pairs, 'http.route', route)
  addKnown(pairs, 'http.response.status_code', base.status[row] as number)
  addKnown(pairs, 'error.type', errorType(batch, row))
  return pairs
}

/**
 * '' when it did not fail: a status of 400 and more for the client, of 500 and more for the server,
 * and what the row names.
 */
function errorType(batch: FlowBatch, row: number): string {
  const { base } = batch
  const status = base.status[row] as number
  if (status >= (base.role[row] === ROLE.client ? 400 : 500)) return String(status)
  return batch.text(base.error, row)
}

/** The conventions want the whole URL of the client, of the server its parts. */
function writeUrl(writer: TracesWriter, batch: FlowBatch, row: number): void {
  const { base } = batch
  const target = batch.text(base.target, row)
  if (base.role[row] === ROLE.client) {
    writer.beginString(URL_FULL)
    writer.text('http://')
    writer.text(authorityOf(batch, row))
    writer.text(pathOf(target))
    writer.endString()
    return
  }
  const question = target.indexOf('?')
  writer.attrStringBehind(URL_PATH, question < 0 ? target : target.slice(0, question))
  if (question >= 0 && question + 1 < target.length) {
    writer.attrStringBehind(URL_QUERY, target.slice(question + 1))
  }
}

/** Of the server, which may be a proxy. */
function authorityOf(batch: FlowBatch, row: number): string {
  const { base } = batch
  return batch.text(base.host, row) || addressAndPort(base, row)
}

/** Of what a request asks for: `*` and the place of a CONNECT are none. */
function pathOf(target: string): string {
  return target.startsWith('/') ? target : ''
}

function addressAndPort(base: Columns<'base'>, row: number): string {
  const port = base.dst_port[row] as number
  const address = addressInUrl(base.dst_address, row)
  return port === 80 ? address : `${address}:${port}`
}
