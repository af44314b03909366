import type { Exporter, Settings } from '../../pipeline/component.ts'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { LogsView } from '../../pipeline/otlp/logs_view.ts'
import { MetricsView } from '../../pipeline/otlp/metrics_view.ts'
import { TracesView } from '../../pipeline/otlp/traces_view.ts'
import type { Malformed } from '../../pipeline/otlp/wire_reader.ts'
import { OK, type Outcome, permanent } from '../../pipeline/outcome.ts'
import type { DebugConfig } from './config.ts'
import { flowsBasic, flowsDetailed, flowsNormal } from './flows.ts'
import { logsBasic, logsDetailed, logsNormal } from './logs.ts'
import { metricsBasic, metricsDetailed, metricsNormal } from './metrics.ts'
import { type Output, Printer, standardOutput } from './printer.ts'
import { tracesBasic, tracesDetailed, tracesNormal } from './traces.ts'
import { TraceForest } from './tree.ts'
import { treeText } from './tree_text.ts'

type Signal = OtlpBatch['signal']

interface Made {
  readonly text: string
  readonly fault?: Malformed | undefined
}

type MakeText = (batch: OtlpBatch) => Made

/** A view is made for each batch, read to its end, and asked whether the bytes were in order. */
function whole<V extends { readonly fault: Malformed | undefined }>(
  open: (bytes: Uint8Array) => V,
  read: (view: V) => string,
): MakeText {
  return (batch) => {
    const view = open(batch.bytes)
    const text = read(view)
    return { text, fault: view.fault }
  }
}

const traces = (bytes: Uint8Array) => new TracesView(bytes)
const metrics = (bytes: Uint8Array) => new MetricsView(bytes)
const logs = (bytes: Uint8Array) => new LogsView(bytes)

/** What `tree` has no tree for is printed as with `normal`. */
const TEXTS: { readonly [S in Signal]: { readonly [V in DebugConfig['verbosity']]: MakeText } } = {
  traces: {
    basic: (batch) => ({ text: tracesBasic(batch) }),
    normal: whole(traces, tracesNormal),
    detailed: whole(traces, tracesDetailed),
    tree: whole(traces, tracesNormal),
  },
  metrics: {
    basic: (batch) => ({ text: metricsBasic(batch) }),
    normal: whole(metrics, metricsNormal),
    detailed: whole(metrics, metricsDetailed),
    tree: whole(metrics, metricsNormal),
  },
  logs: {
    basic: (batch) => ({ text: logsBasic(batch) }),
    normal: whole(logs, logsNormal),
    detailed: whole(logs, logsDetailed),
    tree: whole(logs, logsNormal),
  },
}

const FLOW_TEXTS = {
  basic: flowsBasic,
  normal: flowsNormal,
  detailed: flowsDetailed,
  tree: flowsNormal,
}

export function debugExporter(
  settings: Settings,
  config: DebugConfig,
  output: Output = standardOutput(),
): Exporter<Signal> {
  const printer = new Printer(output.stream, { ledger: settings.ledger, sampling: config })
  return {
    mutates: false,
    consume(batch) {
      if (!printer.admits(batch.items)) return OK
      const { text, fault } = TEXTS[batch.signal][config.verbosity](batch)
      if (fault !== undefined) return malformed(fault)
      printer.print(text, batch.items)
      return OK
    },
    shutdown: () => printer.close(),
  }
}

export function debugTracesExporter(
  settings: Settings,
  config: DebugConfig,
  output: Output = standardOutput(),
): Exporter<'traces'> {
  if (config.verbosity !== 'tree') return debugExporter(settings, config, output)
  const printer = new Printer(output.stream, { ledger: settings.ledger, sampling: config })
  const forest = new TraceForest((trace) => {
    const { length } = trace.spans
    if (printer.admits(length)) printer.print(treeText(trace, output.colors), length)
  })
  return {
    mutates: false,
    start: () => forest.start(),
    consume(batch) {
      const { taken, fault } = forest.add(batch)
      // What could be read is taken; the rest of the batch cannot be offered again.
      if (fault !== undefined) settings.ledger.lost('malformed', batch.items - taken, { ...fault })
      return OK
    },
    held: () => forest.spans,
    async shutdown() {
      forest.shutdown()
      await printer.close()
    },
  }
}

export function debugFlowsExporter(
  settings: Settings,
  config: DebugConfig,
  output: Output = standardOutput(),
): Exporter<'flows'> {
  const printer = new Printer(output.stream, { ledger: settings.ledger, sampling: config })
  return {
    mutates: false,
    consume(batch: FlowBatch): Outcome {
      if (!printer.admits(batch.rows)) return OK
      const text = FLOW_TEXTS[config.verbosity](batch)
      if (text !== '') printer.print(text, batch.rows)
      else settings.ledger.used('printed', batch.rows)
      return OK
    },
    shutdown: () => printer.close(),
  }
}

function malformed(fault: Malformed): Outcome {
  return permanent(`malformed: ${fault.reason} at byte ${fault.offset}`)
}
