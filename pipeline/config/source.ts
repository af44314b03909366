/** One text that holds configuration, wherever it came from. */
export interface Source {
  /** What messages call it. */
  readonly name: string
  readonly text: string
  /** Whether messages tell lines and columns: not for an argument of the command line. */
  readonly lines?: boolean
  /** Whether it is the default of a variable that is not set. */
  readonly isDefault?: boolean
}
