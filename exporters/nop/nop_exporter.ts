import type { Exporter, Signal, SignalData } from '../../pipeline/component.ts'
import { itemsOf } from '../../pipeline/data.ts'
import type { Ledger } from '../../pipeline/ledger.ts'
import { OK, type Outcome } from '../../pipeline/outcome.ts'

export class NopExporter implements Exporter {
  readonly mutates = false
  readonly borrows = true
  readonly #ledger: Ledger

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  consume(data: SignalData[Signal]): Outcome {
    this.#ledger.used('discarded', itemsOf(data))
    return OK
  }
}
