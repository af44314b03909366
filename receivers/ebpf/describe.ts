/** Says in a line or two what is captured and how to see something of it. */
import type { KernelInfo } from './capabilities.ts'

export function describeCapture({ capabilities }: KernelInfo): string[] {
  const hooks = (wanted: (signal: string) => boolean) => {
    const active = capabilities.filter(({ signal, state }) => state === 'active' && wanted(signal))
    return [...new Set(active.map(({ hook }) => hook))]
  }
  const isPayload = (signal: string) => signal.startsWith('payload')
  const isUdp = (signal: string) => signal.startsWith('udp')
  const isEpisode = (signal: string) => signal.endsWith('episodes')
  const isOther = (signal: string) =>
    isPayload(signal) || isUdp(signal) || isEpisode(signal) || signal === 'dns'
  const connections = hooks((signal) => !isOther(signal))
  const payload = hooks(isPayload)
  const lines = [`Capturing TCP connections of this host, by ${connections.join(', ')}`]
  const episodes = hooks(isEpisode)
  if (episodes.length > 0) lines.push(`Watching for delay and loss, by ${episodes.join(', ')}`)
  const udp = hooks(isUdp)
  if (udp.length > 0) {
    const dns = hooks((signal) => signal === 'dns').length > 0 ? ', and DNS in it' : ''
    lines.push(`Capturing UDP${dns}, by ${udp.join(', ')}`)
  }
  if (payload.length > 0) {
    lines.push(`Capturing plaintext requests, by ${payload.join(', ')}`)
    lines.push('To see something, make a request to any server here, as curl http://127.0.0.1/')
  } else {
    lines.push('To see something, connect to anything, as curl http://127.0.0.1/')
  }
  for (const { signal, state, why, hook } of capabilities) {
    // Who turned a signal off, or left it off, need not be told so.
    if (state === 'unavailable') {
      lines.push(`Not capturing ${signal} (${hook}): ${why ?? 'for no known reason'}`)
    }
  }
  return lines
}
