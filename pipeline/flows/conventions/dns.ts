/**
 * DNS: the conventions have a metric and two attributes for it (docs/dns/dns-metrics.md, in
 * development) and nothing about spans. Names are in lower case, against the conventions' word:
 * DNS compares so, and a resolver that mixes cases at random would make a series of each look-up.
 */
import { attributePrefix } from '../../otlp/attributes.ts'
import { SPAN_ATTRIBUTES, SPAN_KIND } from '../../otlp/traces_writer.ts'
import type { FlowBatch } from '../batch.ts'
import { ROLE, TRANSPORT } from '../schema.ts'
import { type Conventions, EXCHANGE_SIZES } from './conventions.ts'
import { protocolPairs, unnamed } from './other.ts'
import { addKnown, type Pairs } from './pairs.ts'
import { serverPairs } from './server.ts'

/** The codes of responses by number (IANA, "DNS RCODEs"). */
const CODES: readonly (string | undefined)[] = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
  'DSOTYPENI',
  undefined,
  undefined,
  undefined,
  undefined,
  'BADVERS',
  'BADKEY',
  'BADTIME',
  'BADMODE',
  'BADNAME',
  'BADALG',
  'BADTRUNC',
  'BADCOOKIE',
]

/** A name that is not there, or a query that makes no sense, is no failure of the server. */
const CLIENT_ERRORS: ReadonlySet<string> = new Set(['FORMERR', 'NXDOMAIN'])

const QUESTION_NAME = attributePrefix(SPAN_ATTRIBUTES, 'dns.question.name')

export const dns: Conventions = {
  spanDetail: 'none',
  metricDetail: 'target',
  ownDetail: 'none',
  sizes: EXCHANGE_SIZES,

  /** `dns {type}`: names are of any cardinality. */
  span(batch, row) {
    const { base } = batch
    const type = batch.text(base.method, row)
    const pairs: Pairs = []
    addKnown(pairs, 'flowspan.dns.question.type', type)
    addKnown(pairs, 'flowspan.dns.response.code', codeOf(batch, row))
    const error = errorType(batch, row)
    addKnown(pairs, 'error.type', error)
    pairs.push(...protocolPairs(batch, row), ...serverPairs(batch, row))
    return {
      name: `dns ${type}`.trim(),
      kind: base.role[row] === ROLE.client ? SPAN_KIND.client : SPAN_KIND.server,
      failed: error !== '',
      attributes: pairs,
    }
  },

  own(writer, batch, row) {
    const { base } = batch
    const name = batch.text(base.target, row)
    if (name !== '') writer.attrStringBehind(QUESTION_NAME, name)
    const answers = batch.text(base.answers, row)
    if (answers !== '') writer.attrStrings('dns.answers', answers.split(','))
    if (base.answer_truncated[row] === 1) writer.attrBool('flowspan.dns.response.truncated', true)
    const repeats = base.retransmits[row] as number
    if (repeats > 0 && base.transport[row] === TRANSPORT.udp) {
      writer.attrInt('flowspan.dns.question.retransmits', repeats)
    }
  },

  measure(batch, row) {
    const error = errorType(batch, row)
    if (batch.base.role[row] === ROLE.server) return unnamed(batch, row, error)
    const attributes: Pairs = [['dns.question.name', batch.text(batch.base.target, row)]]
    addKnown(attributes, 'error.type', error)
    return { duration: 'dns.lookup.duration', attributes }
  },

  result: (batch, row) => codeOf(batch, row) || batch.text(batch.base.error, row) || 'no response',
}

/** '' where no response came. */
function codeOf(batch: FlowBatch, row: number): string {
  const { base } = batch
  if ((base.response_bytes[row] as number) === 0) return ''
  const status = base.status[row] as number
  const name = CODES[status] ?? String(status)
  return status === 0 ? batch.text(base.error, row) || name : name
}

function errorType(batch: FlowBatch, row: number): string {
  const code = codeOf(batch, row)
  if (code === '') return batch.text(batch.base.error, row)
  if (code === 'NOERROR') return ''
  return batch.base.role[row] === ROLE.server && CLIENT_ERRORS.has(code) ? '' : code
}
