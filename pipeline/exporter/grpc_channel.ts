/**
 * The channel to one target: made anew when credentials have changed, and when it does not come to
 * a connection.
 *
 * grpc-js waits for as long as the kernel does for a connection that was begun, and the kernel
 * sends a SYN that is not answered ever more rarely: after a minute without a network it may take
 * half a minute until the first one is sent that could be answered. gRPC has a bound of 20 seconds
 * (its connection backoff document), which grpc-js has not.
 */
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  connectivityState,
} from '@grpc/grpc-js'

/** With a SYN at 0, 1, 3 and 7 seconds, none is more than four after the network is there again. */
const CONNECT_MS = 10_000
/**
 * A pause between two connections that fail at once. gRPC's may be two minutes; but those who send
 * to one gateway must come back within the window that rows wait for each other there.
 */
const RECONNECT_MS_MAX = 2000

export interface GrpcChannelSettings {
  readonly target: string
  readonly options: ChannelOptions
  /** Default: CONNECT_MS. */
  readonly connectMs?: number
}

export class GrpcChannel {
  readonly #settings: GrpcChannelSettings
  #current: { readonly client: Client; readonly credentials: ChannelCredentials } | undefined
  /** Runs from when a connection was missed. */
  #connecting: NodeJS.Timeout | undefined

  constructor(settings: GrpcChannelSettings) {
    this.#settings = settings
  }

  /** For one call, which begins at once. Calls on a channel that was exchanged go on. */
  client(credentials: ChannelCredentials): Client {
    const known = this.#current
    const client = known?.credentials === credentials ? known.client : this.#renew(credentials)
    if (!isReady(client)) this.#watch()
    return client
  }

  close(): void {
    clearTimeout(this.#connecting)
    this.#connecting = undefined
    this.#current?.client.close()
    this.#current = undefined
  }

  #renew(credentials: ChannelCredentials): Client {
    this.close()
    const { target, options } = this.#settings
    const client = new Client(target, credentials, {
      ...options,
      'grpc.max_reconnect_backoff_ms': RECONNECT_MS_MAX,
    })
    this.#current = { client, credentials }
    return client
  }

  /** If there is none in a while, what waits for it fails, and is tried on another channel. */
  #watch(): void {
    this.#connecting ??= setTimeout(() => {
      this.#connecting = undefined
      if (this.#current !== undefined && !isReady(this.#current.client)) this.close()
    }, this.#settings.connectMs ?? CONNECT_MS)
  }
}

function isReady(client: Client): boolean {
  return client.getChannel().getConnectivityState(false) === connectivityState.READY
}
