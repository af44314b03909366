/**
 * Writes pipeline/kernel_events/events.gen.ts: sizes, field offsets and enum values of the types
 * that bpf/events.h shares with user space, as the BPF compiler laid them out (BTF).
 *
 *     npm run gen                 writes the file
 *     tools/btf2ts.ts --stdout    prints it
 *
 * Needs clang and bpftool.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const SOURCE = join(ROOT, 'bpf/exports.c')
const TARGET = join(ROOT, 'pipeline/kernel_events/events.gen.ts')

/** The kinds of `bpftool -j btf dump` that events.h uses. */
interface BtfType {
  readonly id: number
  readonly kind: string
  readonly name: string
  readonly size?: number
  readonly type_id?: number
  readonly nr_elems?: number
  readonly members?: readonly { name: string; type_id: number; bits_offset: number }[]
  readonly values?: readonly { name: string; val: number }[]
}

/** The generated module's text. */
export function eventsModule(): string {
  const types = sharedTypes()
  const byId = new Map(types.map((type) => [type.id, type]))
  const blocks = types
    .filter((type) => type.name !== '(anon)')
    .flatMap((type) => {
      if (type.kind === 'STRUCT') return [structBlock(type, byId)]
      return type.kind === 'ENUM' ? [enumBlock(type)] : []
    })
  const head = [
    '/**',
    ' * Made from bpf/events.h by tools/btf2ts.ts (`npm run gen`); do not edit.',
    ' * Structs: size in bytes, then the byte offset of each field. All little-endian.',
    ' */',
  ].join('\n')
  return `${[head, ...blocks].join('\n\n')}\n`
}

function sharedTypes(): BtfType[] {
  const dir = mkdtempSync(join(tmpdir(), 'btf2ts-'))
  const object = join(dir, 'exports.o')
  try {
    const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
    const include = `/usr/include/${arch}-linux-gnu`
    execFileSync('clang', [
      ...['-g', '-O2', '-target', 'bpf', '-Wall', '-Wpadded', '-Werror'],
      ...['-I', include, '-c', SOURCE, '-o', object],
    ])
    const text = execFileSync('bpftool', ['-j', 'btf', 'dump', 'file', object], {
      encoding: 'utf8',
    })
    return (JSON.parse(text) as { types: BtfType[] }).types
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** `conn_record` → `export const ConnRecord = { size: …, field: offset, … } as const`. */
function structBlock(type: BtfType, byId: ReadonlyMap<number, BtfType>): string {
  const lines = (type.members ?? []).map(
    (member) => `  ${member.name}: ${member.bits_offset / 8}, // ${cType(member.type_id, byId)}`,
  )
  const name = type.name.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
  return [`export const ${name} = {`, `  size: ${type.size},`, ...lines, '} as const'].join('\n')
}

/** `close_reason` → `export const CLOSE_REASON = { CLOSE_NONE: 0, … } as const`. */
function enumBlock(type: BtfType): string {
  const lines = (type.values ?? []).map((value) => `  ${value.name}: ${value.val},`)
  return [`export const ${type.name.toUpperCase()} = {`, ...lines, '} as const'].join('\n')
}

function cType(id: number, byId: ReadonlyMap<number, BtfType>): string {
  const type = byId.get(id)
  if (type === undefined) throw new Error(`BTF names type ${id} and does not have it`)
  if (type.kind === 'ARRAY') return `${cType(type.type_id ?? 0, byId)}[${type.nr_elems}]`
  return type.name
}

if (import.meta.main) {
  const text = eventsModule()
  if (process.argv.includes('--stdout')) process.stdout.write(text)
  else writeFileSync(TARGET, text)
}
