/** Reading a configuration, once or again and again. */
import type { Logger } from 'pino'
import type { Config } from '../pipeline/config/config.ts'
import type { Factories } from '../pipeline/config/factories.ts'
import { decodeConfig } from '../pipeline/config/load.ts'
import { ConfigError } from '../pipeline/config/problems.ts'
import { type ConfigArguments, type Resolved, resolveConfig } from '../pipeline/config/resolve.ts'
import { GraphError, planGraph } from '../pipeline/graph/plan.ts'
import { Reloader } from '../pipeline/reload/reloader.ts'
import { FileWatch } from '../pipeline/reload/watch.ts'

interface With {
  readonly factories: Factories
}

export interface Loaded {
  readonly resolved: Resolved
  readonly config: Config
}

/** Throws a ConfigError that lists every problem, or an Error that says why there is nothing. */
export async function loadConfig(args: ConfigArguments, program: With): Promise<Config> {
  return decodePlanned(await resolveConfig(args, process.env), program)
}

/** Decodes what was resolved, here or in another process. */
export function decodePlanned(resolved: Resolved, { factories }: With): Config {
  const config = decodeConfig(resolved, { factories })
  const { problems } = planGraph(config)
  if (problems.length > 0) throw new GraphError(problems, config.locate)
  return config
}

/** The configuration of a process that runs: read at its start, and again at each reload. */
export class ConfigSource {
  readonly #args: ConfigArguments
  readonly #program: With
  readonly #watch = new FileWatch()

  constructor(args: ConfigArguments, program: With) {
    this.#args = args
    this.#program = program
  }

  async load(): Promise<Loaded> {
    this.#watch.reading()
    const resolved = await resolveConfig(this.#args, process.env)
    this.#watch.read(resolved.files)
    return { resolved, config: decodePlanned(resolved, this.#program) }
  }

  /** Like `load`; unlike `validate`, says of a section that is wrong that it is invalid. */
  async loadToRun(): Promise<Loaded> {
    try {
      return await this.load()
    } catch (error) {
      if (!(error instanceof ConfigError) || error instanceof GraphError) throw error
      throw new Error(`invalid configuration: ${error.message}`, { cause: error })
    }
  }

  /**
   * How it is read again, from when `config` is in force on.
   * @param apply brings what was read into force; throws when what runs was kept, and why
   */
  reloader(
    config: Config,
    { logger, apply }: { logger: Logger; apply: (loaded: Loaded) => Promise<void> },
  ): Reloader {
    const watchAsWanted = ({ service }: Config) => {
      if (service.reload.watch) this.#watch.start(() => void reloader.request('changed files'))
      else this.#watch.stop()
    }
    const reloader = new Reloader(async () => {
      const loaded = await this.load()
      await apply(loaded)
      watchAsWanted(loaded.config)
    }, logger)
    watchAsWanted(config)
    return reloader
  }
}
