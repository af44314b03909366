/** What components do that name an extension: `auth::authenticator`, `sending_queue::storage`. */
import type { ExtensionUse } from './component.ts'

export function notRunning(id: string): string {
  return `extension "${id}" is not running: name it in service::extensions`
}

interface Client {
  readonly auth?: { readonly authenticator: string } | undefined
  readonly sending_queue: { readonly enabled: boolean; readonly storage: string }
}

/** Of an exporter that has a queue and may authenticate itself. */
export function extensionsOfClient({ auth, sending_queue }: Client): ExtensionUse[] {
  const { enabled, storage } = sending_queue
  return [
    ...(auth === undefined ? [] : [{ path: ['auth', 'authenticator'], id: auth.authenticator }]),
    ...(enabled && storage !== '' ? [{ path: ['sending_queue', 'storage'], id: storage }] : []),
  ]
}
