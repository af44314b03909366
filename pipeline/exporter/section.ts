import { z } from 'zod'

/** A map of options: left out or left empty (`tls:`) it is all defaults. */
export function section<T extends z.ZodType>(options: T) {
  return z.preprocess((value) => value ?? {}, options).prefault(null)
}
