/** What a TLS handshake shows of a connection: its columns, `tls_…` of pipeline/flows/schema.ts. */
export class Tls {
  /** server_name of the ClientHello (RFC 6066 §3); '': none, or none that is a host name. */
  serverName = ''
  /** `1.0` to `1.3`, `ssl3`; '' until a ServerHello was seen. */
  version = ''
  cipher = ''
  alpn = ''
  /** NaN: not known. */
  handshakeUs = Number.NaN
  resumed = false
  /** The ClientHello carries an encrypted one, or pretends to: nobody can tell. */
  ech = false
}
