/** `flowspan featuregate`: the gates as a table, or one of them. */
import type { FeatureGates } from '../pipeline/config/feature_gates.ts'

const COLUMN_GAP = 2

export function featureGatesText(gates: FeatureGates): string {
  const rows = gates.list().map((gate) => {
    return [gate.id, String(gates.isEnabled(gate.id)), gate.stage, gate.description]
  })
  return table([['ID', 'Enabled', 'Stage', 'Description'], ...rows])
}

/** Throws when there is no such gate. */
export function featureGateText(gates: FeatureGates, id: string): string {
  const gate = gates.list().find((known) => known.id === id)
  if (gate === undefined) throw new Error(`feature "${id}" not found`)
  const lines = [
    `Feature: ${gate.id}`,
    `Enabled: ${gates.isEnabled(gate.id)}`,
    `Stage: ${gate.stage}`,
    `Description: ${gate.description}`,
    `From Version: ${gate.fromVersion}`,
  ]
  if (gate.toVersion !== undefined) lines.push(`To Version: ${gate.toVersion}`)
  return `${lines.join('\n')}\n`
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  const lines = rows.map((row) => {
    const cells = row.map((cell, i) => {
      return i === row.length - 1 ? cell : cell.padEnd((widths[i] ?? 0) + COLUMN_GAP)
    })
    return cells.join('')
  })
  return `${lines.join('\n')}\n`
}
