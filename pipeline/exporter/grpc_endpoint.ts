import { isIP } from 'node:net'

export interface Endpoint {
  /** As gRPC names it. */
  readonly target: string
  /** Without brackets; '' of a socket in the file system. */
  readonly host: string
  /** What the scheme says of TLS; undefined when there is none, and `tls::insecure` decides. */
  readonly secure: boolean | undefined
}

/** `host:port`, `[v6]:port`, `http(s)://host:port`, `dns:///host:port`, `unix:///path`. */
export function parseEndpoint(text: string): Endpoint | { readonly problem: string } {
  if (text === '') return { problem: 'requires a non-empty "endpoint"' }
  if (/^unix:/.test(text)) return { target: text, host: '', secure: undefined }
  const [, scheme = '', rest = ''] = /^(https?:\/\/|dns:\/\/\/)?(.*?)\/?$/i.exec(text) ?? []
  const [, host = '', port] = /^(\[[^\]]*\]|[^:/\s]*)(?::([^:]*))?$/.exec(rest) ?? []
  if (host === '') return { problem: `invalid endpoint "${text}": write host:port` }
  if (host.startsWith('[') && isIP(host.slice(1, -1)) !== 6) {
    return { problem: `invalid IPv6 address "${host}"` }
  }
  if (port === undefined) return { problem: 'missing port in address' }
  if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    return { problem: `invalid port "${port}"` }
  }
  const secure = /^http/i.test(scheme) ? scheme.toLowerCase() === 'https://' : undefined
  return { target: `dns:///${host}:${port}`, host: host.replace(/^\[|\]$/g, ''), secure }
}
