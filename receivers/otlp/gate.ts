/** Judges the headers of a request by the extension that `auth` names, before its body is read. */
import type { Headers, ServerAuthenticator } from '../../pipeline/auth.ts'
import { CODE, type Status } from './status.ts'

export class Gate {
  /** Undefined lets everybody in. The latest generation of the extension judges. */
  authenticator: ServerAuthenticator | undefined

  /** Undefined when the request may pass. */
  judge(headers: Headers): Status | undefined | Promise<Status | undefined> {
    if (this.authenticator === undefined) return undefined
    const verdict = this.authenticator.authenticate(headers)
    return verdict instanceof Promise ? verdict.then(statusOf, failed) : statusOf(verdict)
  }
}

function statusOf(message: string | undefined): Status | undefined {
  return message === undefined ? undefined : { code: CODE.unauthenticated, message }
}

/** An authenticator that fails lets nobody in. */
function failed(): Status {
  return { code: CODE.unavailable, message: 'cannot authenticate at the moment' }
}
