/** Node 23 and later name the first thread so; the kernel has no other name for the process. */
const NODE_MAIN_THREAD = 'node-MainThread'
/** A name of the kernel's that may have been cut: task_struct.comm has 16 bytes with its NUL. */
const COMM_LENGTH_MAX = 15

/** A process's name for people, made of what the kernel has in task_struct.comm. */
export function processName(comm: string): string {
  return comm === NODE_MAIN_THREAD ? 'node' : comm
}

/** The last part of a program's path. */
export function executableName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** What a process says of itself, in its columns; '' where it is not known. */
export interface ProcessTexts {
  readonly comm: string
  readonly executable: string
  readonly systemd_unit: string
}

/**
 * A name for the service that a process is, where nobody gives it one: its unit's, else its own. A
 * script's name is comm alone, as its program is the interpreter; a long one stands in the path.
 */
export function processServiceName({ comm, executable, systemd_unit }: ProcessTexts): string {
  const unit = unitService(systemd_unit)
  if (unit !== '') return unit
  const program = executableName(executable)
  const isCut = Buffer.byteLength(comm) === COMM_LENGTH_MAX && program.startsWith(comm)
  return (isCut ? program : processName(comm)) || program
}

/** '' for what is no service of its own: scopes, and the manager of all that a user runs. */
function unitService(unit: string): string {
  if (!unit.endsWith('.service') || unit.startsWith('user@')) return ''
  // systemd.unit(5): characters that a unit's name cannot have.
  return unit
    .slice(0, -'.service'.length)
    .replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
