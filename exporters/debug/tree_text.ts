/**
 * Draws a trace as an indented tree, with its latencies as numbers and as bars on one time axis:
 *
 *     trace 8f3c…  3 services  12.4 ms
 *     └─ frontend            SERVER GET /shop 200    12.4 ms  ████████████
 *        └─ frontend → api   CLIENT GET /items 200   8.10 ms    ███████     rtt 40.0 µs
 *           └─ api           SERVER GET /items 200   7.90 ms    ███████
 */
import { styleText } from 'node:util'
import { counted, durationText } from './text.ts'
import type { TreeSpan } from './tree_span.ts'

const BAR_CELLS = 16
/** Levels that are drawn apart; deeper spans stand on the last one. */
const DEPTH_MAX = 40

interface Line {
  readonly span: TreeSpan
  /** `│  └─ ` */
  readonly branch: string
}

type Style = Parameters<typeof styleText>[0]

export function treeText(
  trace: { readonly id: string; readonly spans: readonly TreeSpan[] },
  colors: boolean,
): string {
  const { id, spans } = trace
  const paint = (style: Style, text: string) =>
    colors ? styleText(style, text, { validateStream: false }) : text
  const lines = linesOf(spans)
  const begin = Math.min(...spans.map(({ startNs }) => startNs))
  const end = Math.max(...spans.map(({ startNs, durationNs }) => startNs + durationNs))
  const services = new Set(spans.map(({ service }) => service)).size
  const total = durationText(end - begin)
  const whoWidth = widest(lines, ({ branch, span }) => branch.length + span.who.length)
  const whatWidth = widest(lines, ({ span }) => span.what.length)
  const timeWidth = widest(lines, ({ span }) => durationText(span.durationNs).length)
  const head = `trace ${id}  ${counted(services, 'service')}  ${total}`
  const drawn = lines.map(({ span, branch }) => {
    const who = span.who.padEnd(whoWidth - branch.length)
    const what = span.what.padEnd(whatWidth)
    const time = durationText(span.durationNs).padStart(timeWidth)
    const bar = barText(span, { begin, end })
    const notes = span.notes.length === 0 ? '' : `  ${span.notes.join(', ')}`
    const status: Style = span.failed ? 'red' : 'reset'
    return (
      `${paint('dim', branch)}${paint('cyan', who)}  ${paint(status, what)}  ` +
      `${paint('bold', time)}  ${paint(span.failed ? 'red' : 'green', bar)}${paint('dim', notes)}`
    ).trimEnd()
  })
  return [paint('bold', head), ...drawn].join('\n')
}

/** Depth first, siblings by their start. A span whose parent is not there stands at the top. */
function linesOf(spans: readonly TreeSpan[]): Line[] {
  const known = new Set(spans.map(({ spanId }) => spanId))
  const children = new Map<string, TreeSpan[]>()
  const roots: TreeSpan[] = []
  for (const span of [...spans].sort((a, b) => a.startNs - b.startNs)) {
    const { parentSpanId } = span
    if (parentSpanId === span.spanId || !known.has(parentSpanId)) roots.push(span)
    else children.set(parentSpanId, [...(children.get(parentSpanId) ?? []), span])
  }
  const lines: Line[] = []
  const seen = new Set<TreeSpan>()
  // Not by recursion: how deep the tree is was decided by whoever sent it.
  const stack = siblings(roots, { indent: '', depth: 0 })
  // Spans that name each other as parents hang from no root; they come last.
  const adrift = [...spans]
  for (let node = stack.pop() ?? loose(adrift); node !== undefined; ) {
    if (!seen.has(node.span)) {
      seen.add(node.span)
      lines.push({ span: node.span, branch: `${node.indent}${node.last ? '└─ ' : '├─ '}` })
      const below = `${node.indent}${node.last ? '   ' : '│  '}`
      const indent = node.depth < DEPTH_MAX ? below : node.indent
      const nodes = siblings(children.get(node.span.spanId) ?? [], {
        indent,
        depth: node.depth + 1,
      })
      stack.push(...nodes)
    }
    node = stack.pop() ?? loose(adrift)
  }
  return lines
}

interface Node {
  readonly span: TreeSpan
  readonly indent: string
  readonly last: boolean
  readonly depth: number
}

/** As they go on the stack: the first on top. */
function siblings(spans: readonly TreeSpan[], at: { indent: string; depth: number }): Node[] {
  return spans.map((span, i) => ({ span, ...at, last: i === spans.length - 1 })).reverse()
}

function loose(spans: TreeSpan[]): Node | undefined {
  const span = spans.shift()
  return span && { span, indent: '', depth: 0, last: true }
}

/** Where the span lies between the trace's begin and end. */
function barText(span: TreeSpan, axis: { begin: number; end: number }): string {
  const perCell = Math.max(axis.end - axis.begin, 1) / BAR_CELLS
  const from = Math.min(Math.floor((span.startNs - axis.begin) / perCell), BAR_CELLS - 1)
  const to = Math.ceil((span.startNs + span.durationNs - axis.begin) / perCell)
  const cells = Math.min(Math.max(to - from, 1), BAR_CELLS - from)
  return ' '.repeat(from) + '█'.repeat(cells) + ' '.repeat(BAR_CELLS - from - cells)
}

function widest(lines: readonly Line[], of: (line: Line) => number): number {
  return lines.reduce((width, line) => Math.max(width, of(line)), 0)
}
