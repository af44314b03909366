/**
 * The contract of flowspan's components. Read this file first.
 *
 * A pipeline carries one signal from its receivers through its processors to its exporters. A
 * connector is an exporter of one pipeline and a receiver of another, often of another signal.
 * An extension stands beside the pipelines. Kinds, ids and life cycle are the OpenTelemetry
 * Collector's; the signal `flows` is ours.
 *
 *     receiver ──▶ processor ──▶ processor ──▶ exporter
 *                                        └───▶ connector ──▶ processor ──▶ exporter
 *
 * The graph is built backwards, so a component gets what stands after it (`next`) when it is
 * created, and never looks for it later.
 */
import type { Meter, Tracer } from '@opentelemetry/api'
import type { Logger } from 'pino'
import type { ZodType } from 'zod'
import type { Capability } from './capability.ts'
import type { FlowBatch } from './flows/batch.ts'
import type { Ledger } from './ledger.ts'
import type { Listening, OnConnection } from './listening.ts'
import type { OtlpBatch } from './otlp/batch.ts'
import type { Outcome, Retryable } from './outcome.ts'
import type { ServiceView } from './service_view.ts'
import type { Report } from './status.ts'

/** What a pipeline can carry. */
export const SIGNALS = ['flows', 'traces', 'metrics', 'logs'] as const
export type Signal = (typeof SIGNALS)[number]

/** Flows travel as columns; the OTLP signals as the bytes of an OTLP export request. */
export interface SignalData {
  flows: FlowBatch
  traces: OtlpBatch
  metrics: OtlpBatch
  logs: OtlpBatch
}

/** What every component can do. */
export interface Component {
  /**
   * Begins the component's work: opens files, sockets, timers. Called once, after everything that
   * stands behind this component in its pipelines has started, so data may flow at once.
   * A failure is thrown, with a message that names the option to change: it ends the start-up.
   */
  start?(host: Host): void | Promise<void>

  /**
   * Ends the component's work. When the promise resolves, everything the component held has been
   * handed to `next` or counted as lost, and no timer or handle of it keeps the process alive.
   * Must be safe without `start`, safe twice, and safe after a `start` that threw.
   * Receivers are shut down first, exporters last, so `next` is still there.
   *
   * `deadline` aborts when the component's part of the service's time is over: whatever is still
   * held is counted as lost then, without waiting for anything. Soon after that nobody waits for
   * the promise any more. Without it the component sets itself a bound.
   */
  shutdown?(deadline?: AbortSignal): Promise<void>

  /**
   * Items taken in and not yet passed on: the `held` of the ledger. Cheap, callable at any time.
   */
  held?(): number

  /**
   * A reload has a new config for this running component. Answers with a function that makes it
   * take effect, or undefined when only a new instance can: that one is then created and started
   * beside this one, which is shut down after data has been directed to the new one. Until the
   * function is called, once the whole reload is certain, nothing may change; it must not fail.
   * A component whose config is unchanged is kept without being asked.
   */
  reconfigure?(config: unknown): (() => void) | undefined
}

/** Takes data of one signal. */
export interface Consumer<S extends Signal = Signal> {
  /**
   * Whether `consume` may change the data it is given. The fan-out before it then gives it a copy
   * of its own, unless it is the only one to see the data.
   */
  readonly mutates: boolean

  /**
   * Whether nothing of the data is kept once `consume` has answered `ok`, where it answered at
   * once: its memory may then be used for other data. Left out, what was taken may be kept.
   */
  readonly borrows?: boolean

  /**
   * Takes one batch. With `ok` the data belongs to the consumer and the caller must not touch it
   * again; with any other outcome nothing was taken and the caller still owns it.
   * Answers synchronously wherever that is possible. Never throws on account of the data.
   */
  consume(data: SignalData[S]): Outcome | Promise<Outcome>

  /**
   * Why nothing would be taken at this moment, whatever it were. Whoever spends work before it can
   * offer data (reads a body, decompresses, decodes) asks first. Components that pass data on need
   * not implement it: the graph asks what stands behind a processor.
   */
  refusal?(): Retryable | undefined
}

/** Gets data into a pipeline: from the kernel, the network, a file. A noun. */
export type Receiver = Component

/** Takes data, changes or watches it, passes it on to the `next` it was created with. A verb. */
export interface Processor<S extends Signal = Signal> extends Component, Consumer<S> {}

/** Takes data out of the process. A noun. */
export interface Exporter<S extends Signal = Signal> extends Component, Consumer<S> {}

/** The last of one pipeline and the first of another. A noun: what it makes. */
export interface Connector<S extends Signal = Signal> extends Component, Consumer<S> {}

/** Serves the whole process: health, storage, authentication. Starts first, stops last. */
export type Extension = Component

/** What a component may ask of the service it runs in, from `start` on. */
export interface Host {
  /** The running extension with this id, or undefined. */
  extension(id: string): Extension | undefined
  /** Reports that the component cannot go on: the service shuts down in order and exits 1. */
  fatal(error: Error): void
  /** A receiver's word that it has given all it ever will: whoever runs the service may end it. */
  finished(): void
  /** Tells how the component is doing, whenever that may have changed. Cheap when it has not. */
  report(report: Report): void
  /**
   * Takes connections on `host:port`, `[v6]:port` or `unix:///path`. The socket outlives a reload:
   * the component that takes this one's place listens on the same address and gets every connection
   * from then on. Throws, naming the address, when it is taken by somebody else.
   */
  listen(endpoint: string, onConnection: OnConnection): Promise<Listening>
  /** The service as a whole, for extensions that show it. */
  readonly service: ServiceView
}

/** What code gives to a component; what the user gives to it is its config. */
export interface Settings {
  /** `type` or `type/name`, as written in the configuration. */
  readonly id: string
  /** Logs with the component's kind and id. */
  readonly logger: Logger
  /** Where the component accounts for each item that it does not pass on. */
  readonly ledger: Ledger
  /** flowspan's version, for user agents and scope versions. */
  readonly version: string
  /** The component's own instruments, beside what the ledger counts. Names: `otelcol_…`. */
  readonly meter: Meter
  /** Traces of flowspan itself; does nothing unless `service::telemetry::traces` is configured. */
  readonly tracer: Tracer
  /** What the privileged parent opened for this component (see `Factory.open`). */
  readonly inherited?: Inherited
}

/**
 * What a component's privileged half hands to its unprivileged half: file descriptors, which are
 * inherited, and a plain JSON value that describes them.
 */
export interface Inherited {
  readonly fds: readonly number[]
  readonly info: unknown
}

/** The privileged half of a component, alive in the parent process as long as that runs. */
export interface Privileged extends Inherited {
  /** Called with the child's process id each time the child has been started. */
  childStarted?(pid: number): void
  /**
   * Called when a reload has put another config of the component in force, which differs in nothing
   * that `fixed` names. Must not fail: what cannot take effect is logged.
   */
  reconfigure?(config: unknown): void
  /** Detaches, unpins and closes everything. Safe twice. */
  close(): void
}

export const KINDS = ['receiver', 'processor', 'exporter', 'connector', 'extension'] as const
export type Kind = (typeof KINDS)[number]

/** How far a component may be relied on, as the Collector grades it. */
export type Stability = 'development' | 'alpha' | 'beta' | 'stable'

interface FactoryOf<K extends Kind, Config> {
  readonly kind: K
  /** The type in an id, `lower_snake_case`. */
  readonly type: string
  /** Older spellings of the type which are still understood. */
  readonly aliases?: readonly string[]
  readonly stability: Stability
  /**
   * The schema of the config section; the defaults stand in it, so that `schema.parse({})` is the
   * default config. Objects are strict: an unknown key is an error.
   */
  readonly schema: ZodType<Config>
  /** Rules between options; each entry is one error, `path` relative to the section. */
  validate?(config: Config): readonly ConfigProblem[]
  /** The extensions that options name, so that one that will not run is found before the start. */
  extensions?(config: Config): readonly ExtensionUse[]
  /**
   * Opens what needs privileges, before the pipeline's process has given them up. Only for
   * components that cannot do without; errors say what is missing and what to do.
   */
  open?(config: Config, settings: PrivilegedSettings): Promise<Privileged>
  /**
   * What the component could see on this host with its default config, each signal tried and taken
   * away again; nothing is captured meanwhile. A host where nothing can be seen is no error.
   */
  probe?(): Promise<readonly Capability[]>
  /**
   * With `open`: what differs between two configs in the part that `open` uses. A reload cannot
   * open again, so each entry is an error of the reload, and the running config stays.
   */
  fixed?(running: Config, wanted: Config): readonly ConfigProblem[]
}

export interface PrivilegedSettings {
  readonly id: string
  readonly logger: Logger
}

export interface ConfigProblem {
  readonly path: readonly string[]
  readonly message: string
}

/** An option, relative to the section, and the id that stands there. */
export interface ExtensionUse {
  readonly path: readonly string[]
  readonly id: string
}

/** Creating a component may read files that its config names, but neither writes nor connects. */
type Made<T> = T | Promise<T>

export interface ReceiverFactory<Config = unknown> extends FactoryOf<'receiver', Config> {
  readonly create: {
    readonly [S in Signal]?: (s: Settings, config: Config, next: Consumer<S>) => Made<Receiver>
  }
}

export interface ProcessorFactory<Config = unknown> extends FactoryOf<'processor', Config> {
  readonly create: {
    readonly [S in Signal]?: (s: Settings, config: Config, next: Consumer<S>) => Made<Processor<S>>
  }
}

export interface ExporterFactory<Config = unknown> extends FactoryOf<'exporter', Config> {
  readonly create: {
    readonly [S in Signal]?: (s: Settings, config: Config) => Made<Exporter<S>>
  }
}

/** One maker for each pair of signals: `create.flows.traces` takes flows and makes traces. */
export interface ConnectorFactory<Config = unknown> extends FactoryOf<'connector', Config> {
  readonly create: {
    readonly [From in Signal]?: {
      readonly [To in Signal]?: (
        s: Settings,
        config: Config,
        next: Consumer<To>,
      ) => Made<Connector<From>>
    }
  }
}

export interface ExtensionFactory<Config = unknown> extends FactoryOf<'extension', Config> {
  readonly create: (s: Settings, config: Config) => Made<Extension>
}

export type Factory =
  | ReceiverFactory
  | ProcessorFactory
  | ExporterFactory
  | ConnectorFactory
  | ExtensionFactory

/** Keeps the type of the config between schema and makers, and forgets it for the table. */
export function receiver<C>(factory: Omit<ReceiverFactory<C>, 'kind'>): ReceiverFactory {
  return { kind: 'receiver', ...factory } as unknown as ReceiverFactory
}

export function processor<C>(factory: Omit<ProcessorFactory<C>, 'kind'>): ProcessorFactory {
  return { kind: 'processor', ...factory } as unknown as ProcessorFactory
}

export function exporter<C>(factory: Omit<ExporterFactory<C>, 'kind'>): ExporterFactory {
  return { kind: 'exporter', ...factory } as unknown as ExporterFactory
}

export function connector<C>(factory: Omit<ConnectorFactory<C>, 'kind'>): ConnectorFactory {
  return { kind: 'connector', ...factory } as unknown as ConnectorFactory
}

export function extension<C>(factory: Omit<ExtensionFactory<C>, 'kind'>): ExtensionFactory {
  return { kind: 'extension', ...factory } as unknown as ExtensionFactory
}
