/** How data comes to receivers from outside. */
import { execFile } from 'node:child_process'
import { request } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Signal } from '../../pipeline/component.ts'
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import { FlowsEncoder } from '../../pipeline/flows/otlp/encode.ts'
import { toJson } from '../../pipeline/otlp/json.ts'
import { exportOtlp } from '../kit/otlp_client.ts'
import { freePorts } from '../kit/ports.ts'
import { Program } from '../kit/processes.ts'
import { plain } from './data.ts'

const STORAGE = join(import.meta.dirname, '../kit/apps/storage.py')

/** One HTTP request, neither end of which is in this process. */
export async function requestOnLoopback(): Promise<undefined> {
  const [port] = await freePorts(1, '127.0.0.1')
  const server = new Program(['/usr/bin/python3', STORAGE, String(port)])
  try {
    await server.listens({ host: '127.0.0.1', port: port as number })
    await promisify(execFile)('curl', ['-sf', `http://127.0.0.1:${port}/items/1`])
  } finally {
    await server.stop()
  }
}

/** A request over gRPC and one in each encoding over HTTP; gives the items that were accepted. */
export function otlpRequests(carries: Signal) {
  return async ([grpc, http]: readonly string[]): Promise<number> => {
    const data = plain(carries)
    // Rows of flows come as logs.
    const batch = data instanceof FlowBatch ? new FlowsEncoder('1').encode(data) : data
    const { signal } = batch
    const url = `http://${http}/v1/${signal}`
    const sent = await Promise.allSettled([
      exportOtlp(grpc as string, batch),
      post(url, { type: 'application/x-protobuf', body: batch.bytes }),
      post(url, {
        type: 'application/json',
        body: Buffer.from(toJson(signal, batch.bytes) as string),
      }),
    ])
    return sent.filter(({ status }) => status === 'fulfilled').length * batch.items
  }
}

/** Rejects unless the answer is 200. */
function post(url: string, { type, body }: { type: string; body: Uint8Array }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const headers = { 'content-type': type, 'content-length': body.length }
  const posting = request(url, { method: 'POST', agent: false, headers }, (answer) => {
    answer.resume().on('end', () => {
      if (answer.statusCode === 200) resolve()
      else reject(new Error(`HTTP ${answer.statusCode}`))
    })
  })
  posting.on('error', reject).end(body)
  return promise
}
