/** A socket in the file system that leads to a TCP port: network namespaces do not stop it. */
import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'

/** Listens when it resolves. The caller closes the server. */
export async function relay(path: string, port: number): Promise<Server> {
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    near.pipe(far).pipe(near)
    near.on('error', () => far.destroy())
    far.on('error', () => near.destroy())
  })
  server.listen(path)
  await once(server, 'listening')
  return server
}
