/**
 * A client that makes one request and keeps its connection until it is ended.
 *
 *     hold.ts URL
 *
 * Prints `holds PORT`, the connection's local port, once it is answered. Each SIGUSR2 makes one
 * more request on it, answered with the same line.
 */
import http from 'node:http'

process.title = 'hold'

const agent = new http.Agent({ keepAlive: true })

function ask(): void {
  http.get(process.argv[2] as string, { agent }, (response) => {
    const port = response.socket.localPort
    response.resume().on('end', () => console.log(`holds ${port}`))
  })
}

process.on('SIGUSR2', ask)
ask()
// The agent lets the process end while a kept connection is idle.
setInterval(() => {}, 1000)
