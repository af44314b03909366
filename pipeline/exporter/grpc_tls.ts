/** Credentials of a gRPC channel from the `tls` options. */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { ChannelCredentials } from '@grpc/grpc-js'
import type { TlsConfig } from './options.ts'

export interface Tls {
  readonly credentials: ChannelCredentials
  /** What gRPC is to take for the server's name; '' for the name in the target. */
  readonly serverName: string
}

/**
 * grpc-js asks for the host by server name indication even when it is an address, which Node
 * refuses since version 26 (RFC 6066 forbids it). A name that cannot exist (RFC 2606) goes in its
 * place, and the certificate is checked against the address all the same.
 */
const NAME_FOR_ADDRESSES = 'ip-address.invalid'

/**
 * @param host of the endpoint, an IPv6 address without brackets
 * @param path of the options, for messages. Throws when a file cannot be read.
 */
export function tlsOf(tls: TlsConfig, where: { host: string; path: string }): Tls {
  const { host, path } = where
  const name = tls.server_name_override
  const byAddress = name === '' && isIP(host) !== 0
  const credentials = ChannelCredentials.createSsl(
    read(tls.ca_file, `${path}::ca_file`),
    read(tls.key_file, `${path}::key_file`),
    read(tls.cert_file, `${path}::cert_file`),
    verifyOptions(tls, byAddress ? host : ''),
  )
  return { credentials, serverName: byAddress ? NAME_FOR_ADDRESSES : name }
}

function verifyOptions(tls: TlsConfig, address: string) {
  if (tls.insecure_skip_verify) {
    return { rejectUnauthorized: false, checkServerIdentity: () => undefined }
  }
  if (address === '') return {}
  return {
    checkServerIdentity: (_: string, certificate: PeerCertificate) =>
      checkServerIdentity(address, certificate),
  }
}

function read(file: string, option: string): Buffer | null {
  if (file === '') return null
  try {
    return readFileSync(file)
  } catch (error) {
    throw new Error(`${option}: cannot read the file: ${(error as Error).message}`)
  }
}
