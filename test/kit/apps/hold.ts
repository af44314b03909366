/**
 * A client that makes one request and keeps its connection until it is ended.
 *
 *     hold.ts URL
 *
 * Prints `holds PORT`, the connection's local port, once it is answered.
 */
import http from 'node:http'

process.title = 'hold'

const agent = new http.Agent({ keepAlive: true })
http.get(process.argv[2] as string, { agent }, (response) => {
  const port = response.socket.localPort
  response.resume().on('end', () => console.log(`holds ${port}`))
})
// The agent lets the process end while a kept connection is idle.
setInterval(() => {}, 1000)
