/**
 * Where one is in what the client says. Packets are numbered through: each command from 0, what
 * the client adds to an answer from where the server has left off.
 */
import type { Answer } from './answer.ts'
import { COMMANDS, type Command } from './commands.ts'
import { HEADER_BYTES, PACKET_BYTES_MAX } from './packets.ts'

/** What the client's next packet is. */
const COMMAND = 0
const CONTINUED = 1
const DIALOGUE = 2

const LOGIN_BYTES_MAX = 1024

export class ClientPackets {
  #reading = COMMAND
  /** Of the last packet, which was as long as one can be if another `continues` it. */
  #sequence = 0
  #continues = false

  get isCommand(): boolean {
    return this.#reading === COMMAND
  }

  get isContinuation(): boolean {
    return this.#reading === CONTINUED
  }

  get continues(): boolean {
    return this.#continues
  }

  /** The sequence number of whatever either end says next. */
  get next(): number {
    return (this.#sequence + 1) & 0xff
  }

  /** Whether that is the number of an answer to a packet so far. */
  isAnswer(sequence: number): boolean {
    return sequence > 0 && sequence <= this.#sequence + 1
  }

  /** The next packet begins; `head`: the oldest answer without an end. */
  begins(head: Answer | undefined): void {
    if (this.#continues) this.#reading = CONTINUED
    else this.#reading = head?.isDialogue ? DIALOGUE : COMMAND
  }

  /** With the byte that says which command it is. */
  get headerBytes(): number {
    return this.#reading === COMMAND ? HEADER_BYTES + 1 : HEADER_BYTES
  }

  /** -1: this is no packet that can follow. */
  bodyBytes(header: Buffer, head: Answer | undefined): number {
    const length = header.readUIntLE(0, 3)
    const sequence = header[3] as number
    const expected = this.#expected(head)
    if (expected >= 0 && sequence !== expected) return -1
    this.#sequence = sequence
    if (this.#reading === COMMAND) {
      if (length === 0 || commandOf(header) === undefined) return -1
      this.#continues = length === PACKET_BYTES_MAX
      return length - 1
    }
    if (this.#reading === CONTINUED) this.#continues = length === PACKET_BYTES_MAX
    return length
  }

  wanted(header: Buffer, head: Answer | undefined): number {
    if (this.#reading === COMMAND) return commandOf(header)?.wanted ?? 0
    return this.#reading === DIALOGUE && head?.isOfLogin ? LOGIN_BYTES_MAX : 0
  }

  lost(): void {
    this.#continues = false
  }

  /** -1: any. Logins may have packets before them that were encrypted, or not captured. */
  #expected(head: Answer | undefined): number {
    if (this.#reading === COMMAND) return 0
    if (this.#reading === CONTINUED) return this.next
    return head === undefined || head.isOfLogin ? -1 : head.sequence
  }
}

/** Undefined: no such command, or none that a client sends. */
export function commandOf(header: Buffer): Command | undefined {
  return COMMANDS.get(header[HEADER_BYTES] as number)
}
