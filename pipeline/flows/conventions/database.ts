/**
 * Databases: docs/db/database-spans.md and database-metrics.md of the conventions, stable for SQL.
 *
 * The conventions know the client alone; a server's span has the same attributes, and its duration
 * goes to our own metric.
 */
import { attributePrefix } from '../../otlp/attributes.ts'
import { SPAN_ATTRIBUTES, SPAN_KIND } from '../../otlp/traces_writer.ts'
import type { FlowBatch } from '../batch.ts'
import { ROLE } from '../schema.ts'
import { type Conventions, EXCHANGE_SIZES } from './conventions.ts'
import { protocolPairs, unnamed } from './other.ts'
import { addKnown, type Pairs } from './pairs.ts'
import { serverPairs } from './server.ts'

/** Characters of a summary, as the conventions advise. */
const SUMMARY_MAX = 255

const QUERY_TEXT = attributePrefix(SPAN_ATTRIBUTES, 'db.query.text')

/** Targets are tables, of which there are few. */
export const sql = database('db.collection.name')
/** Targets are patterns of keys: a name for people, but not told apart in metrics. */
export const keyValue = database(undefined)

function database(collection: string | undefined): Conventions {
  return {
    spanDetail: 'target',
    metricDetail: collection === undefined ? 'none' : 'target',
    ownDetail: 'query',
    sizes: EXCHANGE_SIZES,

    span(batch, row) {
      const { base } = batch
      const pairs = operationPairs(batch, row, collection)
      const summary = summaryOf(batch, row)
      addKnown(pairs, 'db.query.summary', summary)
      pairs.push(...protocolPairs(batch, row), ...serverPairs(batch, row))
      return {
        name: summary || batch.text(base.namespace, row) || batch.text(base.protocol, row),
        kind: base.role[row] === ROLE.client ? SPAN_KIND.client : SPAN_KIND.server,
        failed: errorType(batch, row) !== '',
        attributes: pairs,
      }
    },

    own(writer, batch, row) {
      const text = batch.text(batch.base.query, row)
      if (text !== '') writer.attrStringBehind(QUERY_TEXT, text)
    },

    measure(batch, row) {
      if (batch.base.role[row] === ROLE.server) return unnamed(batch, row, errorType(batch, row))
      const attributes = operationPairs(batch, row, collection)
      attributes.push(...serverPairs(batch, row))
      return { duration: 'db.client.operation.duration', attributes }
    },

    result: errorType,
  }
}

function operationPairs(batch: FlowBatch, row: number, collection: string | undefined): Pairs {
  const { base } = batch
  const pairs: Pairs = [['db.system.name', batch.text(base.protocol, row)]]
  addKnown(pairs, 'db.operation.name', batch.text(base.method, row))
  if (collection !== undefined) addKnown(pairs, collection, batch.text(base.target, row))
  addKnown(pairs, 'db.namespace', batch.text(base.namespace, row))
  const error = errorType(batch, row)
  // What ended without a response has no status of the database.
  if ((base.response_bytes[row] as number) > 0) addKnown(pairs, 'db.response.status_code', error)
  addKnown(pairs, 'error.type', error)
  return pairs
}

/** `SELECT orders`, `GET user:*`. */
function summaryOf(batch: FlowBatch, row: number): string {
  const { base } = batch
  const text = `${batch.text(base.method, row)} ${batch.text(base.target, row)}`.trim()
  return text.slice(0, SUMMARY_MAX)
}

/** The status of a database is its error's: none of those we read has one for success. */
function errorType(batch: FlowBatch, row: number): string {
  const { base } = batch
  const status = base.status[row] as number
  return status === 0 ? batch.text(base.error, row) : String(status)
}
