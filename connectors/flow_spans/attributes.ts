/**
 * The attributes of an HTTP span by the semantic conventions (stable ones of
 * docs/http/http-spans.md, and the sizes, which are in development there).
 */

import { addressText } from '../../pipeline/flows/address_text.ts'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { OTHER_METHOD, serverOf, urlOf } from '../../pipeline/flows/http.ts'
import { ROLE } from '../../pipeline/flows/schema.ts'
import { encodeAttribute } from '../../pipeline/otlp/attributes.ts'
import type { TracesWriter } from '../../pipeline/otlp/traces_writer.ts'

const TRANSPORT = encodeAttribute('network.transport', 'tcp')
const SCHEME = encodeAttribute('url.scheme', 'http')
const PROTOCOL = encodeAttribute('network.protocol.name', 'http')

export interface Exchange {
  readonly row: number
  /** `http.request.method`. */
  readonly method: string
  /** `error.type`, '' for none. */
  readonly error: string
}

export function writeExchange(writer: TracesWriter, batch: FlowBatch, exchange: Exchange): void {
  const { base } = batch
  const { row, method, error } = exchange
  writer.attrString('http.request.method', method)
  if (method === OTHER_METHOD) {
    writer.attrString('http.request.method_original', batch.text(base.method, row))
  }
  const status = base.status[row] as number
  if (status !== 0) writer.attrInt('http.response.status_code', status)
  if (error !== '') writer.attrString('error.type', error)
  const server = serverOf(batch, row)
  writer.attrString('server.address', server.address)
  writer.attrInt('server.port', server.port)
  writer.attrEncoded(SCHEME)
  if (base.role[row] === ROLE.client) writer.attrString('url.full', urlOf(batch, row))
  else writeServed(writer, batch, row)
  writer.attrInt('http.request.size', base.request_bytes[row] as number)
  writer.attrInt('http.response.size', base.response_bytes[row] as number)
  writeNetwork(writer, batch, row)
  const pid = base.pid[row] as number
  if (pid !== 0) writer.attrInt('process.pid', pid)
}

/** What only the server's span has: who asked, and path and query apart. */
function writeServed(writer: TracesWriter, batch: FlowBatch, row: number): void {
  const { base } = batch
  const target = batch.text(base.target, row)
  const question = target.indexOf('?')
  writer.attrString('url.path', question < 0 ? target : target.slice(0, question))
  if (question >= 0 && question + 1 < target.length) {
    writer.attrString('url.query', target.slice(question + 1))
  }
  writer.attrString('client.address', addressText(base.src_address, row))
  writer.attrInt('client.port', base.src_port[row] as number)
}

function writeNetwork(writer: TracesWriter, batch: FlowBatch, row: number): void {
  const { base } = batch
  const src = addressText(base.src_address, row)
  const dst = addressText(base.dst_address, row)
  const [srcPort, dstPort] = [base.src_port[row] as number, base.dst_port[row] as number]
  const isClient = base.role[row] === ROLE.client
  writer.attrString('network.peer.address', isClient ? dst : src)
  writer.attrInt('network.peer.port', isClient ? dstPort : srcPort)
  writer.attrString('network.local.address', isClient ? src : dst)
  writer.attrInt('network.local.port', isClient ? srcPort : dstPort)
  writer.attrEncoded(TRANSPORT)
  const protocol = batch.text(base.protocol, row)
  if (protocol === 'http' || protocol === '') writer.attrEncoded(PROTOCOL)
  else writer.attrString('network.protocol.name', protocol)
  const version = batch.text(base.protocol_version, row)
  if (version !== '') writer.attrString('network.protocol.version', version)
}
