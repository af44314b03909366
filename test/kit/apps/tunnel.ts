/**
 * Ports on a pod's loopback that lead to sockets in the file system, and so out of the pod.
 *
 *     tunnel.ts PORT=SOCKET...
 */
import { connect, createServer } from 'node:net'

for (const pair of process.argv.slice(2)) {
  const [port, path] = pair.split('=') as [string, string]
  const server = createServer((near) => {
    const far = connect(path)
    near.pipe(far).pipe(near)
    near.on('error', () => far.destroy())
    far.on('error', () => near.destroy())
  })
  server.listen(Number(port), '127.0.0.1')
}
