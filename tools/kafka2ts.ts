/**
 * Writes pipeline/requests/kafka/messages.gen.ts: what requests and responses of Kafka look like in
 * every version, and the names of errors, by the definitions that Kafka's own clients carry.
 *
 *     tools/kafka2ts.ts kafka-clients-4.jar kafka-clients-3.jar
 *
 * The second one still defines the versions that Kafka 4 has removed. Needs python3 and java.
 * What the texts mean is told in pipeline/requests/kafka/grammar.ts.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const TARGET = join(import.meta.dirname, '../pipeline/requests/kafka/messages.gen.ts')
const MESSAGES = 'common/message'
const COLUMNS_MAX = 98

interface Field {
  readonly name: string
  readonly type: string
  readonly versions: string
  readonly nullableVersions?: string
  readonly taggedVersions?: string
  readonly entityType?: string
  readonly fields?: readonly Field[]
}

interface Message {
  readonly apiKey: number
  readonly type: string
  readonly name: string
  readonly validVersions: string
  readonly flexibleVersions: string
  readonly fields: readonly Field[]
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly Field[] }[]
}

interface Row {
  readonly key: number
  readonly name: string
  readonly from: number
  readonly to: number
  /** -1: none. */
  readonly flexibleFrom: number
  readonly request: string
  readonly response: string
}

/** The generated module's text. */
export function messagesModule(jars: readonly [string, string]): string {
  const [now, before] = jars.map(rowsOf) as [Row[], Row[]]
  const reaching = now.map((row) => {
    const old = before.find(({ key }) => key === row.key)
    return { ...row, from: reach(row, old) }
  })
  const rows = before.flatMap((old) => removed(old, now)).concat(reaching)
  rows.sort((a, b) => a.key - b.key || a.from - b.from)
  const errors = errorsOf(jars[0]).map(([name, code]) => `  [${code}, '${name}'],`)
  return [
    '/** Made by tools/kafka2ts.ts of the definitions in kafka-clients; grammar.ts reads it. */',
    '',
    'export const MESSAGES = `',
    ...rows.flatMap(rowText),
    '`',
    '',
    'export const ERRORS: ReadonlyMap<number, string> = new Map([',
    ...errors,
    '])',
    '',
  ].join('\n')
}

/** What the old release alone defines: an API, or versions whose fields are gone. */
function removed(old: Row, now: readonly Row[]): Row[] {
  const row = now.find(({ key }) => key === old.key)
  if (row === undefined) return [old]
  const to = reach(row, old) - 1
  return to < old.from ? [] : [{ ...old, to }]
}

/** The oldest version that the new release describes as the old one does. */
function reach(row: Row, old: Row | undefined): number {
  let from = row.from
  while (old !== undefined && from > old.from && of(old, from - 1) === of(row, from - 1)) from--
  return from
}

/** The fields of one version. */
function of({ request, response }: Row, version: number): string {
  const keep = (text: string) => {
    let out = text
    // A group's own range stands behind its end: from the inside out, until nothing is left to do.
    for (let before = ''; before !== out; ) {
      before = out
      out = out.replace(
        /([^\s[\](){}?!]+|\([^()]*\)|[?!]*(?:\[[^[\]]*\]|\{[^{}]*\}))@(\d+)(\+|-(\d+)|)/g,
        (_, field, from, more, to) => {
          const last = more === '+' ? Number.POSITIVE_INFINITY : Number(to ?? from)
          return version >= Number(from) && version <= last ? field : ''
        },
      )
    }
    return out
      .replace(/\s+/g, ' ')
      .replace(/ (?=[\])}])/g, '')
      .replace(/(?<=[[({]) /g, '')
      .trim()
  }
  return `${keep(request)} / ${keep(response)}`
}

function rowsOf(jar: string): Row[] {
  const all = messagesOf(jar)
  const requests = all.filter(({ type }) => type === 'request')
  return requests.map((request) => {
    const isAnswer = ({ type, apiKey }: Message) => type === 'response' && apiKey === request.apiKey
    const response = all.find(isAnswer) as Message
    const [from, to = from] = request.validVersions.split('-').map(Number) as [number, number?]
    const flexible = request.flexibleVersions
    return {
      key: request.apiKey,
      name: request.name.replace(/Request$/, ''),
      from,
      to: to as number,
      flexibleFrom: flexible === 'none' ? -1 : Number.parseInt(flexible, 10),
      request: struct(request.fields, request),
      response: untilMarked(struct(response.fields, response)),
    }
  })
}

function messagesOf(jar: string): Message[] {
  const directory = mkdtempSync(join(tmpdir(), 'kafka2ts-'))
  try {
    execFileSync('python3', ['-m', 'zipfile', '-e', jar, directory])
    const folder = join(directory, MESSAGES)
    return readdirSync(folder)
      .filter((file) => /(Request|Response)\.json$/.test(file))
      .map(
        (file) => JSON.parse(withoutComments(readFileSync(join(folder, file), 'utf8'))) as Message,
      )
      .filter(({ validVersions }) => validVersions !== 'none')
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function withoutComments(text: string): string {
  return text.replace(/^\s*\/\/.*$/gm, '').replace(/(?<=[,}\]]\s*)\/\/.*$/gm, '')
}

const SIZES: Readonly<Record<string, string>> = {
  bool: '1',
  int8: '1',
  int16: '2',
  uint16: '2',
  int32: '4',
  uint32: '4',
  int64: '8',
  float64: '8',
  uuid: 'u',
  string: 's',
  bytes: 'b',
  records: 'b',
}

function struct(fields: readonly Field[], message: Message): string {
  return fields
    .map((field) => fieldText(field, message))
    .filter(Boolean)
    .join(' ')
}

function fieldText(field: Field, message: Message): string {
  if (field.taggedVersions === field.versions) return ''
  const range = field.versions === '0+' ? '' : `@${field.versions}`
  const isArray = field.type.startsWith('[]')
  const type = field.type.replace('[]', '')
  const size = SIZES[type]
  if (size !== undefined) {
    const text = `${size}${markOf(field, message)}`
    return `${isArray ? `(${text})` : text}${range}`
  }
  const common = message.commonStructs?.find(({ name }) => name === type)
  const inner = struct(field.fields ?? common?.fields ?? [], message)
  if (!isArray) return `${field.nullableVersions === undefined ? '' : '?'}{${inner}}${range}`
  const isPlaces = message.type === 'response' && /^(Metadata|DescribeTopic)/.test(message.name)
  // Who leads which partition says nothing of how the request went.
  if (isPlaces && field.name === 'Partitions') {
    return `[${inner.replaceAll('2e', '2').replaceAll('4p', '4')}]${range}`
  }
  return `${field.name === 'ForgottenTopicsData' ? '!' : ''}[${inner}]${range}`
}

const PARTITION = /^(Partition(Index(es)?|Id|s)?|Index)$/

function markOf({ name, type, entityType }: Field, message: Message): string {
  const scalar = type.replace('[]', '')
  if (/ErrorCode$/.test(name)) return 'e'
  if (entityType === 'topicName') return 't'
  if (/^TopicIds?$/.test(name) && scalar === 'uuid') return 'T'
  if (entityType === 'groupId') return 'g'
  if (PARTITION.test(name) && scalar === 'int32') return 'p'
  if (type === 'records') return 'r'
  if (name === 'MaxWaitMs' || name === 'RebalanceTimeoutMs') {
    // A heartbeat tells it, and waits for nothing.
    return message.name.endsWith('HeartbeatRequest') ? '' : 'w'
  }
  if (name === 'Acks') return 'a'
  if (/^Fetch(Request|Response)$/.test(message.name)) {
    if (name === 'SessionId') return 'i'
    if (name === 'SessionEpoch') return 'n'
  }
  return ''
}

/** Without what stands behind the last field that means something; open brackets stay closed. */
function untilMarked(text: string): string {
  const last = [...text.matchAll(/[0-9a-z][a-zA-Z]/g)].at(-1)
  if (last === undefined) return ''
  const rest = text.slice(last.index)
  // To the end of the outermost bracket that the field stands in, else of the field.
  let depth = 0
  for (const char of text.slice(0, last.index)) depth += bracket(char)
  let end = /^[^\s[\](){}]*/.exec(rest)?.[0].length ?? 0
  for (let at = end; at < rest.length && depth > 0; at++) {
    depth += bracket(rest[at] as string)
    end = at + 1
  }
  const range = /^@[\d+-]+/.exec(rest.slice(end))?.[0] ?? ''
  return text.slice(0, last.index) + rest.slice(0, end) + range
}

function bracket(char: string): number {
  if ('[({'.includes(char)) return 1
  return '])}'.includes(char) ? -1 : 0
}

function rowText(row: Row): string[] {
  const flexible = row.flexibleFrom < 0 ? '' : ` ${row.flexibleFrom}`
  return [
    `${row.key} ${row.name} ${row.from}-${row.to}${flexible}`,
    ...wrapped(`  > ${row.request}`),
    ...wrapped(`  < ${row.response}`),
  ].map((line) => line.trimEnd())
}

function wrapped(text: string): string[] {
  if (text.length <= COLUMNS_MAX) return [text]
  const at = text.lastIndexOf(' ', COLUMNS_MAX)
  return [text.slice(0, at), ...wrapped(`    ${text.slice(at + 1)}`)]
}

/** As the clients print them. */
function errorsOf(jar: string): [name: string, code: string][] {
  // With what it logs by, which lies beside it.
  const command = ['-cp', `${dirname(jar)}/*`, 'org.apache.kafka.common.protocol.Errors']
  const text = execFileSync('java', command, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return [...text.matchAll(/<td>([A-Z_]+)<\/td><td>(-?\d+)<\/td>/g)]
    .map(([, name, code]): [string, string] => [name as string, code as string])
    .filter(([, code]) => code !== '0')
}

if (process.argv[1] === import.meta.filename) {
  const [now, before] = process.argv.slice(2)
  if (now === undefined || before === undefined) throw new Error('Give both jars')
  writeFileSync(TARGET, messagesModule([now, before]))
}
