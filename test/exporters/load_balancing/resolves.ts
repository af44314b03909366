/** Prints what the DNS resolver says, a line each; for dns.test.ts, in its namespace. */
import pino from 'pino'
import { DnsResolver } from '../../../exporters/load_balancing/resolvers/dns.ts'

const say = (what: readonly string[]) => console.log(JSON.stringify([...what].sort()))
const resolver = new DnsResolver(
  { hostname: 'gateway-headless', port: '4317', interval: 50, timeout: 2000 },
  {
    logger: pino({ level: 'silent' }),
    resolved: say,
    failed: () => say(['failed']),
  },
)
await resolver.start()
// The resolver's own timer keeps nobody alive; whoever started this ends it.
setInterval(() => {}, 60_000)
