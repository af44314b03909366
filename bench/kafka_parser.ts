/** Kafka beside HTTP/1: a message that is sent, a poll of a session, one of newer versions. */
import { RECORDED } from '../test/pipeline/requests/kafka/recorded.ts'
import {
  batch,
  fetch,
  fetched,
  PORT,
  produce,
  produced,
} from '../test/pipeline/requests/kafka/wire.ts'
import type { Said } from '../test/pipeline/requests/talk.ts'
import { type Conversation, http1, measureParsers } from './parsers.ts'

const EXCHANGES = 5000

function repeated(name: string, pair: readonly Said[], before: readonly Said[] = []) {
  const said = [...before]
  for (let i = before.length / 2; i < EXCHANGES; i++) said.push(...pair)
  return { name, port: PORT, exchanges: EXCHANGES, said } satisfies Conversation
}

/** What a client of the newest release sent again and again: the same ids, one after the other. */
function recorded(): Conversation {
  const is = (key: number) => (said: Said) =>
    said.by === 'client' && Buffer.from(said.bytes).readInt16BE(4) === key
  const { said } = RECORDED.find(({ client, said }) => client === '4.2.0' && said.some(is(0))) as {
    said: readonly Said[]
  }
  const at = said.findIndex(is(0))
  return repeated('Kafka Produce 13, by id', said.slice(at, at + 2))
}

const session = { session: 77, epoch: 1 }
measureParsers([
  http1(EXCHANGES),
  repeated('Kafka Produce 3, 1 KiB', [
    produce(1, { orders: batch(3, 1024) }),
    produced(1, { orders: 0 }),
  ]),
  repeated(
    'Kafka Fetch 7 of a session, 1 KiB',
    [fetch(2, session), fetched(2, { session: 77, topics: { orders: batch(3, 1024) } })],
    [fetch(1, { epoch: 0, topics: ['orders'] }), fetched(1, { session: 77 })],
  ),
  recorded(),
])
