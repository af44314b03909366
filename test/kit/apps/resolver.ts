/**
 * Looks names up at one name server, all at once, as Node does it itself.
 *
 *     resolver.ts ADDRESS COUNT     n0.shop …; prints lines: A|AAAA name addresses or error
 */
import { Resolver } from 'node:dns/promises'

const [, , address = '', count = '0'] = process.argv
const resolver = new Resolver({ timeout: 3000, tries: 3 })
resolver.setServers([address])

async function look(type: 'A' | 'AAAA', name: string): Promise<void> {
  const found = type === 'A' ? resolver.resolve4(name) : resolver.resolve6(name)
  const said = await found.then(
    (addresses) => addresses.join(','),
    (error: NodeJS.ErrnoException) => error.code ?? 'failed',
  )
  console.log(`${type} ${name} ${said}`)
}

await Promise.all(
  Array.from({ length: Number(count) }, (_, i) => `n${i}.shop`).flatMap((name) => [
    look('A', name),
    look('AAAA', name),
  ]),
)
