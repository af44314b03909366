/** Creates one component: opens its books, and makes the ways into it and out of it. */
import type { Logger } from 'pino'
import type { Component, Consumer, Inherited, Kind, Settings } from '../component.ts'
import type { ComponentConfig } from '../config/config.ts'
import type { Ledger } from '../ledger.ts'
import { StatusMachine } from '../status_machine.ts'
import { type Instruments, NO_INSTRUMENTS } from '../telemetry/instruments.ts'
import type { Accounts } from './accounts.ts'
import { Inlet, Outlet } from './edges.ts'
import { messageOf, type Node, nameOf, type Place } from './node.ts'

export interface CreateSettings {
  readonly logger: Logger
  readonly version: string
  readonly instruments?: Instruments
  /** What the privileged parent opened for a component, by kind and id. */
  readonly inherited: (kind: Kind, id: string) => Inherited | undefined
  readonly accounts: Accounts
}

/** Makers of any signal and kind; which one fits has been checked by the plan. */
type Make = (settings: Settings, config: unknown, next?: Consumer) => Component | Promise<Component>

export interface Creation {
  readonly place: Place
  readonly make: unknown
  readonly next?: Consumer | undefined
  readonly settings: CreateSettings
}

/** Throws an Error that names the component. */
export async function createNode(
  of: ComponentConfig,
  { place, make, next, settings }: Creation,
): Promise<Node> {
  const { kind, id, signal, to, pipeline } = place
  const logger = settings.logger.child({
    component: `${kind}/${id}`,
    ...(signal && { signal }),
    ...(to && { to }),
    ...(pipeline !== undefined && { pipeline }),
  })
  const ledger = settings.accounts.ledgerOf(place, logger)
  const inherited = settings.inherited(kind, id)
  const outlet = next && new Outlet(next, counterOf(kind, ledger))
  const about: Settings = {
    id,
    logger,
    ledger,
    version: settings.version,
    ...(settings.instruments ?? NO_INSTRUMENTS),
    ...(inherited && { inherited }),
  }
  try {
    const component = await (make as Make)(about, of.config, outlet)
    settings.accounts.enter(place, component)
    const inlet = inletOf(component, { kind, ledger, outlet })
    return {
      ...place,
      component,
      ledger,
      logger,
      status: new StatusMachine(),
      of,
      asked: new Map(),
      ...(inlet && { inlet }),
      ...(outlet && { outlet }),
    }
  } catch (error) {
    settings.accounts.leave(place)
    const data = signal === undefined ? '' : ` for data type "${signal}"`
    const message = `failed to create ${nameOf(place)}${data}: ${messageOf(error)}`
    throw new Error(message, { cause: error })
  }
}

/**
 * What a connector gives is not what it took: rows became spans. It says itself that its input was
 * used, so what it made stands beside the balance.
 */
function counterOf(kind: Kind, ledger: Ledger): (items: number) => void {
  if (kind === 'connector') return (items) => ledger.note('made', items)
  return (items) => {
    ledger.out += items
  }
}

function inletOf(
  component: Component,
  { kind, ledger, outlet }: { kind: Kind; ledger: Ledger; outlet: Outlet | undefined },
): Inlet | undefined {
  if (kind === 'receiver' || kind === 'extension') return undefined
  // A processor hands on what it was handed, so with it everything behind it may change the data.
  const behind = kind === 'processor' ? outlet : undefined
  return new Inlet(component as Component & Consumer, { ledger, behind })
}
