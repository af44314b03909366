/** `server.address` and `server.port` of a row: what the request names, else where it went to. */
import { addressText } from '../address_text.ts'
import type { FlowBatch } from '../batch.ts'
import type { Pairs } from './pairs.ts'

/** A host and a port, as in a Host header; brackets for IPv6, whose colons are not a port's. */
const HOST_AND_PORT = /^(?:\[(?<ipv6>[^\]]*)\]|(?<name>[^:]*))(?::(?<port>\d{1,5})$)?/

export function serverOf(batch: FlowBatch, row: number): { address: string; port: number } {
  const { base } = batch
  const named = HOST_AND_PORT.exec(batch.text(base.host, row))?.groups
  const address = named?.ipv6 || named?.name || addressText(base.dst_address, row)
  const port = Number(named?.port ?? 0)
  return { address, port: port > 0 && port < 65536 ? port : (base.dst_port[row] as number) }
}

export function serverPairs(batch: FlowBatch, row: number): Pairs {
  const { address, port } = serverOf(batch, row)
  return [
    ['server.address', address],
    ['server.port', port],
  ]
}
