/**
 * Reads Prometheus' text format as strictly as a scrape should: HELP and TYPE once and first, the
 * samples of a family together, no series twice, escapes and numbers as they must be written.
 */
import assert from 'node:assert/strict'

export interface Sample {
  /** With the suffix of a histogram's part. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly samples: Sample[]
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y
const NUMBER = /^(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|[-+]Inf|NaN)$/

export class Exposition {
  readonly families = new Map<string, Family>()
  readonly #series = new Set<string>()

  constructor(text: string) {
    assert.ok(text === '' || text.endsWith('\n'), 'the last line has no end')
    let current: Family | undefined
    const lines = text.split('\n').slice(0, -1)
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i] as string
      if (line.startsWith('# HELP ')) {
        current = this.#family(line, lines[++i] ?? '')
        continue
      }
      assert.ok(current, `${line}: stands before any family`)
      this.#sample(line, current)
    }
    for (const { name, type, samples } of this.families.values()) {
      assert.ok(samples.length > 0, `${name} has no sample`)
      if (type === 'histogram') checkHistogram(name, samples)
    }
  }

  /** The sum of the samples with these labels, among others; undefined when there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const found = this.families
      .get(name)
      ?.samples.filter((s) => Object.entries(labels).every(([k, v]) => s.labels[k] === v))
    return found === undefined || found.length === 0
      ? undefined
      : found.reduce((total, { value }) => total + value, 0)
  }

  #family(helpLine: string, typeLine: string): Family {
    const [, name, help] = /^# HELP (\S+) (.*)$/.exec(helpLine) ?? []
    const [, same, type] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(typeLine) ?? []
    assert.ok(name !== undefined && help !== undefined && name === same, `${helpLine}, ${typeLine}`)
    assert.ok(!this.families.has(name), `${name} comes twice`)
    const family = { name, help, type: type as Family['type'], samples: [] }
    this.families.set(name, family)
    return family
  }

  #sample(line: string, family: Family): void {
    const [, name, text = '', number] = LINE.exec(line) ?? []
    assert.ok(name !== undefined && number !== undefined, `${line}: is no sample`)
    const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
    assert.ok(
      suffixes.some((suffix) => name === family.name + suffix),
      `${line}: stands in ${family.name}`,
    )
    assert.match(number, NUMBER, line)
    const labels = labelsOf(text, line)
    const series = JSON.stringify([name, Object.entries(labels).sort()])
    assert.ok(!this.#series.has(series), `${line}: is there twice`)
    this.#series.add(series)
    family.samples.push({ name, labels, value: Number(number.replace('Inf', 'Infinity')) })
  }
}

function labelsOf(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < text.length) {
    const from = LABEL.lastIndex
    const [, key, value] = LABEL.exec(text) ?? []
    assert.ok(key !== undefined && value !== undefined, `${line}: labels from ${from}`)
    assert.ok(!(key in labels), `${line}: label ${key} twice`)
    labels[key] = value.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c))
  }
  return labels
}

/** Buckets rise, and the last is the count. */
function checkHistogram(name: string, samples: readonly Sample[]): void {
  const withoutLe = ({ labels: { le: _, ...rest } }: Sample) => JSON.stringify(rest)
  for (const [labels, own] of Map.groupBy(samples, withoutLe)) {
    const buckets = own.filter((sample) => sample.name.endsWith('_bucket'))
    const bounds = buckets.map(({ labels }) => Number(labels.le?.replace('Inf', 'Infinity')))
    const counts = buckets.map(({ value }) => value)
    assert.deepEqual(
      bounds,
      bounds.toSorted((a, b) => a - b),
      `${name}${labels}`,
    )
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
      `${name}${labels}`,
    )
    assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY, `${name}${labels}`)
    const count = own.find((sample) => sample.name === `${name}_count`)
    assert.equal(counts.at(-1), count?.value, `${name}${labels}`)
  }
}
