/**
 * Tells flow rows from other log records: rows stand in scopes of their own, which nothing on the
 * way mixes with others. So requests are divided scope by scope, by slicing.
 */
import { ItemCounter } from '../../otlp/count.ts'
import { LEN, tag, WireWriter } from '../../otlp/wire.ts'
import { FieldReader, WireSource } from '../../otlp/wire_reader.ts'
import { SCOPE_NAME } from './mapping.ts'

const NAME = Buffer.from(SCOPE_NAME)
const RESOURCE_LOGS = tag(1, LEN)
const RESOURCE_GUESS = 3
const SCOPE_LEVEL = 2

interface Range {
  readonly start: number
  readonly end: number
}

/** Whether the ScopeLogs in the range hold rows: by the scope's name, of which the last counts. */
export function isFlowScope(source: WireSource, { start, end }: Range): boolean {
  const fields = new FieldReader(source)
  const scope = new FieldReader(source)
  let isFlows = false
  fields.reset(start, end)
  while (fields.nextMessage(1)) {
    scope.reset(fields.start, fields.end)
    while (scope.nextMessage(1)) {
      const name = source.bytes.subarray(scope.start, scope.end)
      isFlows = NAME.equals(name)
    }
  }
  return isFlows
}

/** How many records of a request stand in scopes of rows, and how many in others. */
export function surveyRecords(bytes: Uint8Array): { flows: number; others: number } {
  const source = new WireSource(bytes)
  const counter = new ItemCounter('logs', source)
  const resources = new FieldReader(source)
  const scopes = new FieldReader(source)
  const survey = { flows: 0, others: 0 }
  resources.reset(0, bytes.length)
  while (resources.nextMessage(1)) {
    scopes.reset(resources.start, resources.end)
    while (scopes.nextMessage(2)) {
      const records = counter.count(SCOPE_LEVEL, scopes)
      if (isFlowScope(source, scopes)) survey.flows += records
      else survey.others += records
    }
  }
  return survey
}

/** The request without its scopes of rows. */
export function withoutFlowScopes(bytes: Uint8Array): Uint8Array {
  const source = new WireSource(bytes)
  const wire = new WireWriter(bytes.length)
  const resources = new FieldReader(source)
  const fields = new FieldReader(source)
  resources.reset(0, bytes.length)
  while (resources.nextMessage(1)) {
    const resource = wire.open(RESOURCE_LOGS, RESOURCE_GUESS)
    let from = resources.start
    fields.reset(resources.start, resources.end)
    while (fields.next()) {
      const isScope = fields.field === 2 && fields.wireType === LEN
      if (!isScope || !isFlowScope(source, fields)) wire.raw(bytes.subarray(from, fields.end))
      from = fields.end
    }
    wire.close(resource, RESOURCE_GUESS)
  }
  return wire.take()
}
