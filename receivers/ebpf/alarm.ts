/**
 * Wakes the receiver when the kernel's programs ask for it: a ring has become an eighth full, a
 * record came while it sleeps (bpf/wake.bpf.h), or there is a sign of an episode. So it can sleep
 * long on a quiet host, and a sudden load finds it awake. epoll(7), with EPOLLET: to have
 * something in it is no reason.
 */
import { closeSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import koffi from 'koffi'
import { errnoName } from './memory.ts'

const EPOLL_CLOEXEC = 0o2000000
const EPOLL_CTL_ADD = 1
const EPOLLIN = 1
const EPOLLET = 0x8000_0000
const EFD_CLOEXEC = 0o2000000
/** struct epoll_event: 12 bytes on x86, 16 elsewhere. */
const EVENT_BYTES = 16
/** Lest a thread that nobody ends keeps the process from its end. */
const WAIT_MS = 10_000

const libc = koffi.load('libc.so.6')
const epollCreate = libc.func('int epoll_create1(int flags)')
const epollCtl = libc.func('int epoll_ctl(int epfd, int op, int fd, void *event)')
const epollWait = libc.func('int epoll_wait(int epfd, void *events, int most, int timeout)')
const eventFd = libc.func('int eventfd(unsigned int initial, int flags)')

export interface Alarms {
  /** False: nothing of `fds` wakes anybody. They are files, the rings of a bench. */
  readonly areHeard: boolean
  stop(): void
}

/**
 * Calls `onAlarm` when the kernel wakes a reader of one of `fds`, until it is stopped. It waits in
 * a thread of libuv's pool. Throws with the errno's name.
 */
export function listenForAlarms(fds: readonly number[], onAlarm: () => void): Alarms {
  const epoll = checked('epoll_create1', epollCreate(EPOLL_CLOEXEC))
  const end = checked('eventfd', eventFd(0, EFD_CLOEXEC))
  const areHeard = fds.map((fd) => watch(epoll, fd, EPOLLIN | EPOLLET)).every(Boolean)
  watch(epoll, end, EPOLLIN)
  const events = new Uint8Array(EVENT_BYTES)
  let isOpen = true
  const wait = () =>
    epollWait.async(epoll, events, 1, WAIT_MS, (_: unknown, woken: number) => {
      if (!isOpen) {
        closeSync(epoll)
        closeSync(end)
        return
      }
      wait()
      if (woken > 0) onAlarm()
    })
  const stop = () => {
    if (!isOpen) return
    isOpen = false
    process.off('exit', stop)
    writeSync(end, new BigUint64Array([1n]))
  }
  // The pool's threads are waited for when the process ends.
  process.once('exit', stop)
  wait()
  return { areHeard, stop }
}

/** False: it is a file, which wakes nobody. */
function watch(epoll: number, fd: number, events: number): boolean {
  const event = new Uint8Array(EVENT_BYTES)
  new DataView(event.buffer).setUint32(0, events >>> 0, true)
  const answer: number = epollCtl(epoll, EPOLL_CTL_ADD, fd, event)
  if (answer < 0 && koffi.errno() === constants.errno.EPERM) return false
  checked('epoll_ctl', answer)
  return true
}

function checked(call: string, answer: number): number {
  if (answer < 0)
    throw new Error(`Cannot wait for the kernel (${call}): ${errnoName(koffi.errno())}`)
  return answer
}
