/** DNS over UDP and TCP beside HTTP/1: a query with EDNS, an answer with one address. */
import { answer, framed, query, record, TYPE } from '../test/pipeline/requests/dns/messages.ts'
import { client, type Said, server } from '../test/pipeline/requests/talk.ts'
import { http1, measureParsers } from './parsers.ts'

const EXCHANGES = 5000
const NAME = 'api.shop.svc.cluster.local'
const ADDRESS = record(TYPE.A, Buffer.of(10, 0, 0, 7))

function repeated(frame: (message: Buffer) => Buffer): Said[] {
  return Array.from({ length: EXCHANGES }, (_, id) => [
    client(frame(query(NAME, { id }))),
    server(frame(answer(NAME, { id, answers: [ADDRESS] }))),
  ]).flat()
}

const common = { port: 53, exchanges: EXCHANGES }
measureParsers([
  http1(EXCHANGES),
  { ...common, name: 'DNS over UDP', said: repeated((message) => message), isDatagrams: true },
  { ...common, name: 'DNS over TCP', said: repeated((message) => framed(message)) },
])
