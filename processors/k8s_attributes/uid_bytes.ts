/** Uids as keys of the length of an address: rows wait for either in one place. */

const UID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/

/**
 * The 16 bytes of a pod's uid: a UUID, or of a static pod a hash. Random as they are, none is a
 * pod's address. Undefined for what is neither.
 */
export function uidBytes(uid: string): Uint8Array | undefined {
  return UID.test(uid) ? Buffer.from(uid.replaceAll('-', ''), 'hex') : undefined
}
