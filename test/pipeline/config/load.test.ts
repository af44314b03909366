// biome-ignore-all lint/suspicious/noTemplateCurlyInString: flowspan's own placeholders
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../../pipeline/config/load.ts'
import { ConfigError } from '../../../pipeline/config/problems.ts'
import { sampleFactories } from './sample.ts'

const TESTDATA = join(import.meta.dirname, 'testdata')

function load(text: string, env: Record<string, string> = {}) {
  return loadConfig({ name: 'FILE', text }, { factories: sampleFactories, env })
}

/** A configuration around one `sample` section. */
function withSample(section: string): string {
  return `
receivers:
  sample: ${section}
exporters: { probe: }
service: { pipelines: { flows: { receivers: [sample], exporters: [probe] } } }`
}

function sampleOf(section: string, env: Record<string, string> = {}): Record<string, unknown> {
  const config = load(withSample(section), env)
  return config.components.receiver.get('sample')?.config as Record<string, unknown>
}

for (const file of globSync(join(TESTDATA, '*.yaml')).sort()) {
  test(`testdata/${basename(file)} is refused with the errors it begins with`, () => {
    const text = readFileSync(file, 'utf8')
    const expected = text.split('\n').flatMap((line) => /^# (.*)/.exec(line)?.[1] ?? [])
    const env = { LOOP: 'again ${LOOP}', CODE: '0123', NAME: 'name', LIST: '[]' }
    assert.throws(
      () => load(text, env),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError, String(error))
        const lines = error.message.split('\n').map((line) => line.trim())
        if (lines.length > 1) assert.equal(lines.shift(), `${expected.length} problems:`)
        assert.deepEqual(lines.toSorted(), expected.toSorted())
        return true
      },
    )
  })
}

test('a section without a value has the defaults', () => {
  assert.deepEqual(sampleOf(''), {
    endpoint: 'localhost:4317',
    timeout: 10_000,
    retries: 3,
    mode: 'fast',
    nested: { depth: 1 },
    headers: {},
    tags: [],
  })
})

test('null is an option that was not set', () => {
  assert.equal(sampleOf('{ endpoint: , timeout: null }').endpoint, 'localhost:4317')
  assert.equal(sampleOf('{ endpoint: , timeout: null }').timeout, 10_000)
  assert.equal(sampleOf('{ endpoint: "${UNSET}" }').endpoint, 'localhost:4317')
})

test('a variable that is not set is told, unless it has a default', () => {
  const config = load(withSample('{ endpoint: "${env:UNSET}", tags: ["${env:OTHER:-x}"] }'))
  assert.deepEqual(config.unset, ['UNSET'])
})

test('text stays text and numbers become numbers when they come from a variable', () => {
  const env = { CODE: '0123', HEX: '0x10', LIST: '[a, b]' }
  assert.equal(sampleOf('{ endpoint: "${CODE}" }', env).endpoint, '0123')
  assert.equal(sampleOf('{ retries: "${CODE}" }', env).retries, 83)
  assert.equal(sampleOf('{ retries: "${env:HEX}" }', env).retries, 16)
  assert.deepEqual(sampleOf('{ tags: "${LIST}" }', env).tags, ['a', 'b'])
  assert.equal(sampleOf('{ endpoint: "${LIST}" }', env).endpoint, '[a, b]')
})

test('text stays text, and null is not set, in an option that may be a map or a list', () => {
  const env = { TOKEN: '0123' }
  const map = '{ headers: { token: "${env:TOKEN}", gone: "${env:UNSET}" } }'
  assert.deepEqual(sampleOf(map, env).headers, { token: '0123' })
  const list = '{ headers: [{ name: token, value: "${env:TOKEN}" }] }'
  assert.deepEqual(sampleOf(list, env).headers, { token: '0123' })
})

test('an octal number is read as the Collector reads it', () => {
  assert.equal(sampleOf('{ retries: 0123 }').retries, 83)
})

test('old spellings of a type are understood and stay in the id', () => {
  const config = load(withSample('').replaceAll('probe', 'old_probe/x'))
  assert.equal(config.components.exporter.get('old_probe/x')?.factory.type, 'probe')
})

test('ids and references are trimmed', () => {
  const config = load(
    withSample('').replace('probe:', '" probe / x ":').replace('[probe]', '["probe/ x"]'),
  )
  assert.deepEqual(config.pipelines[0]?.exporters, ['probe/x'])
})

test('anchors, aliases and merge keys are YAML, and so is what they make', () => {
  const config = load(`
receivers:
  sample: &base { retries: 7, tags: [a] }
  sample/2: { <<: *base, mode: safe }
exporters: { probe: }
service: { pipelines: { flows: { receivers: [sample, sample/2], exporters: [probe] } } }`)
  const section = config.components.receiver.get('sample/2')?.config as { retries: number }
  assert.equal(section.retries, 7)
})

test('the service section has defaults for all but its pipelines', () => {
  const { telemetry, shutdown_timeout, extensions, reload } = load(withSample('')).service
  assert.equal(telemetry.logs.level, 'info')
  assert.equal(telemetry.metrics.level, 'normal')
  assert.equal(shutdown_timeout, 30_000)
  assert.deepEqual(extensions, [])
  assert.deepEqual(reload, { watch: false })
})

test('levels are taken in either case', () => {
  const yaml = withSample('').replace(
    'service: {',
    'service: { telemetry: { logs: { level: DEBUG } },',
  )
  assert.equal(load(yaml).service.telemetry.logs.level, 'debug')
})
