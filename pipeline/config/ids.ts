/**
 * Ids of components, `type[/name]`, and of pipelines, `signal[/name]`: the Collector's rules and
 * messages.
 */
import { SIGNALS, type Signal } from '../component.ts'

export interface ComponentId {
  readonly type: string
  readonly name: string
  /** `type` or `type/name`, without blanks around either. */
  readonly text: string
}

export interface PipelineId extends ComponentId {
  readonly signal: Signal
}

const TYPE = /^[a-zA-Z][0-9a-zA-Z_]{0,62}$/
const NAME = /^[^\p{Z}\p{C}\p{S}]+$/u
const NAME_BYTES_MAX = 1024

/** The id, or what is wrong with the text. */
export function parseComponentId(text: string): ComponentId | string {
  const parts = split(text)
  if (typeof parts === 'string') return parts
  if (!TYPE.test(parts.type)) return `invalid character(s) in type "${parts.type}"`
  return parts
}

/** The id, or what is wrong with the text. */
export function parsePipelineId(text: string): PipelineId | string {
  const parts = split(text)
  if (typeof parts === 'string') return parts
  const signal = SIGNALS.find((known) => known === parts.type)
  if (signal === undefined) {
    return `unknown pipeline signal: "${parts.type}" (valid values: [${SIGNALS.join(' ')}])`
  }
  return { ...parts, signal }
}

function split(text: string): ComponentId | string {
  const slash = text.indexOf('/')
  const type = (slash < 0 ? text : text.slice(0, slash)).trim()
  const name = slash < 0 ? '' : text.slice(slash + 1).trim()
  if (slash < 0 && type === '') return 'id must not be empty'
  if (type === '') return `in "${text}" id: the part before / should not be empty`
  if (slash < 0) return { type, name, text: type }
  if (name === '') return `in "${text}" id: the part after / should not be empty`
  const bytes = Buffer.byteLength(name)
  if (bytes > NAME_BYTES_MAX) {
    return `name "${name}" is longer than ${NAME_BYTES_MAX} characters (${bytes} characters)`
  }
  if (!NAME.test(name)) return `invalid character(s) in name "${name}"`
  return { type, name, text: `${type}/${name}` }
}
