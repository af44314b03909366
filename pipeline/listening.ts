/** Sockets that take connections, handed from one generation of components to the next. */
import type { Socket } from 'node:net'

/** Called with each accepted connection; whoever is called owns the socket. */
export type OnConnection = (socket: Socket) => void

/** One component's part in a listening socket. */
export interface Listening {
  /** `127.0.0.1:4317`, with the port that port 0 became; or the path of a Unix socket. */
  readonly address: string
  /**
   * No more connections come here. The socket is closed unless another component has taken it over;
   * connections that were accepted go on. Safe twice.
   */
  close(): Promise<void>
}
