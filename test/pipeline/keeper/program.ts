/**
 * flowspan with one more component: a receiver that needs privileges. Its privileged half opens a
 * file of root's and passes the descriptor on; its other half writes into that what it finds
 * itself to be. Each half does as its config says.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { z } from 'zod'
import { main } from '../../../cli/main.ts'
import { nopExporter } from '../../../exporters/nop/index.ts'
import { receiver, type Settings } from '../../../pipeline/component.ts'
import { leftovers } from '../../../pipeline/keeper/privileges.ts'
import { nopReceiver } from '../../../receivers/nop/index.ts'

const schema = z.strictObject({
  /** Both halves append lines to it. */
  path: z.string(),
  /** Can differ after a reload, and cannot. */
  value: z.number().default(0),
  fixed: z.number().default(0),
  fail: z.enum(['never', 'open', 'create', 'start', 'later', 'fatal']).default('never'),
})

type Config = z.infer<typeof schema>

class Failure extends Error {}

function failAt(step: Config['fail'], { fail }: Config): void {
  if (fail === step) throw new Failure(`told to fail at ${step}`)
}

function create(settings: Settings, config: Config) {
  const say = (line: string) => writeSync(settings.inherited?.fds[0] ?? 1, `${line}\n`)
  failAt('create', config)
  return {
    start(host: { fatal(error: Error): void }) {
      failAt('start', config)
      say(`value ${config.value} by ${process.pid}`)
      say(`child ${process.pid} uid ${process.getuid?.()} gid ${process.getgid?.()}`)
      say(`groups [${process.getgroups?.()}] left [${leftovers(status())}]`)
      say(`info ${JSON.stringify(settings.inherited?.info)} readable ${isReadable(config.path)}`)
      if (config.fail === 'later') setTimeout(() => failAt('later', config), 50)
      if (config.fail === 'fatal') setTimeout(() => host.fatal(new Failure('told so')), 50)
    },
    shutdown: async () => {
      say(`value ${config.value} ended`)
      say('child ended')
    },
  }
}

function status(): string {
  return readFileSync('/proc/self/status', 'utf8')
}

function isReadable(path: string): boolean {
  try {
    closeSync(openSync(path, 'r'))
    return true
  } catch {
    return false
  }
}

const needy = receiver<Config>({
  type: 'needy',
  stability: 'development',
  schema,
  fixed: (running, wanted) =>
    running.fixed === wanted.fixed
      ? []
      : [{ path: ['fixed'], message: 'Cannot change without a restart' }],
  async open(config) {
    failAt('open', config)
    const fd = openSync(config.path, 'a', 0o600)
    writeSync(fd, `opened ${process.pid}\n`)
    return {
      fds: [fd],
      info: { answer: 42 },
      childStarted: (pid: number) => void writeSync(fd, `started ${pid}\n`),
      reconfigure: (wanted: unknown) =>
        void writeSync(fd, `keeper told of value ${(wanted as Config).value}\n`),
      close: () => void writeSync(fd, 'closed\n'),
    }
  },
  create: { flows: create },
})

await main(process.argv.slice(2), {
  factories: [needy, nopReceiver, nopExporter],
  version: '0.0.0-test',
})
