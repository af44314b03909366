/** The beginning of a test's world, which is undone also when it fails half-way. */
export type Cleanup = () => unknown

/** Gives `cleanups` what stops that which is starting, before all that is there. */
export async function started<T>(
  starting: Promise<T>,
  { cleanups, stop }: { cleanups: Cleanup[]; stop: (it: T) => unknown },
): Promise<T> {
  const it = await starting
  cleanups.unshift(() => stop(it))
  return it
}

/** All of them, so that none is still starting when another's failure ends the test. */
export async function allStarted<T extends readonly unknown[]>(starts: T) {
  await Promise.allSettled(starts)
  return await Promise.all(starts)
}
