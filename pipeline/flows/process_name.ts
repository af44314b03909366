/** Node 23 and later name the first thread so; the kernel has no other name for the process. */
const NODE_MAIN_THREAD = 'node-MainThread'

/** A process's name for people, made of what the kernel has in task_struct.comm. */
export function processName(comm: string): string {
  return comm === NODE_MAIN_THREAD ? 'node' : comm
}
