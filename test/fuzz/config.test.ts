// biome-ignore-all lint/suspicious/noTemplateCurlyInString: flowspan's own placeholders
/** Configurations that nobody would write: no text throws anything but a ConfigError, or hangs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parse, stringify } from 'yaml'
import { isList, isMap, type Located } from '../../pipeline/config/located.ts'
import { merge } from '../../pipeline/config/merge.ts'
import { parseYaml } from '../../pipeline/config/parse.ts'
import { ConfigError } from '../../pipeline/config/problems.ts'
import { Providers } from '../../pipeline/config/providers.ts'
import { references } from '../../pipeline/config/references.ts'
import { resolveSources } from '../../pipeline/config/resolve.ts'

const PLACE = { file: 'FILE' }

function plain({ value }: Located): unknown {
  if (isList(value)) return value.map(plain)
  if (isMap(value)) return Object.fromEntries([...value].map(([key, child]) => [key, plain(child)]))
  return value
}

function located(value: unknown): Located {
  if (Array.isArray(value)) return { place: PLACE, value: value.map(located) }
  if (typeof value !== 'object' || value === null) return { place: PLACE, value: value as string }
  const entries = Object.entries(value).map(([key, child]) => [key, located(child)] as const)
  return { place: PLACE, value: new Map(entries) }
}

/** Resolves one text as the value of a key, which YAML reads as it is. */
function resolveText(text: string, env: Record<string, string>) {
  const source = { name: 'FILE', text: JSON.stringify({ key: text }) }
  return resolveSources([source], { providers: new Providers(env) })
}

const ENV = { A: 'alpha', B: 'A', C: '${A}${B}', D: '[${C}, "$A"]', E: '$', F: '}', G: '{a: $$}' }

const pieces = fc.constantFrom(
  ...['$', '$$', '{', '}', '${', ':', ':-', 'env:', 'yaml:', 'file:', 'A', 'B', 'C', 'D', 'E', 'F'],
  ...[
    'G',
    'GONE',
    ' ',
    '\n',
    '"',
    "'",
    '[',
    '#',
    '${A}',
    '${C}',
    '${env:D}',
    '${G}',
    '${env:X:-y}',
  ],
)
const texts = fc.array(pieces, { maxLength: 24 }).map((all) => all.join(''))

test('any text of dollars, braces and names is expanded or refused, and stays bounded', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const { value, problems } = resolveText(text, ENV)
      assert.ok(JSON.stringify(value).length < 20_000)
      for (const { path, message } of problems) {
        assert.deepEqual(path[0], 'key')
        assert.match(message, /scheme|invalid|unsupported|unable|too many/)
      }
      if (!text.includes('$')) assert.deepEqual(value, { key: text })
    }),
    { numRuns: 3000 },
  )
})

test('variables of any text are expanded or refused, and stay bounded', () => {
  const env = fc.record({ A: texts, B: texts, C: texts, D: texts })
  fc.assert(
    fc.property(texts, env, (text, values) => {
      const { value } = resolveText(text, values)
      assert.ok(JSON.stringify(value).length < 10_000_000)
    }),
    { numRuns: 1000 },
  )
})

test('finding references loses no character', () => {
  const write = (all: readonly (string | { inside: readonly unknown[] })[]): string =>
    all.map((p) => (typeof p === 'string' ? p : `\${${write(p.inside as never)}}`)).join('')
  fc.assert(
    fc.property(texts, (text) => assert.equal(write(references(text)), text)),
    { numRuns: 3000 },
  )
})

/** The rules for references without others inside them, in one pattern. */
function reference(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\{(?:env:)?(\w+)(?::-(\w*))?\}|\$/g, (all, name, byDefault) => {
    if (all.startsWith('$$')) return '$'
    return name === undefined ? all : (env[name] ?? byDefault ?? '')
  })
}

test('without nesting, expansion does what one pattern does', () => {
  const simple = fc.constantFrom(
    ...[
      '$',
      '$$',
      ' ',
      'x',
      ':',
      '{',
      '${A}',
      '${env:B}',
      '${GONE}',
      '${env:GONE:-d}',
      '${env:B:-d}',
    ],
    ...['$A', '{A}', '$${A}', '$$${A}'],
  )
  const env = { A: 'alpha', B: '', x: '[1]' }
  fc.assert(
    fc.property(fc.array(simple, { maxLength: 12 }), (all) => {
      // Begins with a letter, so that it is not one reference and nothing else.
      const text = `t${all.join('')}`
      // A brace after a dollar that is not of one reference makes a longer one: another test's.
      fc.pre(!/\$\{(?!(env:)?\w+(:-\w*)?\})/.test(text.replaceAll('$$', '  ')))
      assert.deepEqual(resolveText(text, env).value, { key: reference(text, env) })
    }),
    { numRuns: 3000 },
  )
})

const values = fc.jsonValue({ maxDepth: 4, depthSize: 'small' })
const trees = fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), values, { maxKeys: 4 })

/** The rules of merging, on plain values. */
function merged(earlier: unknown, later: unknown): unknown {
  if (!isPlainMap(earlier) || !isPlainMap(later)) return later
  const keys = [...new Set([...Object.keys(earlier), ...Object.keys(later)])]
  return Object.fromEntries(
    keys.map((key) => {
      if (!Object.hasOwn(later, key)) return [key, earlier[key]]
      return [key, Object.hasOwn(earlier, key) ? merged(earlier[key], later[key]) : later[key]]
    }),
  )
}

function isPlainMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

test('merging joins maps, and lets the later source win everywhere else', () => {
  fc.assert(
    fc.property(trees, trees, (a, b) => {
      const result = plain(merge(located(a), located(b)))
      assert.deepEqual(result, merged(a, b))
      assert.deepEqual(plain(merge(located(result), located(b))), result)
      assert.deepEqual(plain(merge(located(a), located({}))), plain(located(a)))
      assert.deepEqual(plain(merge(located({}), located(a))), plain(located(a)))
    }),
    { numRuns: 1000 },
  )
})

test('joined lists have all ids of both, each once, the earlier ones first', () => {
  const ids = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'))
  fc.assert(
    fc.property(ids, ids, (first, second) => {
      const at = (list: string[]) => located({ service: { pipelines: { x: { exporters: list } } } })
      const result = plain(merge(at(first), at(second), { appendLists: true }))
      const exporters = [...new Set([...first, ...second])]
      assert.deepEqual(result, { service: { pipelines: { x: { exporters } } } })
    }),
  )
})

test('what is written as YAML is read as it was', () => {
  fc.assert(
    fc.property(trees, fc.boolean(), (tree, flow) => {
      const text = stringify(tree, { defaultKeyType: 'QUOTE_DOUBLE', ...(flow && { indent: 4 }) })
      assert.deepEqual(plain(parseYaml({ name: 'FILE', text })), plain(located(tree)), text)
    }),
    { numRuns: 1000 },
  )
})

const yamlPieces = fc.constantFrom(
  ...[
    'a',
    'b: ',
    ': ',
    '- ',
    '? ',
    '\n',
    '\n  ',
    '\n    ',
    '{',
    '}',
    '[',
    ']',
    ',',
    '&a ',
    '*a',
    '<<: ',
  ],
  ...[
    '*b',
    '&b ',
    '!!str ',
    '!x ',
    '"',
    "'",
    '|',
    '>',
    '#',
    '---',
    '...',
    '%YAML 1.1\n',
    '\t',
    '\0',
  ],
  ...[
    '0x1',
    '0123',
    '1e3',
    '.nan',
    'null',
    '~',
    'true',
    '__proto__: ',
    '\u{FEFF}',
    '\u{1F600}',
    '@',
    '`',
  ],
)

test('hostile YAML is read as the library alone reads it, or refused with a place', () => {
  fc.assert(
    fc.property(fc.array(yamlPieces, { maxLength: 30 }), (all) => {
      const text = all.join('')
      try {
        const tree = plain(parseYaml({ name: 'FILE', text }))
        // Where there is nothing that is read differently on purpose.
        if (/[!&*<]|0x1|0123|1e3|\.nan|\?|~|null|true/.test(text)) return
        assert.deepEqual(tree, parse(text, { logLevel: 'silent' }) ?? null, JSON.stringify(text))
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        for (const { place } of error.problems) {
          assert.ok(place?.line !== undefined && place.line > 0 && (place.column ?? 0) > 0)
        }
      }
    }),
    { numRuns: 5000 },
  )
})
