/**
 * `http.route` of rows: paths grouped by route.ts, of which each service gets a bounded number.
 *
 * The first routes of a service that succeeded are learnt and stay; past the bound, paths of no
 * known route are `/*`. A request that the server did not find teaches nothing, or one scanner
 * would fill the bound.
 */
import { z } from 'zod'
import type { FlowBatch } from '../batch.ts'
import { ROLE } from '../schema.ts'
import { routeOf } from './route.ts'

/** The option `http_routes` of who names spans or counts. */
export const httpRoutes = z
  .strictObject({
    enabled: z.boolean().default(true).describe('group URL paths into http.route'),
    max_per_service: z
      .int()
      .min(1)
      .max(10_000)
      .default(100)
      .describe('routes a service; paths of further ones are /*'),
  })
  .prefault({})

export type HttpRoutesConfig = z.infer<typeof httpRoutes>

/** Services whose routes are remembered; past it the one that came first is forgotten. */
const SERVICES_MAX = 1024
/** Paths whose shape is remembered across batches, and characters of one. */
const PATHS_MAX = 4096
const PATH_LENGTH_MAX = 256

/** Remembered of a batch; what two rows of one slot have to share is looked up again. */
const SLOTS = 1024

/** What a path is without its ids. */
interface Shape {
  /** The same for no two texts, and nearly always for one. */
  readonly id: number
  readonly text: string
}

const NO_PATH: Shape = { id: 0, text: '' }
/** Past the bound. */
const BEYOND: Shape = { id: 1, text: '/*' }

export class Routes {
  readonly #config: HttpRoutesConfig
  /** The routes of each service. */
  readonly #services = new Map<string, Set<string>>()
  /** Most paths come again in the next batch, and a shape costs ten times a look. */
  readonly #paths = new Map<string, Shape>()
  readonly #byText = new Map<string, Shape>()
  #ids = BEYOND.id
  #batch: FlowBatch | undefined
  /** Of the batch, by index of the target; undefined: not looked at. */
  readonly #shapes: (Shape | undefined)[] = []
  /** Of the batch: shape, service's name, and the route it is there. */
  readonly #slots = new Uint32Array(3 * SLOTS)

  constructor(config: HttpRoutesConfig) {
    this.#config = config
  }

  begin(batch: FlowBatch): void {
    this.#batch = batch
    if (!this.#config.enabled) return
    const { size } = batch.strings
    while (this.#shapes.length < size) this.#shapes.push(undefined)
    this.#shapes.fill(undefined, 0, size)
    this.#slots.fill(0)
  }

  /** A number for the route of an HTTP row, 0 where it has none. */
  numberAt(row: number): number {
    const { base, k8s } = this.#batch as FlowBatch
    // A client's row has a path too, but only who serves it has a route.
    if (base.role[row] !== ROLE.server || !this.#config.enabled) return NO_PATH.id
    const shape = this.#shape(base.target[row] as number)
    if (shape === NO_PATH) return NO_PATH.id
    const service = k8s?.dst_service_name[row] || (base.comm[row] as number)
    const slot = ((Math.imul(shape.id, 31) + service) & (SLOTS - 1)) * 3
    const isKnown = this.#slots[slot] === shape.id && this.#slots[slot + 1] === service
    return isKnown ? (this.#slots[slot + 2] as number) : this.#learn(row, { shape, service, slot })
  }

  /** '' where it has none. */
  at(row: number): string {
    const id = this.numberAt(row)
    if (id === BEYOND.id) return BEYOND.text
    return id === NO_PATH.id ? '' : this.#shape(this.#batch?.base.target[row] as number).text
  }

  #learn(row: number, of: { shape: Shape; service: number; slot: number }): number {
    const { shape, service, slot } = of
    const batch = this.#batch as FlowBatch
    const routes = this.#routesOf(batch.strings.at(service))
    const isFull = routes.size >= this.#config.max_per_service
    if (!routes.has(shape.text)) {
      // It may be learnt from the next row.
      if (!isFull && !teaches(batch, row)) return BEYOND.id
      if (!isFull) routes.add(shape.text)
    }
    const { id } = routes.has(shape.text) ? shape : BEYOND
    this.#slots[slot] = shape.id
    this.#slots[slot + 1] = service
    this.#slots[slot + 2] = id
    return id
  }

  #shape(target: number): Shape {
    return this.#shapes[target] ?? this.#find(target)
  }

  #find(target: number): Shape {
    const path = (this.#batch as FlowBatch).strings.at(target)
    const known = this.#paths.get(path)
    const shape = known ?? this.#make(routeOf(path))
    this.#shapes[target] = shape
    if (known !== undefined || path.length > PATH_LENGTH_MAX) return shape
    if (this.#paths.size >= PATHS_MAX) this.#paths.clear()
    this.#paths.set(path, shape)
    return shape
  }

  #make(text: string): Shape {
    if (text === '') return NO_PATH
    let shape = this.#byText.get(text)
    if (shape === undefined) {
      shape = { id: ++this.#ids, text }
      if (this.#byText.size >= PATHS_MAX) this.#byText.clear()
      this.#byText.set(text, shape)
    }
    return shape
  }

  #routesOf(service: string): Set<string> {
    let routes = this.#services.get(service)
    if (routes !== undefined) return routes
    if (this.#services.size >= SERVICES_MAX) {
      this.#services.delete(this.#services.keys().next().value as string)
    }
    routes = new Set()
    this.#services.set(service, routes)
    return routes
  }
}

/** Nor does what was not answered, or made no sense. */
function teaches({ base }: FlowBatch, row: number): boolean {
  const status = base.status[row] as number
  return status >= 200 && status !== 400 && status !== 404
}
