/**
 * Maps file descriptors of BPF maps into this process (mmap(2)). No capability is needed: to hold
 * the descriptor is the permission.
 */
import koffi from 'koffi'

const PROT_READ = 1
const PROT_WRITE = 2
const MAP_SHARED = 1
const MAP_FAILED = 0xffff_ffff_ffff_ffffn
const SC_PAGESIZE = 30

const libc = koffi.load('libc.so.6')
const mmap = libc.func(
  'void *mmap(void *addr, size_t length, int prot, int flags, int fd, int64_t offset)',
)
const munmap = libc.func('int munmap(void *addr, size_t length)')
const sysconf = libc.func('long sysconf(int name)')

export interface Mapping {
  /** The memory itself, not a copy: to touch it after `unmap` crashes the process. */
  readonly buffer: ArrayBuffer
  unmap(): void
}

export interface Region {
  readonly offset: number
  readonly bytes: number
  readonly writable: boolean
}

/** Maps a region of what `fd` stands for. Throws with the errno's name. */
export function map(fd: number, region: Region): Mapping {
  const protection = region.writable ? PROT_READ | PROT_WRITE : PROT_READ
  const address: unknown = mmap(null, region.bytes, protection, MAP_SHARED, fd, region.offset)
  if (address === null || koffi.address(address) === MAP_FAILED) {
    throw new Error(`Cannot map file descriptor ${fd}: ${errnoName(koffi.errno())}`)
  }
  const buffer = koffi.view(address, region.bytes)
  return { buffer, unmap: () => munmap(address, region.bytes) }
}

/** Bytes in a page of this machine: the unit of mmap. */
export function pageBytes(): number {
  return Number(sysconf(SC_PAGESIZE))
}

/** So many bytes, rounded up to whole pages. */
export function wholePages(bytes: number): number {
  const page = pageBytes()
  return Math.ceil(bytes / page) * page
}

export function errnoName(errno: number): string {
  const named = Object.entries(koffi.os.errno).find(([, value]) => value === errno)
  return named === undefined ? `errno ${errno}` : named[0]
}
