import { Socket } from 'node:net'
import type { Stop } from '../stop.ts'

/**
 * Asks for the end when the keeper is gone, however it went. (PR_SET_PDEATHSIG would not do: the
 * kernel forgets it when the process changes its user.)
 */
export function watchLifeline(fd: number, stop: Stop): void {
  const lifeline = new Socket({ fd, readable: true, writable: false })
  lifeline.on('error', () => {})
  lifeline.on('close', () => stop.request('the keeper has ended'))
  lifeline.resume()
  lifeline.unref()
}
