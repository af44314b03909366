import type { FirstBytes, Protocol, Verdict } from '../parser.ts'
import { isRequest, MESSAGE_BYTES_MAX, RESPONSE_HEAD_BYTES } from './head.ts'
import { KafkaParser } from './kafka_parser.ts'

const PORT = 9092
/** More than any other server says before it was asked. */
const RECORDS_BYTES = 256
const VERDICTS = { sure: 'yes', likely: 'more', unlike: 'no' } as const

/** Kafka, and what speaks its protocol. A response tells little: a length and a number. */
export const kafka: Protocol = {
  name: 'kafka',
  detect({ bytes, at, to, fromClient, port }: FirstBytes): Verdict {
    const known = bytes.subarray(at, to)
    if (fromClient) {
      const verdict = VERDICTS[isRequest(known)]
      return verdict === 'more' && port === PORT && known.length > 32 ? 'yes' : verdict
    }
    return port === PORT ? verdictAtPort(known) : responseVerdict(known)
  },
  open: (exchanges, shared) => new KafkaParser(exchanges, shared),
  resume: (exchanges, { shared, remembered }) => new KafkaParser(exchanges, shared, remembered),
}

function responseVerdict(known: Buffer): Verdict {
  if (known.length < RESPONSE_HEAD_BYTES)
    return known.length === 0 || known[0] === 0 ? 'more' : 'no'
  const length = known.readInt32BE(0)
  return length >= 4 && length <= MESSAGE_BYTES_MAX ? 'more' : 'no'
}

/** Of a connection that is older than the capture the first piece may be amidst records. */
function verdictAtPort(known: Buffer): Verdict {
  if (responseVerdict(known) === 'no') return known.length < RECORDS_BYTES ? 'more' : 'yes'
  return known.length < RESPONSE_HEAD_BYTES ? 'more' : 'yes'
}
