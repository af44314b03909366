/**
 * A way to a port that loses answers: whenever it gets SIGUSR2, what the server says from then on
 * is swallowed, and after half a second all connections break. What clients said has arrived.
 *
 *     lossy.ts PORT TARGET_PORT
 */
import { connect, createServer, type Socket } from 'node:net'

const SWALLOW_MS = 500

const [port, target] = process.argv.slice(2).map(Number) as [number, number]
const open = new Set<Socket>()
let isSwallowing = false

createServer((near) => {
  const far = connect(target, '127.0.0.1')
  open.add(near)
  near.pipe(far)
  far.on('data', (data) => {
    if (!isSwallowing) near.write(data)
  })
  far.on('close', () => near.destroy()).on('error', () => near.destroy())
  near.on('error', () => far.destroy())
  near.on('close', () => {
    open.delete(near)
    far.end()
  })
}).listen(port, '0.0.0.0')

process.on('SIGUSR2', () => {
  isSwallowing = true
  setTimeout(() => {
    for (const socket of open) socket.destroy()
    isSwallowing = false
  }, SWALLOW_MS)
})
