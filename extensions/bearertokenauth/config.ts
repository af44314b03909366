import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { secret } from '../../pipeline/config/secret.ts'

export const schema = z.strictObject({
  header: z.string().default('Authorization'),
  scheme: z.string().default('Bearer'),
  token: secret().default(''),
  tokens: z.array(secret()).default([]),
  filename: z.string().default(''),
})

export type BearerConfig = z.infer<typeof schema>

/** A token of HTTP (RFC 9110, 5.6.2). */
const HTTP_TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** What a header may hold, without the spaces that would part the scheme from the token. */
const VISIBLE = /^[\x21-\x7e]+$/

export function validate(config: BearerConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const { header, scheme, token, tokens, filename } = config
  if (token === '' && tokens.length === 0 && filename === '') {
    problems.push({ path: [], message: 'no bearer token provided' })
  }
  if (token !== '' && tokens.length > 0) {
    const message = 'either tokens or token should be provided, not both'
    problems.push({ path: [], message })
  }
  if (!HTTP_TOKEN.test(header)) {
    problems.push({ path: ['header'], message: 'must be the name of an HTTP header' })
  }
  if (scheme !== '' && !HTTP_TOKEN.test(scheme)) {
    problems.push({ path: ['scheme'], message: 'must be one word, such as "Bearer"' })
  }
  const message = 'must be visible ASCII characters without spaces'
  if (token !== '' && !VISIBLE.test(token)) problems.push({ path: ['token'], message })
  for (const [i, one] of tokens.entries()) {
    if (!VISIBLE.test(one)) problems.push({ path: ['tokens', String(i)], message })
  }
  return problems
}

/**
 * The tokens of a file: the first word of each line, what follows it is a comment. Throws where
 * there is none, so that an empty file does not let anybody in, nor lock everybody out unseen.
 */
export function parseTokens(text: string): readonly string[] {
  const tokens = text.split('\n').flatMap((line) => line.trim().split(/\s+/, 1))
  const found = tokens.filter((token) => token !== '')
  if (found.length === 0) throw new Error('it holds no token')
  const bad = found.findIndex((token) => !VISIBLE.test(token))
  if (bad >= 0) throw new Error(`token ${bad + 1} holds what is not visible ASCII`)
  return found
}
