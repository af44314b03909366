/**
 * W3C tracestate, of which OpenTelemetry's member carries how a trace was sampled:
 *
 *     tracestate  ot=rv:RANDOMNESS;th:THRESHOLD;key:value,vendor=…
 */

const STATE_CHARS_MAX = 1024
const MEMBERS_MAX = 32
const OT_CHARS_MAX = 256
const MEMBER =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/
const OT = /^[a-z][a-z0-9]*:[a-zA-Z0-9._-]*(?:;[a-z][a-z0-9]*:[a-zA-Z0-9._-]*)*$/
const RANDOMNESS = /^[0-9a-fA-F]{14}$/
const THRESHOLD = /^[0-9a-fA-F]{1,14}$/

export interface TraceState {
  /** As they stand there; '' where they do not. */
  readonly rv: string
  readonly th: string
  /** What else OpenTelemetry's member has, and the other members. */
  readonly extra: readonly string[]
  readonly others: readonly string[]
}

const EMPTY: TraceState = { rv: '', th: '', extra: [], others: [] }

/** Undefined where it is none, or `rv` or `th` are not what they must be. */
export function parseTraceState(text: string): TraceState | undefined {
  if (text === '') return EMPTY
  if (text.length > STATE_CHARS_MAX) return undefined
  const members = text.split(',').map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
  const filled = members.filter((member) => member !== '')
  if (filled.length > MEMBERS_MAX || !filled.every((member) => MEMBER.test(member))) {
    return undefined
  }
  const others = filled.filter((member) => !member.startsWith('ot='))
  const own = filled.find((member) => member.startsWith('ot='))
  if (own === undefined) return { ...EMPTY, others }
  return parseOwn(own.slice(3), others)
}

function parseOwn(own: string, others: readonly string[]): TraceState | undefined {
  if (own.length > OT_CHARS_MAX || !OT.test(own)) return undefined
  let [rv, th] = ['', '']
  const extra: string[] = []
  for (const field of own.split(';')) {
    if (field.startsWith('rv:')) rv = field.slice(3)
    else if (field.startsWith('th:')) th = field.slice(3)
    else extra.push(field)
    if (field.startsWith('rv:') && !RANDOMNESS.test(rv)) return undefined
    if (field.startsWith('th:') && !THRESHOLD.test(th)) return undefined
  }
  return { rv, th, extra, others }
}

export function formatTraceState({ rv, th, extra, others }: TraceState): string {
  const own = [...(rv ? [`rv:${rv}`] : []), ...(th ? [`th:${th}`] : []), ...extra].join(';')
  return [...(own ? [`ot=${own}`] : []), ...others].join(',')
}
