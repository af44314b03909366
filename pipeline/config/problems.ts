/** What is wrong with a configuration: every problem at once, each with its place. */
import type { ConfigProblem } from '../component.ts'

/** Keys from the top of the file; a number is a place in a list. */
export type Path = readonly (string | number)[]

export interface Place {
  /** A file, or what else the text came from: `--set a.b`, `env:NAME`. */
  readonly file: string
  /** Where that has lines. Both count from 1. */
  readonly line?: number
  readonly column?: number
}

export interface Problem {
  readonly path: Path
  readonly message: string
  /** The part of the file to point at, where that is more than `path`: the very key, or item. */
  readonly at?: Path
  /** For what is wrong with the YAML itself, which has no path yet. */
  readonly place?: Place
}

/** Finds where in the sources a path was written. */
export type Locate = (path: Path) => Place | undefined

/** A configuration that cannot be used. The message has a line for each problem. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[], locate: Locate = () => undefined) {
    const lines = problems.map((problem) => describe(problem, locate))
    super(lines.length === 1 ? lines.join() : `${lines.length} problems:\n  ${lines.join('\n  ')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** Enough of a text that is not a person's. */
const CHARACTERS_MAX = 1000

/** `receivers::nop/2: has invalid keys: a (agent.yaml:3:5)` */
function describe(problem: Problem, locate: Locate): string {
  const path = problem.path.map((step) => String(step).trim()).join('::')
  const whole = path === '' ? problem.message : `${path}: ${problem.message}`
  const text = whole.length > CHARACTERS_MAX ? `${whole.slice(0, CHARACTERS_MAX)}…` : whole
  const place = problem.place ?? locate(problem.at ?? problem.path)
  return place === undefined ? text : `${text} (${placeText(place)})`
}

function placeText({ file, line, column }: Place): string {
  return line === undefined ? file : `${file}:${line}:${column}`
}

/** A component's own problems, moved from its section to the whole file. */
export function below(path: Path, problems: readonly ConfigProblem[]): Problem[] {
  return problems.map((p) => ({ path: [...path, ...p.path], message: p.message }))
}
