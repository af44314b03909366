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
  for (const command of [
    'run',
    'validate',
    'print-config',
    'schema',
    'probe',
    'components',
    'featuregate',
  ]) {
    assert.match(general.stdout, new RegExp(`^  ${command} `, 'm'))
    const { status, stdout } = flowspan(command, '--help')
    assert.deepEqual(flowspan('help', command).stdout, stdout)
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
  assert.deepEqual(spans, {
    name: 'flow_spans',
    module: 'connectors/flow_spans',
    stability: { 'flows-to-traces': 'Alpha' },
  })
  const schemes = listed.providers.map(({ scheme }: { scheme: string }) => scheme)
  assert.deepEqual(schemes, ['env', 'file', 'yaml'])
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

/** As the Collector says it. */
const MISTAKES: readonly (readonly [args: string, error: string])[] = [
  ['', 'at least one config flag must be provided'],
  ['run', 'at least one config flag must be provided'],
  ['zzz', 'unknown command "zzz" for "flowspan"\nRun \'flowspan --help\' for usage.'],
  [
    'valdate --config x',
    'unknown command "valdate" for "flowspan"\n\nDid you mean this?\n\tvalidate\n' +
      "\nRun 'flowspan --help' for usage.",
  ],
  ['run it', 'accepts 0 arg(s), received 1'],
  ['featuregate a b', 'accepts at most 1 arg(s), received 2'],
  ['featuregate a', 'feature "a" not found'],
  ['--conf x', 'unknown flag: --conf'],
  ['run --conf x', 'unknown flag: --conf'],
  ['run -c x', "unknown shorthand flag: 'c' in -c"],
  ['validate --run-as me --config x', 'unknown flag: --run-as'],
  ['validate --config', 'flag needs an argument: --config'],
  ['validate --config x --set a.b', 'invalid argument "a.b" for "--set" flag: missing equal sign'],
  [
    'validate --config x --feature-gates=zzz,,-yyy',
    'invalid argument "zzz,,-yyy" for "--feature-gates" flag: no such feature gate "zzz". valid ' +
      'gates: [confmap.enableMergeAppendOption otelcol.printInitialConfig]; empty feature gate ' +
      'identifier at index 1; no such feature gate "yyy". valid gates: ' +
      '[confmap.enableMergeAppendOption otelcol.printInitialConfig]',
  ],
  ['validate --config abc:x', 'unsupported scheme on URI "abc:x"'],
  [
    'validate --config http://x/y',
    'cannot retrieve the configuration: scheme "http" is not supported for uri "http://x/y"',
  ],
  [
    'run --config gone.yaml',
    'cannot retrieve the configuration: unable to read the file file:gone.yaml: ' +
      `ENOENT: no such file or directory, open '${join(folder, 'gone.yaml')}'`,
  ],
]

for (const [args, error] of MISTAKES) {
  test(`\`flowspan ${args}\` says what is wrong on stderr and exits with 1`, () => {
    const { status, stdout, stderr } = flowspan(...args.split(' ').filter(Boolean))
    assert.deepEqual(
      { status, stdout, stderr },
      { status: 1, stdout: '', stderr: `Error: ${error}\n` },
    )
  })
}

test('`--config` and `--set` may be repeated, before and after the command', () => {
  const noExporter = file('no_exporter.yaml', NOP.replace('exporters: [nop]', 'exporters: []'))
  const later = 'yaml:service::pipelines::flows::exporters: [nop]'
  const expected = { status: 0, stdout: '', stderr: '' }
  assert.deepEqual(flowspan('--config', noExporter, 'validate', '--config', later), expected)
  const set = '--set=service.pipelines.flows.exporters=[nop]'
  assert.deepEqual(flowspan('validate', set, `--config=file:${noExporter}`), expected)
  const { stderr } = flowspan('validate', '--config', file('nop.yaml', NOP), '--set', 'a.b=1')
  assert.match(stderr, /has invalid keys: a \(valid keys: .*\(--set a\.b\)\n$/)
})

test('`featuregate` lists the gates, as set on the command line, and tells about one', () => {
  const { stdout } = flowspan('featuregate', '--feature-gates=+confmap.enableMergeAppendOption')
  const [head, first] = stdout.split('\n')
  assert.match(head ?? '', /^ID {31}Enabled {2}Stage {2}Description$/)
  assert.match(first ?? '', /^confmap\.enableMergeAppendOption {2}true {5}Alpha {2}\S/)
  const one = flowspan('featuregate', 'confmap.enableMergeAppendOption').stdout.split('\n')
  assert.deepEqual(one.slice(0, 3), [
    'Feature: confmap.enableMergeAppendOption',
    'Enabled: false',
    'Stage: Alpha',
  ])
})

test('`run` prefixes what is wrong with the configuration, `validate` does not', () => {
  const bad = file('bad.yaml', NOP.replace('exporters: [nop]', 'exporters: []'))
  const problem = `service::pipelines::flows: must have at least one exporter (${bad}:6:16)\n`
  assert.equal(flowspan('validate', '--config', bad).stderr, `Error: ${problem}`)
  assert.equal(flowspan('run', '--config', bad).stderr, `Error: invalid configuration: ${problem}`)
})

test('SIGTERM and SIGINT drain and exit with 0, with the command `run` and without it', async () => {
  for (const [signal, command] of [
    ['SIGTERM', ['run']],
    ['SIGINT', []],
  ] as const) {
    const child = spawn(PROGRAM, [...command, '--config', file('nop.yaml', NOP)], {
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
