/** Certificates made by openssl, for tests of TLS. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export interface KeyPair {
  readonly cert: string
  readonly key: string
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
const DAYS = ['-days', '2']

/** An authority whose files go when the test ends. Skips the test where openssl is missing. */
export function authority(t: TestContext): Authority | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'flowspan-ca-'))
  t.after(() => rmSync(directory, { recursive: true }))
  try {
    return new Authority(directory)
  } catch (error) {
    if (process.env.CI) throw error
    t.skip(`openssl cannot make a certificate: ${(error as Error).message}`)
    return undefined
  }
}

export class Authority {
  readonly cert: string
  readonly #key: string
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
    this.cert = join(directory, 'ca.pem')
    this.#key = join(directory, 'ca.key')
    const files = ['-keyout', this.#key, '-out', this.cert]
    openssl(['req', '-x509', ...KEY, ...DAYS, '-subj', '/CN=test authority', ...files])
  }

  /** A certificate for localhost and 127.0.0.1 that the authority has signed. */
  issue(name: string): KeyPair {
    const file = (ending: string) => join(this.#directory, `${name}.${ending}`)
    const [key, request, cert] = [file('key'), file('csr'), file('pem')]
    const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
    const subject = ['-subj', `/CN=${name}`, '-addext', names]
    openssl(['req', '-new', ...KEY, ...subject, '-keyout', key, '-out', request])
    const signed = ['-CA', this.cert, '-CAkey', this.#key, '-CAcreateserial', '-copy_extensions']
    openssl(['x509', '-req', '-in', request, ...signed, 'copyall', ...DAYS, '-out', cert])
    return { key, cert }
  }
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', [...args], { stdio: 'pipe' })
}
