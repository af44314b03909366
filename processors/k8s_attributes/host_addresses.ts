/** Addresses of this host's own interfaces: bridges and tunnels that no Node object lists. */
import { networkInterfaces } from 'node:os'
import { AddressMap, parseAddress } from './addresses.ts'

const AGE_MAX_MS = 30_000

export class HostAddresses {
  readonly #addresses = new AddressMap<true>()
  #readAtMs = Number.NEGATIVE_INFINITY

  has(bytes: Uint8Array, at: number): boolean {
    if (performance.now() - this.#readAtMs > AGE_MAX_MS) this.#read()
    return this.#addresses.get(bytes, at) !== undefined
  }

  #read(): void {
    this.#readAtMs = performance.now()
    this.#addresses.clear()
    for (const addresses of Object.values(networkInterfaces())) {
      for (const { address } of addresses ?? []) {
        // Link-local addresses come with a zone, "fe80::1%eth0".
        const bytes = parseAddress(address.split('%')[0] as string)
        if (bytes !== undefined) this.#addresses.set(bytes, true)
      }
    }
  }
}
