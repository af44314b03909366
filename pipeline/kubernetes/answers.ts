/** What a reflector reads of the API server's answers, before objects are stripped. */
import { ApiError } from './api_client.ts'

export interface Page {
  readonly items: readonly unknown[]
  readonly resourceVersion: string
  /** Token of the next page, '' on the last. */
  readonly next: string
}

/** Throws a SyntaxError for what is no list. */
export function pageOf(value: unknown): Page {
  const { items, metadata } = (value ?? {}) as {
    items?: unknown
    metadata?: { resourceVersion?: unknown; continue?: unknown }
  }
  const resourceVersion = metadata?.resourceVersion
  if (typeof resourceVersion !== 'string') {
    throw new SyntaxError('A list has no resourceVersion')
  }
  return {
    // An empty list is `null` in some versions.
    items: Array.isArray(items) ? items : [],
    resourceVersion,
    next: typeof metadata?.continue === 'string' ? metadata.continue : '',
  }
}

interface Meta {
  readonly metadata?: { readonly uid?: unknown; readonly resourceVersion?: unknown }
}

export function uidOf(object: unknown): string | undefined {
  const uid = (object as Meta | null)?.metadata?.uid
  return typeof uid === 'string' ? uid : undefined
}

export function resourceVersionOf(object: unknown): string | undefined {
  const version = (object as Meta | null)?.metadata?.resourceVersion
  return typeof version === 'string' ? version : undefined
}

/** The error that an event of type ERROR carries: a Status object. */
export function statusError(object: unknown): ApiError {
  const { code, message } = (object ?? {}) as { code?: unknown; message?: unknown }
  return new ApiError(
    typeof code === 'number' ? code : 500,
    typeof message === 'string' ? message.slice(0, 500) : 'The watch failed',
  )
}
