// biome-ignore-all lint/suspicious/noTemplateCurlyInString: flowspan's own placeholders
/**
 * Sources are merged and expanded as the Collector's own code does it. What differs, on purpose:
 *
 * - an escaped `$${X}` does not keep the references after it from being expanded;
 * - `${EMPTY}${X}` is text, and not what YAML makes of X;
 * - a brace in the value of a variable closes no `${` outside it;
 * - all problems are told, the Collector tells one of them;
 * - the end of a file's last line is left out.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { resolveConfig } from '../../../pipeline/config/resolve.ts'
import { ensureBackend, skipWithoutGo } from '../../kit/backends.ts'

interface Request {
  readonly uris: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

interface Answer {
  readonly value?: Record<string, unknown> | null
  readonly text?: string
  readonly error?: string
}

/** Another one finds what this one does not; the test is to find the same each time. */
const SEED = Number(process.env.SEED ?? 1)

const skip = await skipWithoutGo()

async function compare(requests: readonly Request[]): Promise<void> {
  const input = requests.map((request) => JSON.stringify(request)).join('\n')
  const program = await ensureBackend('confmap')
  const output = execFileSync(program, { input, encoding: 'utf8', maxBuffer: 2 ** 28 })
  const answers = output.trim().split('\n')
  assert.equal(answers.length, requests.length)
  for (const [i, request] of requests.entries()) {
    const theirs = JSON.parse(answers[i] as string, sanitize) as Answer
    assert.deepEqual(await answerOf(request, theirs), theirs, JSON.stringify(request))
  }
}

/** Lists of theirs hold what was expanded with its text, which is their own affair. */
function sanitize(_: string, value: unknown): unknown {
  const isExpanded = typeof value === 'object' && value !== null && 'Original' in value
  return isExpanded ? (value as { readonly Value?: unknown }).Value : value
}

/** Ours, in the form of theirs; of several problems the one that they tell, if it is there. */
async function answerOf({ uris, env }: Request, theirs: Answer): Promise<Answer> {
  try {
    const { value, texts, problems } = await resolveConfig({ uris }, env)
    if (problems.length > 0) {
      const told = problems.some(({ message }) => theirs.error?.endsWith(message))
      return told ? { value: null, error: theirs.error as string } : { error: problems[0]!.message }
    }
    const { key } = (value ?? {}) as { key?: unknown }
    const text = texts.key ?? (typeof key === 'string' ? key : undefined)
    // A key that is missing or null is text to them, and '' is what a Go string begins with.
    const noText = theirs.text === '' && (key === null || key === undefined) ? '' : text
    return {
      value: (value ?? {}) as object,
      ...(noText !== undefined && { text: noText }),
    } as Answer
  } catch (error) {
    const { message } = error as Error
    return { value: null, error: theirs.error?.endsWith(message) ? theirs.error : message }
  }
}

const ENV = {
  A: 'alpha',
  B: 'A',
  C: '${A}-x',
  EMPTY: '',
  NUMBER: '0123',
  HEX: '0xdeadbeef',
  MAP: '{a: ${NUMBER}, b: 1}',
  LIST: '[1, "x", [], {}]',
  QUOTED: '"q"',
  DOLLARS: 'a$$b',
  BAD: '[invalid',
  LOOP: 'again ${LOOP}',
  BLOCK: 'a:\n  - b: ${A}\n  - ${NUMBER}\n',
}

const literal = fc.constantFrom('$', '$$', '}', ':', ' ', '-', 'x', '$A', '#')
const single = fc.constantFrom(
  ...Object.keys(ENV).map((name) => `\${${name}}`),
  ...[
    '${env:B}',
    '${env:${B}}',
    '${GONE}',
    '${env:GONE:-d}',
    '${env:GONE:-}',
    '${env:GONE:-[1, x]}',
  ],
  ...[
    '${yaml:a: 1}',
    '${yaml:[0x1]}',
    '${vault:x}',
    '${a.b}',
    '${}',
    '${env:${DOLLARS}}',
    '${1:x}',
  ],
  ...['${env:A:-${B}}', '$${A}', '$$${A}', '$$$${A}', '${A', '${${A}'],
)
const filled = single.filter((text) => !/EMPTY|GONE|\$\$\{|A$/.test(text) && text !== '${${A}')

test('references alone are expanded alike', { skip }, async () => {
  const texts = new Set(fc.sample(single, { numRuns: 1000, seed: SEED }))
  await compare(
    [...texts].map((text) => ({ uris: [`yaml:key: ${JSON.stringify(text)}`], env: ENV })),
  )
})

test('references in text are expanded alike', { skip }, async () => {
  const texts = fc.array(fc.oneof(literal, filled), { minLength: 2, maxLength: 6 })
  const requests = fc.sample(texts, { numRuns: 2000, seed: SEED }).map((all) => {
    return { uris: [`yaml:key: ${JSON.stringify(`t${all.join('')}`)}`], env: ENV }
  })
  // What a lone dollar begins together with the piece after it is escaped, or is a reference.
  await compare(requests.filter(({ uris }) => !/\$\$\{/.test(uris[0] as string)))
})

const scalar = fc.constantFrom(1, -0.5, true, null, 'x', '0123', 'a b', '${NUMBER}', '${MAP}')
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof({ maxDepth: 3 }, scalar, tie('list'), tie('map'), tie('map')),
  list: fc.array(tie('tree'), { maxLength: 3 }),
  map: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('tree'), { maxKeys: 3 }),
}))
const root = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd::b', 'd::a::c'), tree, { maxKeys: 3 })

test('sources are merged alike', { skip }, async () => {
  const requests = fc.sample(fc.array(root, { minLength: 2, maxLength: 3 }), {
    numRuns: 2000,
    seed: SEED,
  })
  await compare(
    requests.map((all) => ({ uris: all.map((one) => `yaml:${JSON.stringify(one)}`), env: ENV })),
  )
})

test('scalars are read alike', { skip }, async () => {
  const texts = [
    '0123',
    '-0123',
    '0o17',
    '0x1F',
    '0b101',
    '1e3',
    '1.5',
    '.5',
    '1.',
    '+1',
    '089',
    '~',
  ]
  texts.push('null', 'true', 'True', 'yes', 'no', 'on', '1s', '"1"', "'x'", '', '-', '[a', 'a: b')
  await compare(texts.map((text) => ({ uris: ['yaml:key: ${TEXT}'], env: { TEXT: text } })))
})
