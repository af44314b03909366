/** The whole balance of one component, with the reason of every loss, in two families. */
import type { Attributes } from '@opentelemetry/api'
import type { Book } from './books.ts'

/** One number of one component: what several components call alike is added up. */
export interface Count {
  readonly name: string
  readonly attributes: Attributes
  readonly value: number
}

export function* componentCounts(book: Book): Iterable<Count> {
  const { kind, id: component, signal, to, pipeline } = book
  const who = {
    kind,
    component,
    signal,
    ...(to && { to }),
    ...(pipeline !== undefined && { pipeline }),
  }
  const items = (flow: string, value: number, reason?: string): Count => ({
    name: 'flowspan_component_items',
    attributes: { ...who, flow, ...(reason !== undefined && { reason }) },
    value,
  })
  yield items('in', book.in)
  yield items('out', book.out)
  yield items('held', book.held)
  for (const [reason, count] of Object.entries(book.used)) yield items('used', count, reason)
  for (const [reason, count] of Object.entries(book.lost)) yield items('lost', count, reason)
  for (const [name, value] of Object.entries(book.notes)) {
    yield { name: 'flowspan_component_notes', attributes: { ...who, name }, value }
  }
}
