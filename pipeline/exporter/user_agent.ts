/** `flowspan/1.2.3 (linux/x64)`, as the Collector names itself. */
export function userAgentOf(version: string): string {
  return `flowspan/${version} (linux/${process.arch})`
}
