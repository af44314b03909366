/**
 * Locks that the kernel lets go of when their holder ends, however it ends (flock(2)). Two opens of
 * one file exclude each other, within a process too.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import koffi from 'koffi'

const LOCK_EX = 2
const LOCK_NB = 4
const POLL_MS = 20

// Of the C library that Node itself is linked to, whichever that is.
const flock = koffi.load(null).func('int flock(int fd, int operation)')

export interface Lock {
  release(): void
}

/**
 * Takes the lock on `path`, which is made when it is not there, and writes this process's id into
 * it. Throws when somebody else has it for longer than `timeoutMs`, naming the process.
 */
export async function lockFile(path: string, { timeoutMs }: { timeoutMs: number }): Promise<Lock> {
  // Not inherited by children: one that outlives this process would keep the lock.
  const fd = openSync(path, 'a+', 0o600)
  try {
    const deadline = performance.now() + timeoutMs
    while (flock(fd, LOCK_EX | LOCK_NB) !== 0) {
      const errno = koffi.errno()
      if (errno !== koffi.os.errno.EAGAIN && errno !== koffi.os.errno.EINTR) {
        throw new Error(`cannot lock ${path}: errno ${errno}`)
      }
      if (performance.now() >= deadline) throw new Error(`${holderOf(path)} has ${path} locked`)
      await delay(POLL_MS)
    }
    ftruncateSync(fd)
    writeSync(fd, `${process.pid}\n`)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  let isHeld = true
  return {
    release() {
      if (isHeld) closeSync(fd)
      isHeld = false
    },
  }
}

function holderOf(path: string): string {
  const pid = /^\d+$/m.exec(readFileSync(path, 'utf8'))?.[0]
  return pid === undefined ? 'another process' : `process ${pid}`
}
