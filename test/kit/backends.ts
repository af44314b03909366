/**
 * The real programs that tests talk to, each built once from its Go module in `test/backends`.
 *
 *     <cache>/flowspan/backends/<name>-<hash>/<program>
 *
 * The hash is over the module's files, the Go version and the build flags: a binary that is there
 * is the right one. Old ones are never removed.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { skipUnless } from './requirements.ts'

const run = promisify(execFile)
const MODULES = join(import.meta.dirname, '../backends')
const FLAGS = ['-trimpath', '-buildvcs=false', '-ldflags', '-s -w']
const ENVIRONMENT = { CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' }
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024

/** A Go module and the program in it, or among the modules it requires. */
export interface GoProgram {
  readonly folder: string
  /** File name of the binary. */
  readonly program: string
  readonly package: string
  /** A cold build on two cores. */
  readonly minutes: number
}

const BACKENDS = {
  etcd: {
    folder: join(MODULES, 'etcd'),
    program: 'etcd',
    package: 'go.etcd.io/etcd/server/v3',
    minutes: 2,
  },
  kube_apiserver: {
    folder: join(MODULES, 'kube_apiserver'),
    program: 'kube-apiserver',
    package: 'k8s.io/kubernetes/cmd/kube-apiserver',
    minutes: 6,
  },
  jaeger: {
    folder: join(MODULES, 'jaeger'),
    program: 'jaeger',
    package: 'github.com/jaegertracing/jaeger/cmd/jaeger',
    minutes: 6,
  },
  otelcol: { folder: join(MODULES, 'otelcol'), program: 'otelcol', package: '.', minutes: 3 },
  confmap: { folder: join(MODULES, 'confmap'), program: 'confmap', package: '.', minutes: 1 },
  kafka_go: {
    folder: join(MODULES, 'kafka_go'),
    program: 'kafka_go',
    package: '.',
    minutes: 1,
  },
  prometheus_text: {
    folder: join(MODULES, 'prometheus_text'),
    program: 'prometheus_text',
    package: '.',
    minutes: 1,
  },
} as const satisfies Record<string, GoProgram>

export type BackendName = keyof typeof BACKENDS

export const backendNames = Object.keys(BACKENDS) as readonly BackendName[]

/** Whether backends can be built here, and by which Go. */
export type GoAvailable =
  | { readonly available: true; readonly version: string }
  | { readonly available: false; readonly reason: string }

let go: Promise<GoAvailable> | undefined
const building = new Map<string, Promise<string>>()

/** Asks `go` once a process. */
export function goAvailable(): Promise<GoAvailable> {
  go ??= askGo()
  return go
}

/**
 * The `skip` of a test that needs a backend: why it cannot run here, or false. In CI it is always
 * false, so that what is missing there fails.
 */
export async function skipWithoutGo(): Promise<string | false> {
  const answer = await goAvailable()
  return skipUnless(answer.available ? undefined : answer.reason)
}

/** The path of a backend's program; builds it when it is not in the cache. Throws what Go said. */
export function ensureBackend(name: BackendName): Promise<string> {
  return ensureProgram(BACKENDS[name])
}

/** The same for any Go program. */
export async function ensureProgram(source: GoProgram): Promise<string> {
  const { folder, program } = source
  const answer = await goAvailable()
  if (!answer.available) throw new Error(`Cannot build ${program}: ${answer.reason}`)
  const key = hash(source, answer.version)
  const path = join(backendsCache(), `${basename(folder)}-${key}`, program)
  const known = building.get(path) ?? build(source, path)
  building.set(path, known)
  // A failure is not remembered: the next test says it again, with its own stack.
  known.catch(() => building.delete(path))
  return known
}

async function build(source: GoProgram, path: string): Promise<string> {
  const { folder, program, minutes } = source
  if (existsSync(path)) return path
  mkdirSync(dirname(path), { recursive: true })
  process.stderr.write(`Building ${program} from its Go module (about ${minutes} minutes, once)\n`)
  try {
    await run('flock', [join(backendsCache(), 'lock'), ...buildCommand(path, source.package)], {
      cwd: folder,
      env: { ...process.env, ...ENVIRONMENT },
      maxBuffer: OUTPUT_BYTES_MAX,
    })
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim() || String(error)
    throw new Error(`Cannot build ${program} in ${folder}: ${said}`)
  }
  return path
}

/**
 * One build at a time on this machine, as each uses all cores and up to 2 GB. Who has waited for
 * the lock finds the program there; the kernel drops the lock of a process that was killed.
 */
function buildCommand(path: string, target: string): string[] {
  const script = '[ -x "$0" ] || { "$@" && mv "$0.partial" "$0"; }'
  return ['sh', '-c', script, path, 'go', 'build', ...FLAGS, '-o', `${path}.partial`, target]
}

async function askGo(): Promise<GoAvailable> {
  try {
    // Asked inside a module, where a `go` that can switch its toolchain has done so.
    const { stdout } = await run('go', ['version'], { cwd: join(MODULES, 'etcd') })
    return { available: true, version: stdout.trim() }
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: string }
    const why = code === 'ENOENT' ? 'go is not installed' : `go does not run: ${stderr?.trim()}`
    return { available: false, reason: why }
  }
}

function hash(source: GoProgram, goVersion: string): string {
  const hash = createHash('sha256')
  for (const part of [goVersion, source.package, ...FLAGS]) hash.update(`${part}\0`)
  for (const file of readdirSync(source.folder).sort()) {
    if (!/^go\.(mod|sum)$|\.go$/.test(file)) continue
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(source.folder, file)))
      .update('\0')
  }
  return hash.digest('hex').slice(0, 16)
}

/** Where all that tests talk to is kept. */
export function backendsCache(): string {
  const { FLOWSPAN_CACHE, XDG_CACHE_HOME } = process.env
  const base = FLOWSPAN_CACHE || XDG_CACHE_HOME || join(homedir(), '.cache')
  return join(base, 'flowspan/backends')
}
