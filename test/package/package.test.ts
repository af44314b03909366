/** `npm pack` makes a tarball that installs and captures where there is no compiler. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Flowspan } from '../kit/flowspan.ts'
import { Network } from '../kit/netns.ts'
import { runInPod, serveInPod } from '../kit/pod_process.ts'
import { removeDirectory, temporaryDirectory, waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import {
  binOf,
  fileOf,
  type Installed,
  install,
  type Packed,
  pack,
  runInstalled,
} from './installed.ts'
import { programModules } from './modules.ts'

const ROOT = join(import.meta.dirname, '../..')
const STORAGE = join(ROOT, 'test/kit/apps/storage.py')
const SIZE_MAX_BYTES = 1024 * 1024
const PORT = 9000
const needsRoot = skipUnless(missingForShop())

/** What the package holds beside JavaScript: a new file is put here on purpose. */
const FILES = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'bin/flowspan',
  // The kernel programs are GPL-2.0: what is made from them goes with their sources.
  'bpf/COPYING',
  'bpf/README.md',
  'bpf/build.sh',
  'bpf/*.c',
  'bpf/*.h',
  'config.example.yaml',
  'docs/*.md',
  '{receivers,processors,connectors,exporters,extensions}/*/README.md',
  'package.json',
  'tools/node.sh',
]

const json = (path: string) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'))
const manifest = json('package.json')

describe('the package', { timeout: 600_000 }, () => {
  const folder = temporaryDirectory('package')
  let packed: Packed
  let installed: Installed

  before(async () => {
    chmodSync(folder, 0o755)
    packed = await pack(join(folder, 'a'))
    installed = await install(packed, { folder: join(folder, 'there') })
  })

  after(() => removeDirectory(folder))

  const flowspan = (...args: string[]) => runInstalled(installed, [installed.program, ...args])

  test('holds the program, what explains it, the kernel programs, and nothing else', () => {
    const scripts = programModules().files.map((file) => `dist/${file.replace(/\.ts$/, '.js')}`)
    const objects = globSync('bpf/*.bpf.c', { cwd: ROOT }).map(
      (file) => `dist/bpf/build/${file.slice('bpf/'.length, -'.c'.length)}.o`,
    )
    const texts = FILES.flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
    assert.deepEqual(packed.files, [...scripts, ...objects, ...texts].sort())
  })

  test('is made of the same bytes wherever the tree lies', async (t) => {
    const again = await pack(join(folder, 'another-place'))
    assert.equal(again.integrity, packed.integrity)
    const kib = Math.ceil(packed.bytes / 1024)
    t.diagnostic(`${packed.files.length} files, ${kib} KiB packed`)
    assert.ok(packed.bytes <= SIZE_MAX_BYTES, `${kib} KiB, at most ${SIZE_MAX_BYTES / 1024}`)
    for (const file of packed.files) {
      assert.ok(!fileOf(installed, file).includes(folder), `${file} names where it was made`)
    }
  })

  test('depends on the packages that it imports, in one exact version, and on no other', () => {
    const { dependencies } = manifest
    assert.deepEqual(Object.keys(dependencies).sort(), programModules().packages)
    for (const version of Object.values<string>(dependencies)) {
      assert.match(version, /^\d+\.\d+\.\d+$/)
    }
  })

  test('says its version, its components and that its example is valid, as the tree does', async () => {
    const version = `flowspan version ${manifest.version}\n`
    assert.deepEqual(await flowspan('--version'), { status: 0, stdout: version, stderr: '' })
    const components = execFileSync(join(ROOT, 'bin/flowspan'), ['components'], {
      encoding: 'utf8',
    })
    assert.deepEqual(await flowspan('components'), { status: 0, stdout: components, stderr: '' })
    const example = 'node_modules/flowspan/config.example.yaml'
    const silent = { status: 0, stdout: '', stderr: '' }
    assert.deepEqual(await flowspan('validate', '--config', example), silent)
  })

  test('captures a request between two namespaces as spans, and drains at SIGTERM', {
    skip: needsRoot,
  }, async () => {
    const network = new Network()
    const [client, server] = [network.pod('client'), network.pod('server')]
    const command = ['/usr/bin/python3', STORAGE, String(PORT)]
    const storage = await serveInPod(server, { port: PORT, command })
    const running = await Flowspan.start(
      (directory) => ({
        receivers: { ebpf: {} },
        processors: { stitch: {} },
        connectors: { flow_spans: {} },
        exporters: { file: { path: join(directory, 'spans.jsonl'), flush_interval: '100ms' } },
        service: {
          pipelines: {
            flows: { receivers: ['ebpf'], processors: ['stitch'], exporters: ['flow_spans'] },
            traces: { receivers: ['flow_spans'], exporters: ['file'] },
          },
        },
      }),
      installed,
    )
    try {
      await runInPod(client, ['curl', '-sf', `http://${server.ipv4}:${PORT}/items/8`])
      // Other programs of this host ask, too.
      const isOurs = (span: JsonSpan) => JSON.stringify(span).includes('/items/8')
      const spans = () => running.lines('spans.jsonl').flatMap(spansOf).filter(isOurs)
      await waitFor('both spans', () => (spans().length >= 2 ? true : undefined))
      const balance = await running.stop()
      assert.equal(spans().length, 2)
      const caller = spans().find((span) => span.kind === CLIENT)
      const callee = spans().find((span) => span.kind === SERVER)
      assert.equal(callee?.traceId, caller?.traceId)
      assert.equal(callee?.parentSpanId, caller?.spanId)
      assert.deepEqual([balance.lost, balance.held, balance.unaccounted], [0, 0, 0])
    } finally {
      await running.kill()
      running.clean()
      await storage.stop()
      network.close()
    }
  })

  test('names the system library that is missing, and how to install it', {
    skip: needsRoot,
  }, async () => {
    const listed = execFileSync('sh', ['-c', 'PATH=$PATH:/sbin:/usr/sbin ldconfig -p'], {
      encoding: 'utf8',
    })
    const library = /libbpf\.so\.1 .*=> (\S+)/.exec(listed)?.[1] as string
    const config = join(installed.folder, 'ebpf.yaml')
    writeFileSync(config, EBPF)
    // In a mount namespace of its own, where the library is an empty file.
    const script = '/bin/mount --bind /dev/null "$0" && exec "$@"'
    const { status, stderr } = await runInstalled(installed, [
      ...['/usr/bin/unshare', '--mount', 'sh', '-c', script, library],
      ...[installed.program, 'run', '--config', config],
    ])
    assert.equal(status, 1)
    const why =
      /^Error: cannot open "ebpf" receiver: .*libbpf\.so\.1: .*apt-get install libbpf1.*\n$/
    assert.match(stderr, why)
  })

  test('installed without optional dependencies it says in one line what it lacks', async () => {
    const flags = ['--omit=optional', '--ignore-scripts']
    const bare = await install(packed, { folder: join(folder, 'bare'), flags })
    const lacks = async (path: string): Promise<string> => {
      const env = { ...bare.env, PATH: path }
      const { status, stderr } = await runInstalled({ ...bare, env }, [bare.program, '--version'])
      assert.equal(status, 1)
      return stderr
    }
    const shell = binOf(join(folder, 'shell'), ['sh', 'dirname', 'readlink', 'uname'])
    assert.match(
      await lacks(shell),
      /^Error: flowspan needs Node 24\.12 .*: none is installed\. .* --include=optional\n$/,
    )
    assert.match(
      await lacks(`${dirname(process.execPath)}:${shell}`),
      /^Error: koffi, .* without its native library\. .* --include=optional\n$/,
    )
  })
})

const EBPF = `
receivers: { ebpf: }
exporters: { nop: }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { flows: { receivers: [ebpf], exporters: [nop] } }
`

/** SpanKind of OTLP. */
const SERVER = 2
const CLIENT = 3

interface JsonSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
}

/** The spans in a line of the file exporter. */
function spansOf(line: string): JsonSpan[] {
  type Part<K extends string, T> = { readonly [key in K]: readonly T[] }
  const request = JSON.parse(line) as Part<
    'resourceSpans',
    Part<'scopeSpans', Part<'spans', JsonSpan>>
  >
  return request.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
}
