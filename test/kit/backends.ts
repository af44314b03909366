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
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const MODULES = join(import.meta.dirname, '../backends')
const FLAGS = ['-trimpath', '-buildvcs=false', '-ldflags', '-s -w']
const ENVIRONMENT = { CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' }
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024

interface Backend {
  /** File name of the binary. */
  readonly program: string
  readonly package: string
  /** A cold build on two cores. */
  readonly minutes: number
}

const BACKENDS = {
  etcd: { program: 'etcd', package: 'go.etcd.io/etcd/server/v3', minutes: 2 },
  kube_apiserver: {
    program: 'kube-apiserver',
    package: 'k8s.io/kubernetes/cmd/kube-apiserver',
    minutes: 6,
  },
  jaeger: {
    program: 'jaeger',
    package: 'github.com/jaegertracing/jaeger/cmd/jaeger',
    minutes: 6,
  },
  otelcol: { program: 'otelcol', package: '.', minutes: 3 },
} as const satisfies Record<string, Backend>

export type BackendName = keyof typeof BACKENDS

export const backendNames = Object.keys(BACKENDS) as readonly BackendName[]

/** Whether backends can be built here, and by which Go. */
export type GoAvailable =
  | { readonly available: true; readonly version: string }
  | { readonly available: false; readonly reason: string }

let go: Promise<GoAvailable> | undefined
const building = new Map<BackendName, Promise<string>>()

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
  return answer.available || inCi() ? false : answer.reason
}

/** The path of a backend's program; builds it when it is not in the cache. Throws what Go said. */
export function ensureBackend(name: BackendName): Promise<string> {
  const known = building.get(name) ?? build(name)
  building.set(name, known)
  // A failure is not remembered: the next test says it again, with its own stack.
  known.catch(() => building.delete(name))
  return known
}

async function build(name: BackendName): Promise<string> {
  const backend: Backend = BACKENDS[name]
  const answer = await goAvailable()
  if (!answer.available) throw new Error(`Cannot build ${backend.program}: ${answer.reason}`)
  const folder = join(MODULES, name)
  const program = join(cache(), `${name}-${hash(folder, answer.version)}`, backend.program)
  if (existsSync(program)) return program
  mkdirSync(dirname(program), { recursive: true })
  process.stderr.write(
    `Building ${backend.program} from its Go module (about ${backend.minutes} minutes, once)\n`,
  )
  try {
    await run('flock', [join(cache(), 'lock'), ...buildCommand(program, backend.package)], {
      cwd: folder,
      env: { ...process.env, ...ENVIRONMENT },
      maxBuffer: OUTPUT_BYTES_MAX,
    })
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim() || String(error)
    throw new Error(`Cannot build ${backend.program} in ${folder}: ${said}`)
  }
  return program
}

/**
 * One build at a time on this machine, as each uses all cores and up to 2 GB. Who has waited for
 * the lock finds the program there; the kernel drops the lock of a process that was killed.
 */
function buildCommand(program: string, target: string): string[] {
  const script = '[ -x "$0" ] || { "$@" && mv "$0.partial" "$0"; }'
  return ['sh', '-c', script, program, 'go', 'build', ...FLAGS, '-o', `${program}.partial`, target]
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

function hash(folder: string, goVersion: string): string {
  const hash = createHash('sha256')
  for (const part of [goVersion, ...FLAGS]) hash.update(`${part}\0`)
  for (const file of readdirSync(folder).sort()) {
    if (!/^go\.(mod|sum)$|\.go$/.test(file)) continue
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(folder, file)))
      .update('\0')
  }
  return hash.digest('hex').slice(0, 16)
}

function cache(): string {
  const { FLOWSPAN_CACHE, XDG_CACHE_HOME } = process.env
  const base = FLOWSPAN_CACHE || XDG_CACHE_HOME || join(homedir(), '.cache')
  return join(base, 'flowspan/backends')
}

function inCi(): boolean {
  return process.env.CI === 'true'
}
