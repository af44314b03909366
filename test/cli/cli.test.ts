import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parse } from 'yaml'
import { COMPONENTS } from '../../components.ts'

const ROOT = join(import.meta.dirname, '../..')
const PROGRAM = join(ROOT, 'bin/flowspan')

const folder = mkdtempSync(join(tmpdir(), 'flowspan-cli-'))
after(() => rmSync(folder, { recursive: true }))

function flowspan(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(PROGRAM, args, { encoding: 'utf8', cwd: folder })
  return { status, stdout, stderr }
}

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

const NOP = `
receivers: { nop: }
exporters: { nop: }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { flows: { receivers: [nop], exporters: [nop] } }`

test('`--help` helps with all and with each command', () => {
  const general = flowspan('--help')
  assert.equal(general.status, 0)
  for (const command of ['run', 'validate', 'components']) {
    assert.match(general.stdout, new RegExp(`^  ${command} `, 'm'))
    const { status, stdout } = flowspan(command, '--help')
    assert.equal(status, 0)
    assert.match(stdout, new RegExp(`^  flowspan ${command}`, 'm'))
  }
})

test('`--version` says the version of the package', () => {
  assert.match(flowspan('--version').stdout, /^flowspan version \d+\.\d+\.\d+\n$/)
})

test('`components` lists every component as YAML', () => {
  const { status, stdout } = flowspan('components')
  assert.equal(status, 0)
  const listed = parse(stdout)
  assert.equal(listed.buildinfo.command, 'flowspan')
  for (const { kind, type } of COMPONENTS) {
    const names = listed[`${kind}s`].map(({ name }: { name: string }) => name)
    assert.ok(names.includes(type), `${kind} ${type}`)
  }
  const spans = listed.connectors.find(({ name }: { name: string }) => name === 'flow_spans')
  assert.deepEqual(Object.keys(spans.stability), ['flows-to-traces'])
})

test('`validate` says nothing of a good configuration', () => {
  const expected = { status: 0, stdout: '', stderr: '' }
  assert.deepEqual(flowspan('validate', '--config', file('nop.yaml', NOP)), expected)
})

test('`validate` takes config.example.yaml as it is, and with all that is commented out', () => {
  const expected = { status: 0, stdout: '', stderr: '' }
  const example = join(ROOT, 'config.example.yaml')
  assert.deepEqual(flowspan('validate', '--config', example), expected)

  const whole = readFileSync(example, 'utf8')
    .replaceAll(/^( *)# ( *[a-z_]+:( \S+)?)$/gm, '$1$2')
    .replaceAll(/\[(\w+)\] # ([\w, ]+)$/gm, '[$1, $2]')
  assert.match(whole, /exporters: \[flow_spans, flow_metrics, file\]/)
  assert.match(whole, /^ {4}endpoint: localhost:4317$/m)
  assert.deepEqual(flowspan('validate', '--config', file('whole.yaml', whole)), expected)
})

const MISTAKES: readonly (readonly [args: string[], error: RegExp])[] = [
  [[], /^Error: a command is needed; see flowspan --help\n$/],
  [['start'], /^Error: unknown command "start" for "flowspan"; the commands are run, validate, co/],
  [['run'], /^Error: at least one config flag must be provided\n$/],
  [['run', 'it'], /^Error: unexpected argument "it" after "run"\n$/],
  [['run', '--conf', 'x'], /^Error: Unknown option '--conf'; see flowspan --help\n$/],
  [
    ['validate', '--run-as', 'me', '--config', 'x'],
    /^Error: unknown flag: --run-as for "flowspan v/,
  ],
  [
    ['run', '--config', 'gone.yaml'],
    /^Error: cannot retrieve the configuration: .* file:gone\.yaml: ENO/,
  ],
]

for (const [args, error] of MISTAKES) {
  test(`\`flowspan ${args.join(' ')}\` is one line on stderr and exit code 1`, () => {
    const { status, stdout, stderr } = flowspan(...args)
    assert.equal(status, 1)
    assert.equal(stdout, '')
    assert.match(stderr, error)
    assert.equal(stderr.trimEnd().split('\n').length, 1)
  })
}

test('`run` prefixes what is wrong with the configuration, `validate` does not', () => {
  const bad = file('bad.yaml', NOP.replace('exporters: [nop]', 'exporters: []'))
  const problem = `service::pipelines::flows: must have at least one exporter (${bad}:6:16)\n`
  assert.equal(flowspan('validate', '--config', bad).stderr, `Error: ${problem}`)
  assert.equal(flowspan('run', '--config', bad).stderr, `Error: invalid configuration: ${problem}`)
})

test('SIGTERM and SIGINT drain and exit with 0', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const child = spawn(PROGRAM, ['run', '--config', file('nop.yaml', NOP)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
      if (String(chunk).includes('Everything is ready')) child.kill(signal)
    })
    assert.deepEqual(await once(child, 'close'), [0, null])
    assert.match(stderr, /Shutdown complete, nothing was lost/)
  }
})

test('the launcher finds its program through links, as npm makes them', () => {
  symlinkSync(PROGRAM, join(folder, 'first'))
  symlinkSync('first', join(folder, 'second'))
  const { stdout } = spawnSync(join(folder, 'second'), ['--version'], { encoding: 'utf8' })
  assert.match(stdout, /^flowspan version/)
})
