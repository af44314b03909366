/**
 * flowspan as npm packs and installs it: packed from copies of this tree, installed into a folder
 * where there is neither a compiler nor anything else of a developer's.
 */
import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'

const ROOT = join(import.meta.dirname, '../..')
/** What a clone does not have. */
const NOT_CLONED = ['.git', 'node_modules', 'dist', 'build']
/** All that npm, the launcher and the keeper call. */
const TOOLS = ['sh', 'node', 'npm', 'dirname', 'readlink', 'uname', 'setpriv']

const run = promisify(execFile)

export interface Packed {
  /** Path of the tarball. */
  readonly tarball: string
  readonly bytes: number
  /** Digest of the tarball. */
  readonly integrity: string
  /** Paths in the package. */
  readonly files: readonly string[]
}

/** Packs a copy of the tree, as a clone after `npm run setup` is. */
export async function pack(folder: string): Promise<Packed> {
  const copy = join(folder, 'flowspan')
  const isCloned = (path: string) => !NOT_CLONED.includes(basename(path)) && !path.endsWith('.tgz')
  mkdirSync(copy, { recursive: true })
  for (const name of readdirSync(ROOT).filter(isCloned)) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true, filter: isCloned })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  const args = ['pack', '--json', '--loglevel=error', '--pack-destination', folder]
  const { stdout } = await run('npm', args, { cwd: copy })
  // What the scripts print comes first.
  const [made] = JSON.parse(stdout.slice(stdout.search(/^\[$/m)))
  return {
    tarball: join(folder, made.filename),
    bytes: made.size,
    integrity: made.integrity,
    files: made.files.map(({ path }: { path: string }) => path).sort(),
  }
}

/** An installation, and the environment in which it is used. */
export interface Installed {
  readonly folder: string
  /** The launcher, as npm links it. */
  readonly program: string
  readonly env: NodeJS.ProcessEnv
}

/**
 * Installs a tarball as a user would, with a home and a PATH in which there is nothing else.
 * npm's cache is the machine's: what has been fetched once is not fetched again.
 */
export async function install(
  { tarball }: Packed,
  { folder, flags = [] }: { folder: string; flags?: readonly string[] },
): Promise<Installed> {
  const app = join(folder, 'app')
  const home = join(folder, 'home')
  for (const path of [app, home]) mkdirSync(path, { recursive: true })
  const env = {
    PATH: binOf(folder),
    HOME: home,
    npm_config_cache: execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim(),
    // Whatever certificates and proxies this machine reaches a registry with.
    ...only(process.env, /^(https?_proxy|no_proxy|node_extra_ca_certs)$/i),
  }
  const args = ['install', tarball, '--prefer-offline', '--loglevel=error', ...flags]
  await run('npm', args, { cwd: app, env })
  return { folder: app, program: join(app, 'node_modules/.bin/flowspan'), env }
}

/** A folder of links to the few programs that are needed. */
export function binOf(folder: string, tools: readonly string[] = TOOLS): string {
  const bin = join(folder, 'bin')
  mkdirSync(bin, { recursive: true })
  for (const tool of tools) {
    const path = execFileSync('sh', ['-c', `command -v ${tool}`], {
      encoding: 'utf8',
      // Without what an npm script adds: its node is this project's.
      env: { ...process.env, PATH: withoutModules(process.env.PATH ?? '') },
    })
    symlinkSync(path.trim(), join(bin, tool))
  }
  return bin
}

function withoutModules(path: string): string {
  return path
    .split(':')
    .filter((folder) => !folder.includes('node_modules'))
    .join(':')
}

function only(env: NodeJS.ProcessEnv, names: RegExp): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => names.test(name)))
}

export interface Ran {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program of the installation to its end. */
export async function runInstalled(
  { folder, env }: Installed,
  command: readonly string[],
): Promise<Ran> {
  const [program, ...args] = command as [string, ...string[]]
  try {
    return { status: 0, ...(await run(program, args, { cwd: folder, env, timeout: 60_000 })) }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string }
    if (typeof code !== 'number') throw error
    return { status: code, stdout, stderr }
  }
}

/** The text of a file of the package. */
export function fileOf({ folder }: Installed, path: string): Buffer {
  return readFileSync(join(folder, 'node_modules/flowspan', path))
}
