import type { Exporter, Settings } from '../../pipeline/component.ts'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import type { Malformed } from '../../pipeline/otlp/wire_reader.ts'
import { OK, permanent } from '../../pipeline/outcome.ts'
import type { FileConfig } from './config.ts'
import { LineFile } from './line_file.ts'
import { flowLines, type Lines, otlpLines } from './lines.ts'

/**
 * One id may be the exporter of several signals, each an instance of its own; all write to one
 * file, whole lines each. The config object is what they have in common.
 */
const files = new WeakMap<FileConfig, LineFile>()

export function otlpFileExporter(
  settings: Settings,
  config: FileConfig,
): Exporter<OtlpBatch['signal']> {
  return fileExporter<OtlpBatch, OtlpBatch['signal']>(settings, { config, linesOf: otlpLines })
}

export function flowsFileExporter(settings: Settings, config: FileConfig): Exporter<'flows'> {
  return fileExporter<FlowBatch, 'flows'>(settings, { config, linesOf: flowLines })
}

function fileExporter<Data, S extends 'flows' | OtlpBatch['signal']>(
  settings: Settings,
  of: { config: FileConfig; linesOf: (data: Data) => Lines | Malformed },
): Exporter<S> {
  const { ledger } = settings
  const file = files.get(of.config) ?? new LineFile(of.config, settings)
  files.set(of.config, file)
  let started = false
  return {
    mutates: false,
    async start() {
      started = true
      await file.start()
    },
    consume(data) {
      const lines = of.linesOf(data as Data)
      if ('reason' in lines) return permanent(`malformed ${lines.reason} at byte ${lines.offset}`)
      return lines.items === 0 ? OK : file.append(lines, ledger)
    },
    held: () => file.held(ledger),
    // Another instance would begin with truncating the file that this one has written. So would
    // that of another signal, which is made with the new section before this takes effect.
    reconfigure(config) {
      const wanted = config as FileConfig
      if (wanted.path !== of.config.path) return undefined
      files.set(wanted, file)
      return () => file.reconfigure(wanted)
    },
    async shutdown() {
      if (started) await file.shutdown(ledger)
      started = false
    },
  }
}
