/** One signal of a receiver: joins the servers that it shares with the others of its id. */
import { setImmediate } from 'node:timers/promises'
import type { Consumer, Host, Receiver, Settings, Signal } from '../../pipeline/component.ts'
import { ServerTls } from '../../pipeline/server/tls.ts'
import { type OtlpConfig, UNSUPPORTED_ENCODINGS } from './config.ts'
import type { Member } from './intake.ts'
import { announce, forget, isSuperseded, sharedOf, withdraw } from './registry.ts'
import type { Shared } from './shared.ts'

/** How long a request that is on its way may take to come whole, once the receiver ends. */
const GRACE_MS = 1000
/** Where nobody sets a deadline. */
const SHUTDOWN_MS = 10_000

/** Makes the maker of a signal. What it makes reads the files that `tls` names, or throws. */
export function receiverOf<S extends Signal>(signal: S) {
  return (settings: Settings, config: OtlpConfig, next: Consumer<S>): Receiver => {
    const path = `receivers::${settings.id}::protocols`
    const { grpc, http } = config.protocols
    const tls = {
      ...(grpc?.tls && { grpc: new ServerTls(grpc.tls, `${path}::grpc::tls`) }),
      ...(http?.tls && { http: new ServerTls(http.tls, `${path}::http::tls`) }),
    }
    announce(config, signal)
    const member = { signal, settings, next: next as unknown as Consumer<Signal> }
    return new OtlpReceiver({ member, config, tls })
  }
}

class OtlpReceiver implements Receiver {
  readonly #member: Member
  readonly #config: OtlpConfig
  readonly #tls: { readonly grpc?: ServerTls; readonly http?: ServerTls }
  #host: Host | undefined
  #shared: Shared | undefined
  #ended: Promise<void> | undefined

  constructor(parts: {
    member: Member
    config: OtlpConfig
    tls: { readonly grpc?: ServerTls; readonly http?: ServerTls }
  }) {
    this.#member = parts.member
    this.#config = parts.config
    this.#tls = parts.tls
  }

  async start(host: Host): Promise<void> {
    const { settings } = this.#member
    const parts = { settings, config: this.#config, tls: this.#tls }
    const shared = sharedOf(host.service, settings.id, parts)
    this.#host = host
    this.#shared = shared
    shared.authenticateBy(host)
    shared.intake.join(this.#member)
    await shared.start(host)
    host.report({ status: 'ok' })
    const encodings: readonly string[] = this.#config.protocols.http?.compression_algorithms ?? []
    for (const encoding of UNSUPPORTED_ENCODINGS.filter((name) => encodings.includes(name))) {
      settings.logger.warn({ encoding }, 'Requests in this encoding are refused: it is not known')
    }
  }

  shutdown(deadline?: AbortSignal): Promise<void> {
    this.#ended ??= this.#shutdown(deadline ?? AbortSignal.timeout(SHUTDOWN_MS))
    return this.#ended
  }

  async #shutdown(deadline: AbortSignal): Promise<void> {
    withdraw(this.#config, this.#member.signal)
    const [host, shared] = [this.#host, this.#shared]
    if (host === undefined || shared === undefined) return
    const { intake } = shared
    const { id } = this.#member.settings
    const { service } = host
    intake.leaves(this.#member)
    // The other signals are ended in the same turn, if they are.
    await setImmediate()
    const ends =
      intake.allLeave || isSuperseded(service, id, shared) || service.state === 'stopping'
    if (ends) {
      await shared.close()
      await shared.finish(GRACE_MS, deadline)
    }
    await intake.leave(this.#member, deadline)
    if (!intake.isEmpty) return
    await shared.close()
    await shared.end(deadline)
    forget(service, id, shared)
  }
}
