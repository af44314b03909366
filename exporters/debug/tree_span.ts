/** What the tree shows of a span, taken out of the bytes when it arrives. */
import type { TracesView } from '../../pipeline/otlp/traces_view.ts'
import type { Value } from '../../pipeline/otlp/values.ts'
import { difference } from '../../pipeline/u64.ts'
import { clean, durationText } from './text.ts'
import { kindText } from './traces.ts'

/** Characters of a request's target. */
const TARGET_MAX = 48
const NAME_MAX = 32

const CALLING = ['CLIENT', 'PRODUCER']
/** Today's names, and those that instrumentation libraries still send. */
const SYSTEMS = [
  'db.system.name',
  'db.system',
  'messaging.system.name',
  'messaging.system',
  'rpc.system.name',
  'rpc.system',
]
const STATUSES = [
  'http.response.status_code',
  'rpc.status_code',
  'rpc.response.status_code',
  'flowspan.dns.response.code',
]

export interface TreeSpan {
  readonly spanId: string
  readonly parentSpanId: string
  /** `frontend`, or of a client `frontend → api`. */
  readonly who: string
  readonly service: string
  /** `SERVER GET /shop 200`, `CLIENT redis GET user:*`, `CLIENT dns A api.shop NXDOMAIN`. */
  readonly what: string
  readonly failed: boolean
  readonly notes: readonly string[]
  /** Start after the trace's first instant known so far, as given to `treeSpan`. */
  readonly startNs: number
  readonly durationNs: number
}

/** The span that the view stands on; `origin` is an instant near it, in halves. */
export function treeSpan(
  view: TracesView,
  origin: { readonly lo: number; readonly hi: number },
): TreeSpan {
  const { span } = view
  const attributes = span.attributes.toMap()
  view.resource.attributes.rewind()
  const resource = view.resource.attributes.toMap()
  const service = name(resource.get('service.name')) || 'unknown_service'
  const peer = name(attributes.get('peer.service')) || name(attributes.get('server.address'))
  const calls = CALLING.includes(kindText(span.kind)) && peer !== ''
  const status = firstOf(attributes, STATUSES)
  const what = [kindText(span.kind), requestText(span.name, attributes), status]
  const failed = span.statusCode === 2
  const error = value(attributes.get('error.type'))
  if (failed && error !== '' && error !== status) what.push(error)
  return {
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    who: calls ? `${service} → ${peer}` : service,
    service,
    what: what.filter((part) => part !== '').join(' '),
    failed,
    notes: [...networkNotes(attributes), ...linkNotes(view, attributes)],
    startNs: difference(span.startLo, span.startHi, origin.lo, origin.hi),
    durationNs: Math.max(span.durationNs, 0),
  }
}

type Attributes = ReadonlyMap<string, Value>

/**
 * What was asked for: of HTTP the path and not the route, of a name server the name; of all else
 * the span's name, behind the system that was asked (`redis`, `kafka`, `grpc`).
 */
function requestText(spanName: string, attributes: Attributes): string {
  const path = attributes.get('url.path') ?? pathOf(attributes.get('url.full'))
  const question = attributes.get('dns.question.name')
  if (typeof path === 'string') return withTarget(methodOf(spanName, attributes), path)
  if (typeof question === 'string') return withTarget(spanName, question)
  const system = firstOf(attributes, SYSTEMS)
  const isNamed = spanName === system || spanName.startsWith(`${system} `)
  return clean(isNamed ? spanName : `${system} ${spanName}`.trim(), TARGET_MAX)
}

function withTarget(text: string, target: string): string {
  if (text.includes(target)) return clean(text, TARGET_MAX)
  return `${clean(text, TARGET_MAX)} ${clean(target, TARGET_MAX)}`
}

/** In front of the path there is no need of the route that may be in the name. */
function methodOf(spanName: string, attributes: Attributes): string {
  const route = attributes.get('http.route')
  if (typeof route !== 'string' || !spanName.endsWith(` ${route}`)) return spanName
  return spanName.slice(0, -route.length - 1)
}

/** The first of the attributes that is there, as text. */
function firstOf(attributes: Attributes, keys: readonly string[]): string {
  return value(attributes.get(keys.find((key) => attributes.has(key)) ?? ''))
}

/** Scheme and authority stand in front of the path; the query is left out. */
function pathOf(url: Value): string | undefined {
  if (typeof url !== 'string') return undefined
  return /^[a-z]+:\/\/[^/?#]*(\/[^?#]*)?/i.exec(url)?.[1] ?? ''
}

function networkNotes(attributes: Attributes): string[] {
  const notes: string[] = []
  const srttUs = attributes.get('flowspan.tcp.srtt_us')
  const retransmits = attributes.get('flowspan.tcp.retransmits')
  if (typeof srttUs === 'number') notes.push(`rtt ${durationText(srttUs * 1000)}`)
  if (typeof retransmits === 'number' && retransmits > 0) notes.push(`${retransmits} retransmitted`)
  return notes
}

/**
 * How the parent was found, where that was not certain; and parents that were not certain enough.
 */
function linkNotes(view: TracesView, attributes: Attributes): string[] {
  const notes: string[] = []
  const confidence = attributes.get('flowspan.link.confidence')
  if (typeof confidence === 'number' && confidence < 1) {
    notes.push(`by ${value(attributes.get('flowspan.link.method'))}, ${confidence.toFixed(2)}`)
  }
  const { links } = view.span
  while (links.next()) {
    const of = links.attributes.toMap()
    const how = value(of.get('flowspan.link.method'))
    notes.push(`maybe below ${links.spanId}${how === '' ? '' : ` (${how})`}`)
  }
  return notes
}

function name(text: Value): string {
  return typeof text === 'string' ? clean(text, NAME_MAX) : ''
}

function value(of: Value): string {
  return typeof of === 'string' || typeof of === 'number' ? clean(String(of), NAME_MAX) : ''
}
