/** Waits until all have settled, or the time is over. */
export async function settled(
  waits: readonly (Promise<unknown> | undefined)[],
  timeoutMs: number,
): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, timeoutMs)
  await Promise.race([Promise.allSettled(waits), over])
  clearTimeout(timer)
}
