/** The figures as one SVG: what is lost, with its bounds, and what a request costs. */
import type { Cost } from './rates.ts'
import type { SidecarCost } from './sidecars.ts'
import type { Loss } from './slices.ts'

const WIDTH = 860
const LEFT = 250
const RIGHT = 90
const ROW = 20
const HEAD = 54
const COLORS = { connections: '#3d7ea6', requests: '#d1632a', all: '#8c3d6e', control: '#999999' }
const PARTS = { kernel: '#d1632a', pipeline: '#3d7ea6', keeper: '#8c3d6e', proxy: '#999999' }

export function plot(losses: readonly Loss[], costs: readonly (Cost | SidecarCost)[]): string {
  const first = lossPanel(losses, 0)
  const second = costPanel(costs, first.height + 20)
  const height = first.height + second.height + 30
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" ` +
    `font-family="sans-serif" font-size="12">\n` +
    '<title>What flowspan costs a host, beside proxies</title>\n' +
    `<rect width="${WIDTH}" height="${height}" fill="white"/>\n` +
    `${first.text}${second.text}</svg>\n`
  )
}

interface Panel {
  readonly text: string
  readonly height: number
}

function lossPanel(losses: readonly Loss[], top: number): Panel {
  const shown = losses.filter(({ unit }) => unit !== 'µs')
  const [least, most] = [-0.05, Math.max(0.1, ...shown.map(({ cpu }) => cpu.high))]
  const x = scale(least, most)
  let y = top + HEAD
  let text = title('Lost where all CPU is taken: median and 95 % bounds (CPU a piece of work)', top)
  let before = ''
  for (const { load, mode, cpu } of shown) {
    if (load !== before && before !== '') y += ROW / 2
    before = load
    const color = COLORS[mode as keyof typeof COLORS]
    const [low, high] = [x(Math.max(least, cpu.low)), x(cpu.high)]
    text += label(`${load}: ${mode}`, y)
    text += `<line x1="${low}" x2="${high}" y1="${y}" y2="${y}" stroke="${color}" stroke-width="3"/>\n`
    text += `<circle cx="${x(Math.max(least, cpu.median))}" cy="${y}" r="5" fill="${color}"/>\n`
    text += value(`${(cpu.median * 100).toFixed(1)} %`, high, y)
    y += ROW
  }
  const ticks = [0, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5].filter((tick) => tick <= most)
  for (const tick of ticks)
    text += line(x(tick), { from: top + HEAD - 12, to: y - 10 }, `${tick * 100} %`)
  return { text, height: y - top }
}

function costPanel(costs: readonly (Cost | SidecarCost)[], top: number): Panel {
  const most = Math.max(1, ...costs.map(({ sum }) => sum))
  const x = scale(0, most)
  let y = top + HEAD
  let text = title('Millicores of a host side for 1,000 requests/s', top)
  for (const cost of costs) {
    text += label(`${cost.name}, ${Math.round(cost.perSecond).toLocaleString('en')}/s`, y)
    let from = x(0)
    for (const [name, width] of partsOf(cost)) {
      const to = from + (x(width) - x(0))
      text += `<rect x="${from}" y="${y - 7}" width="${to - from}" height="14" fill="${PARTS[name]}"/>\n`
      from = to
    }
    text += value(cost.sum.toFixed(1), from, y)
    y += ROW
  }
  let at = LEFT
  for (const [name, color] of Object.entries(PARTS)) {
    text += `<rect x="${at}" y="${top + 28}" width="10" height="10" fill="${color}"/>\n`
    text += `<text x="${at + 14}" y="${top + 37}">${name}</text>\n`
    at += 90
  }
  return { text, height: y - top }
}

function partsOf(cost: Cost | SidecarCost): [keyof typeof PARTS, number][] {
  if (!('kernel' in cost)) return [['proxy', cost.sum]]
  return [
    ['kernel', cost.kernel],
    ['pipeline', cost.pipeline],
    ['keeper', cost.keeper],
  ]
}

function scale(least: number, most: number): (value: number) => number {
  const width = WIDTH - LEFT - RIGHT
  return (at) => Math.round((LEFT + ((at - least) / (most - least)) * width) * 10) / 10
}

function title(text: string, top: number): string {
  return `<text x="12" y="${top + 20}" font-size="14" font-weight="bold">${text}</text>\n`
}

function label(text: string, y: number): string {
  return `<text x="${LEFT - 10}" y="${y + 4}" text-anchor="end">${text}</text>\n`
}

function value(text: string, x: number, y: number): string {
  return `<text x="${x + 9}" y="${y + 4}">${text}</text>\n`
}

function line(x: number, { from, to }: { from: number; to: number }, text: string): string {
  return (
    `<line x1="${x}" x2="${x}" y1="${from}" y2="${to}" stroke="#cccccc"/>\n` +
    `<text x="${x}" y="${from - 4}" text-anchor="middle" fill="#666666">${text}</text>\n`
  )
}
