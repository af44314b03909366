/**
 * Kernels that are not the host's: Debian's for virtual machines, unpacked and never installed.
 *
 *     <cache>/flowspan/kernels/<package>_<version>/{boot/vmlinuz-…,lib/modules/…}
 *
 * Which package is the newest is asked each time, so that the kernels tested are those that run.
 */
import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Debian 12's own kernel, and that of its backports: the two that most of its clusters run. */
export const KERNELS = [
  { version: '6.1', metaPackage: 'linux-image-cloud-amd64' },
  { version: '6.12', metaPackage: 'linux-image-6.12-cloud-amd64' },
] as const

export interface Kernel {
  readonly version: string
  readonly metaPackage: string
}

/** An unpacked kernel. */
export interface KernelFiles {
  readonly image: string
  /** The folder below which its modules are. */
  readonly modules: string
}

/** Downloads a kernel unless it is there. Throws with what is missing. */
export async function ensureKernel({ metaPackage }: Kernel): Promise<KernelFiles> {
  const name = await newest(metaPackage)
  const home = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const cache = join(home, 'flowspan/kernels')
  mkdirSync(cache, { recursive: true })
  const folder = join(cache, name)
  if (!existsSync(folder)) {
    const temporary = mkdtempSync(join(cache, 'new-'))
    await run('apt-get', ['download', '-q', name], { cwd: temporary })
    const [deb] = globSync('*.deb', { cwd: temporary })
    if (deb === undefined) throw new Error(`apt-get download ${name} gave no package`)
    await run('dpkg', ['-x', deb, 'unpacked'], { cwd: temporary })
    // Renamed when complete: who finds the folder finds a kernel.
    renameSync(join(temporary, 'unpacked'), folder)
    rmSync(temporary, { recursive: true })
  }
  const [image] = globSync('boot/vmlinuz-*', { cwd: folder })
  if (image === undefined) throw new Error(`There is no kernel in ${folder}`)
  const modules = existsSync(join(folder, 'usr/lib/modules')) ? 'usr/lib/modules' : 'lib/modules'
  return { image: join(folder, image), modules: join(folder, modules) }
}

async function newest(metaPackage: string): Promise<string> {
  for (const update of [false, true]) {
    if (update) await run('apt-get', ['update', '-q'])
    const { stdout } = await run('apt-cache', ['depends', metaPackage]).catch(() => ({
      stdout: '',
    }))
    const name = /Depends: (linux-image-\S+)/.exec(stdout)?.[1]
    if (name !== undefined) return name
  }
  throw new Error(`Debian's packages here have no ${metaPackage}: is this Debian 12 on x86-64?`)
}
