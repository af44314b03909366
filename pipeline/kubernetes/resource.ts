/** A kind of object that can be mirrored. */
export interface Resource {
  /** As RBAC names it. */
  readonly name: string
  readonly path: string
  /** Media types of a list and of a watch's objects. */
  readonly accept: { readonly list: string; readonly watch: string }
  /** The RBAC rule that allows it, for the message when it is missing. */
  readonly rule: string
}

/** Objects as they are. */
export const WHOLE = { list: 'application/json', watch: 'application/json' }

/** @param of.group of the API, in its version v1; '' for the core group */
export function resource(of: Pick<Resource, 'name' | 'accept'> & { group: string }): Resource {
  const { group, name, accept } = of
  return {
    name,
    path: group === '' ? `/api/v1/${name}` : `/apis/${group}/v1/${name}`,
    accept,
    rule: `apiGroups: ["${group}"], resources: ["${name}"], verbs: ["get", "list", "watch"]`,
  }
}
