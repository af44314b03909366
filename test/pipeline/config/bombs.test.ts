// biome-ignore-all lint/suspicious/noTemplateCurlyInString: flowspan's own placeholders
/**
 * Small texts that stand for much are refused at once, wherever they come from. Each would take
 * longer than the universe has been there, or end the process, if anything were made of it.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ConfigError } from '../../../pipeline/config/problems.ts'
import { resolveConfig } from '../../../pipeline/config/resolve.ts'
import { removeDirectory, temporaryDirectory } from '../../kit/processes.ts'

const directory = temporaryDirectory('bombs')
after(() => removeDirectory(directory))

const LEVELS = 200

/** Ten times as many values at each level, in a flow map, which fits everywhere. */
function aliases(item: (name: string) => string): string {
  const levels = Array.from({ length: LEVELS }, (_, i) => {
    return `l${i + 1}: &a${i + 1} ${item(`*a${i}`)}`
  })
  return `{ l0: &a0 {x: 1}, ${levels.join(', ')} }`
}

const ALIAS_BOMB = aliases((name) => `[${Array(10).fill(name).join(', ')}]`)

const BOMBS: readonly (readonly [name: string, text: string, said: RegExp])[] = [
  [
    'lists of aliases',
    ALIAS_BOMB,
    /alias bomb: the aliases \(\*name\) stand for more than \d+ val/,
  ],
  ['maps of aliases', aliases((name) => `{a: ${name}, b: ${name}, c: ${name} }`), /alias bomb: /],
  ['a chain of aliases', aliases((name) => `[${name}]`), /nesting bomb: /],
  ['brackets', '['.repeat(20_000), /nesting bomb: more than 100 levels of maps and lists/],
  ['closed brackets', `${'['.repeat(20_000)}${']'.repeat(20_000)}`, /nesting bomb: /],
  ['braces', '{a: '.repeat(20_000), /nesting bomb: /],
  ['dashes', '- '.repeat(20_000), /nesting bomb: /],
  ['question marks', '? '.repeat(20_000), /nesting bomb: /],
  [
    'a text without end',
    `a: ${'x'.repeat(9 * 2 ** 20)}`,
    /the text is too large: more than 8388608/,
  ],
]

/** Each of the ways in which a text comes to be read as YAML, with the place that is named. */
const WAYS: readonly {
  readonly way: string
  readonly place: (file: string) => string
  readonly args: (text: string, file: string) => { uris: string[]; sets?: string[] }
}[] = [
  { way: 'a file', place: (file) => file, args: (_, file) => ({ uris: [file] }) },
  { way: 'yaml:', place: () => 'yaml:', args: (text) => ({ uris: [`yaml:${text}`] }) },
  { way: 'a variable', place: () => 'env:BOMB', args: () => ({ uris: ['env:BOMB'] }) },
  { way: '--set', place: () => '--set a.b', args: (text) => ({ uris: [], sets: [`a.b=${text}`] }) },
  { way: '${env:…}', place: () => 'env:BOMB', args: () => ({ uris: ['yaml:a: ${BOMB}'] }) },
  {
    way: '${file:…}',
    place: (file) => file,
    args: (_, file) => ({ uris: [`yaml:a: \${file:${file}}`] }),
  },
]

for (const [i, [name, text, said]] of BOMBS.entries()) {
  test(`${name} are refused wherever they come from`, { timeout: 60_000 }, async () => {
    const file = join(directory, `${i}.yaml`)
    writeFileSync(file, text)
    for (const { way, place, args } of WAYS) {
      // What is written in one line cannot begin with a dash.
      if (way === '--set' && !/^[[{]/.test(text)) continue
      const message = await refusal(args(text, file), { BOMB: text })
      assert.match(message, said, way)
      assert.ok(message.includes(`(${place(file)}`), `${way}: ${message}`)
    }
  })
}

/** All that is wrong, whether it is found before or after the sources are one. */
async function refusal(
  args: { uris: string[]; sets?: string[] },
  env: Record<string, string>,
): Promise<string> {
  try {
    const resolved = await resolveConfig(args, env)
    return new ConfigError(resolved.problems).message
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.message
  }
}

test('a key of many parts is a nesting bomb too', async () => {
  const key = Array(300).fill('a').join('::')
  assert.match(await refusal({ uris: [`yaml:${key}: 1`] }, {}), /^nesting bomb: /)
  assert.match(await refusal({ uris: [], sets: [`${key}=1`] }, {}), /^nesting bomb: /)
  const long = Array(100_000).fill('a').join('::')
  assert.ok((await refusal({ uris: [], sets: [`${long}=1`] }, {})).length < 2000)
})

test('variables that name each other without end are refused', { timeout: 60_000 }, async () => {
  const doubling = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [`V${i}`, `\${V${i + 1}}\${V${i + 1}}`]),
  )
  const lists = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [`V${i}`, `["\${V${i + 1}}", "\${V${i + 1}}"]`]),
  )
  const loops = { V0: '${V0}' }
  const growing = { V0: 'a ${V0} b ${V0}' }
  const deeper = { V0: '{ a: "${V0}" }' }
  for (const env of [doubling, lists, loops, growing, deeper]) {
    for (const yaml of [
      'yaml:{ a: "${V0}", b: "${V0}" }',
      'yaml:{ a: "x${V0}" }',
      'yaml:a: "${V${V0}}"',
    ]) {
      assert.match(await refusal({ uris: [yaml] }, env), /too many recursive expansions/, yaml)
    }
  }
})

test('a file that includes itself is refused', async () => {
  const file = join(directory, 'self.yaml')
  writeFileSync(file, `{ a: "\${file:${file}}", b: "\${file:${file}}" }`)
  assert.match(
    await refusal({ uris: [file] }, {}),
    /^2 problems:\n {2}a: too many recursive expansions\n {2}b: too/,
  )
})

test('nesting of `${…}` is bounded', { timeout: 60_000 }, async () => {
  const text = `${'${'.repeat(100_000)}A${'}'.repeat(100_000)}`
  assert.match(await refusal({ uris: [`yaml:a: "${text}"`] }, {}), /too many recursive expansions/)
  const open = (await resolveConfig({ uris: [`yaml:a: "${'${'.repeat(100_000)}"`] }, {})).value
  assert.equal((open as { a: string }).a.length, 200_000)
})

test('a big and honest configuration with many aliases is read', { timeout: 60_000 }, async () => {
  const options = Array.from({ length: 20 }, (_, i) => `option_${i}: ${i}`).join(', ')
  const components = Array.from({ length: 2000 }, (_, i) => `  otlp/${i}: { <<: *all, tls: *tls }`)
  const tls = `  otlp: &all { ${options}, tls: &tls { ${options} } }`
  const file = join(directory, 'honest.yaml')
  writeFileSync(file, ['exporters:', tls, ...components].join('\n'))
  const { value } = await resolveConfig({ uris: [file] }, {})
  const { exporters } = value as { exporters: Record<string, { option_7: number }> }
  assert.equal(Object.keys(exporters).length, 2001)
  assert.equal(exporters['otlp/1999']?.option_7, 7)
})

test('a long configuration is read', {
  timeout: 60_000,
}, async () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => `a::k${i}: [1, {b: 2}]`).join('\n')
  const file = join(directory, 'long.yaml')
  writeFileSync(file, keys)
  const { value } = await resolveConfig({ uris: [file, file] }, {})
  assert.equal(Object.keys((value as { a: object }).a).length, 20_000)
})
