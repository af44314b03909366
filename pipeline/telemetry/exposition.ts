/**
 * The books in Prometheus' text format, version 0.0.4. Names are the Collector's where it has them
 * for the signal; `flowspan_component_items` says the same of every component in one family.
 */
import { ITEM_NAMES } from '../data.ts'
import { type Book, sum } from './books.ts'

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

type Labels = Readonly<Record<string, string>>

interface Family {
  readonly type: 'counter' | 'gauge' | 'untyped'
  readonly help: string
  readonly samples: string[]
}

class Families {
  readonly #families = new Map<string, Family>()

  add(name: string, value: number, labels: Labels, about: Omit<Family, 'samples'>): void {
    let family = this.#families.get(name)
    if (family === undefined) {
      family = { ...about, samples: [] }
      this.#families.set(name, family)
    }
    family.samples.push(`${name}${labelsText(labels)} ${value}`)
  }

  text(): string {
    let text = ''
    for (const [name, { type, help, samples }] of this.#families) {
      text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.join('\n')}\n`
    }
    return text
  }
}

export function exposition(books: readonly Book[]): string {
  const families = new Families()
  for (const book of books) {
    addItems(families, book)
    addNotes(families, book)
  }
  for (const book of books) addCollectorNames(families, book)
  addProcess(families)
  return families.text()
}

function addItems(families: Families, book: Book): void {
  const about = {
    type: 'untyped',
    help: 'Items of each component: in = out + used + lost + held.',
  } as const
  const add = (flow: string, value: number, reason = '') =>
    families.add('flowspan_component_items', value, { ...labelsOf(book), flow, reason }, about)
  add('in', book.in)
  add('out', book.out)
  add('held', book.held)
  for (const [reason, count] of Object.entries(book.used)) add('used', count, reason)
  for (const [reason, count] of Object.entries(book.lost)) add('lost', count, reason)
}

function addNotes(families: Families, book: Book): void {
  const about = { type: 'untyped', help: 'Counts beside the balance of a component.' } as const
  for (const [name, count] of Object.entries(book.notes)) {
    families.add('flowspan_component_notes', count, { ...labelsOf(book), name }, about)
  }
}

function labelsOf({ kind, id, signal, pipeline }: Book): Labels {
  return { kind, component: id, signal, ...(pipeline !== undefined && { pipeline }) }
}

function addCollectorNames(families: Families, book: Book): void {
  const items = ITEM_NAMES[book.signal]
  const counter = (name: string, value: number, labels: Labels, help: string) =>
    families.add(`otelcol_${name}`, value, labels, { type: 'counter', help })
  const refused = book.notes.refused ?? 0
  if (book.kind === 'receiver') {
    const labels = { receiver: book.id, transport: '' }
    counter(`receiver_accepted_${items}`, book.out, labels, 'Items handed to the pipeline.')
    counter(`receiver_refused_${items}`, sum(book.lost), labels, 'Items the receiver lost.')
  } else if (book.kind === 'processor') {
    const labels = { processor: book.id, otel_signal: book.signal, pipeline: book.pipeline ?? '' }
    counter('processor_incoming_items', book.in, labels, 'Items passed to the processor.')
    counter('processor_outgoing_items', book.out, labels, 'Items passed on by the processor.')
  } else if (book.kind === 'exporter') {
    const labels = { exporter: book.id }
    counter(`exporter_sent_${items}`, sum(book.used), labels, 'Items sent.')
    counter(`exporter_send_failed_${items}`, sum(book.lost), labels, 'Items given up.')
    counter(`exporter_enqueue_failed_${items}`, refused, labels, 'Items not taken in.')
  }
}

function addProcess(families: Families): void {
  const add = (name: string, value: number, type: 'counter' | 'gauge', help: string) =>
    families.add(`otelcol_process_${name}`, value, {}, { type, help })
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  add('uptime', process.uptime(), 'counter', 'Seconds since the process started.')
  add('cpu_seconds', (user + system) / 1e6, 'counter', 'Seconds of CPU, user and system.')
  add('memory_rss', rss, 'gauge', 'Resident memory in bytes.')
  add('runtime_heap_alloc_bytes', heapUsed, 'gauge', 'Heap in use in bytes.')
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
