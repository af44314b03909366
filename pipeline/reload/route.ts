/**
 * `POST /-/reload`, beside the service's own metrics. Only for programs on this machine: a peer
 * elsewhere is refused, and so is a browser, which sends `Origin` with every POST.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { BlockList, isIPv6 } from 'node:net'
import type { ReloadResult } from '../service_view.ts'

export const RELOAD_PATH = '/-/reload'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

export async function answerReload(
  request: IncomingMessage,
  response: ServerResponse,
  reload: () => Promise<ReloadResult>,
): Promise<void> {
  // A body means nothing here.
  request.resume()
  if (!isLoopback(request.socket.remoteAddress)) {
    return answer(response, 403, 'Only from this machine')
  }
  if (request.headers.origin !== undefined) return answer(response, 403, 'Not from a web page')
  if (request.method !== 'POST') {
    response.setHeader('allow', 'POST')
    return answer(response, 405, 'Only POST')
  }
  const result = await reload()
  if (result.ok) answer(response, 200, 'Reloaded the configuration')
  else answer(response, 400, `Cannot reload the configuration: ${result.reason}`)
}

function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false
  // An IPv4 peer of a socket that takes both.
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '')
  return LOOPBACK.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}
