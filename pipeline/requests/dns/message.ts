/**
 * What is read of a message (RFC 1035 §4.1); the object is filled again for each.
 *
 *     message  ::= id:u16 QR:1 opcode:4 AA:1 TC:1 RD:1 RA:1 Z:1 AD:1 CD:1 rcode:4
 *                  questions:u16 answers:u16 authorities:u16 additional:u16
 *                  question* record*
 *     question ::= name type:u16 class:u16
 *     record   ::= name type:u16 class:u16 ttl:u32 length:u16 byte{length}
 *
 * A dynamic update has its zone where others have a question, so it is read alike.
 */
import { addressText } from '../../flows/address_text.ts'
import { isKnownOpcode, OPCODE, TYPE } from './codes.ts'
import { behindName, type NameRead, readName } from './name.ts'

export const HEADER_BYTES = 12
/** Type and class. */
const QUESTION_BYTES = 4
const RECORD_BYTES = 10
/** Addresses that are told of an answer. */
const ADDRESSES_MAX = 16
/** IN, CH, HS, NONE, ANY (RFC 2136 §1.3). */
const CLASSES: readonly number[] = [1, 3, 4, 254, 255]

const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff)

export class DnsMessage {
  id = 0
  isResponse = false
  opcode = 0
  /** TC: the rest did not fit into a datagram. */
  isTruncated = false
  /** With the bits that EDNS adds (RFC 6891 §6.1.3). */
  rcode = 0
  /** '' without a question, or where it was not captured whole. */
  name = ''
  type = 0
  /** The question's bytes: `bytes[questionAt … questionEnd)`. */
  questionAt = 0
  questionEnd = 0
  hasQuestion = false
  /** Not all of the message is known. */
  isCut = false
  /** Records of the answer, as the header counts them. */
  answers = 0
  /** What stands behind the question are records, as many as counted, and nothing else. */
  isExact = false
  /** Addresses of an answer, separated by commas; '' where there is none. */
  addresses = ''
  readonly #read: NameRead = { end: 0, name: '' }
  readonly #address = new Uint8Array(16)

  /** `bytes[at … at + captured)` is what is known of `length` bytes. False: this is no DNS. */
  read(
    bytes: Buffer,
    { at, captured, length }: { at: number; captured: number; length: number },
  ): boolean {
    if (captured < HEADER_BYTES) return false
    const flags = bytes.readUInt16BE(at + 2)
    this.opcode = (flags >>> 11) & 15
    // Z must be zero (RFC 1035); no message has more than one question (RFC 9619).
    if ((flags & 0x40) !== 0 || !isKnownOpcode(this.opcode)) return false
    const questions = bytes.readUInt16BE(at + 4)
    if (questions > 1) return false
    this.id = bytes.readUInt16BE(at)
    this.isResponse = flags >>> 15 === 1
    this.isTruncated = (flags & 0x200) !== 0
    this.rcode = flags & 15
    this.answers = bytes.readUInt16BE(at + 6)
    this.isCut = captured < length
    this.isExact = false
    this.addresses = ''
    // Errors may come without the question (RFC 1035 §4.1.1 leaves it open); queries never do.
    if (questions === 0 && !this.isResponse) return false
    const to = at + captured
    this.#noQuestion(at + HEADER_BYTES)
    if (questions === 1 && !this.#question(bytes, to)) {
      // A question that was not captured whole says that it is one by what is there of it.
      return this.isCut
    }
    const others = bytes.readUInt16BE(at + 8) + bytes.readUInt16BE(at + 10)
    this.#records(bytes, { to, others })
    return true
  }

  /** A zone that is sent whole, or what has changed in it: many messages answer (RFC 5936). */
  get isTransfer(): boolean {
    return this.opcode === OPCODE.query && (this.type === TYPE.axfr || this.type === TYPE.ixfr)
  }

  #noQuestion(at: number): void {
    this.hasQuestion = false
    this.name = ''
    this.type = 0
    this.questionAt = at
    this.questionEnd = at
  }

  #question(bytes: Buffer, to: number): boolean {
    const name = this.#read
    if (!readName(name, bytes, { at: this.questionAt, to })) return false
    if (name.end + QUESTION_BYTES > to) return false
    if (!CLASSES.includes(bytes.readUInt16BE(name.end + 2))) return false
    this.hasQuestion = true
    this.name = name.name
    this.type = bytes.readUInt16BE(name.end)
    this.questionEnd = name.end + QUESTION_BYTES
    return true
  }

  /** Each takes ten bytes at least, so this ends with the bytes, whatever the header counts. */
  #records(bytes: Buffer, { to, others }: { to: number; others: number }): void {
    let at = this.questionEnd
    let addresses = 0
    for (let i = 0; i < this.answers + others; i++) {
      const record = behindName(bytes, at, to)
      if (record < 0 || record + RECORD_BYTES > to) return
      const type = bytes.readUInt16BE(record)
      const data = record + RECORD_BYTES
      at = data + bytes.readUInt16BE(record + 8)
      if (at > to) return
      if (type === TYPE.opt) this.rcode |= (bytes[record + 4] as number) << 4
      if (!this.isResponse || i >= this.answers || addresses >= ADDRESSES_MAX) continue
      if (this.#addAddress(bytes, { type, at: data, to: at })) addresses++
    }
    this.isExact = at === to && !this.isCut
  }

  #addAddress(bytes: Buffer, of: { type: number; at: number; to: number }): boolean {
    const address = this.#address
    if (of.type === TYPE.a && of.to - of.at === 4) {
      address.set(MAPPED_PREFIX)
      for (let i = 0; i < 4; i++) address[12 + i] = bytes[of.at + i] as number
    } else if (of.type === TYPE.aaaa && of.to - of.at === 16) {
      for (let i = 0; i < 16; i++) address[i] = bytes[of.at + i] as number
    } else return false
    const text = addressText(address, 0)
    this.addresses = this.addresses === '' ? text : `${this.addresses},${text}`
    return true
  }
}
