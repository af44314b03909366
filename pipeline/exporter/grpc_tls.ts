/** Credentials of a gRPC channel from the `tls` options. */
import { isIP } from 'node:net'
import {
  checkServerIdentity,
  createSecureContext,
  type PeerCertificate,
  type SecureContextOptions,
} from 'node:tls'
import { ChannelCredentials } from '@grpc/grpc-js'
import type { TlsConfig } from './tls_options.ts'

export interface Secured {
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

/** @param of.host of the endpoint, an IPv6 address without brackets */
export function secured(
  tls: TlsConfig,
  of: { host: string; context: SecureContextOptions },
): Secured {
  const name = tls.server_name_override
  const byAddress = name === '' && isIP(of.host) !== 0
  const credentials = ChannelCredentials.createFromSecureContext(
    createSecureContext(of.context),
    verifyOptions(tls, byAddress ? of.host : ''),
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
