import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { secret } from '../../pipeline/config/secret.ts'

export const schema = z.strictObject({
  htpasswd: z
    .strictObject({ file: z.string().default(''), inline: secret().default('') })
    .optional(),
  client_auth: z
    .strictObject({
      username: z.string().default(''),
      username_file: z.string().default(''),
      password: secret().default(''),
      password_file: z.string().default(''),
    })
    .optional(),
})

export type BasicConfig = z.infer<typeof schema>
export type HtpasswdConfig = NonNullable<BasicConfig['htpasswd']>
export type ClientAuthConfig = NonNullable<BasicConfig['client_auth']>

const NO_SOURCE = 'no credential source provided'

export function validate({ htpasswd, client_auth }: BasicConfig): readonly ConfigProblem[] {
  if (htpasswd !== undefined && client_auth !== undefined) {
    const message = 'only one of `htpasswd` or `client_auth` can be specified'
    return [{ path: [], message }]
  }
  if (htpasswd !== undefined) {
    const none = htpasswd.file === '' && htpasswd.inline === ''
    return none ? [{ path: ['htpasswd'], message: NO_SOURCE }] : []
  }
  if (client_auth === undefined) return [{ path: [], message: NO_SOURCE }]
  if (Object.values(client_auth).every((value) => value === '')) {
    return [{ path: ['client_auth'], message: NO_SOURCE }]
  }
  // The colon ends the name on the wire (RFC 7617, 2).
  const bad = client_auth.username.includes(':')
  return bad ? [{ path: ['client_auth', 'username'], message: 'must not contain ":"' }] : []
}
