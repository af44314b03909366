/**
 * What a row says of an SQL statement: what it does, to what, and its text without values.
 *
 * One pass over the text by a scanner that knows literals, quoted names and comments, and no
 * grammar: the operation is the first word that is one, the target the name behind the first word
 * that is followed by one (FROM, INTO, UPDATE, TABLE, JOIN …).
 */

/** Characters of a statement that are looked at, and of its text that are kept. */
const READ_MAX = 8192
const TEXT_MAX = 2048
const NAME_MAX = 128
const SPACE_CODE = 0x20

export interface Statement {
  /** `SELECT`, `INSERT`, `BEGIN`, …; '' when there is no word. */
  readonly method: string
  readonly target: string
  readonly query: string
}

export interface Dialect {
  /** `"a"` is text, and not a name. */
  readonly doubleQuotedText: boolean
  /** A backslash in a text goes before a character that has no meaning then. */
  readonly backslash: boolean
  /** `#` begins a comment. */
  readonly hashComments: boolean
}

export const STANDARD: Dialect = { doubleQuotedText: false, backslash: false, hashComments: false }
export const MYSQL: Dialect = { doubleQuotedText: true, backslash: true, hashComments: true }

const TOKEN = new RegExp(
  [
    String.raw`(?<space>\s+|--[^\n]*|/\*[\s\S]*?(?:\*/|$))`,
    String.raw`(?<dollar>\$(?<tag>[A-Za-z_]\w*)?\$[\s\S]*?(?:\$\k<tag>\$|$))`,
    String.raw`(?<parameter>\$\d+|:[A-Za-z_]\w*|\?|@\w+)`,
    String.raw`(?<backtick>\`(?:[^\`]|\`\`)*(?:\`|$))`,
    String.raw`(?<bracket>\[[A-Za-z_][^\]]*\])`,
    String.raw`(?<number>(?:0[xX][0-9A-Fa-f]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?))`,
    String.raw`(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`,
    String.raw`(?<sign>::|[\s\S])`,
  ].join('|'),
  'gy',
)

/** Most tokens: told without the groups of TOKEN, which cost an object each. */
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y
const SPACE = /\s+/y
/** Begin nothing longer. */
const PLAIN_SIGNS = '(),=*;<>+'

const SINGLE = { plain: /'(?:[^']|'')*(?:'|$)/y, escaped: /'(?:[^'\\]|''|\\[\s\S])*(?:'|$)/y }
const DOUBLE = { plain: /"(?:[^"]|"")*(?:"|$)/y, escaped: /"(?:[^"\\]|""|\\[\s\S])*(?:"|$)/y }

/** Behind these stands the name of what the statement is about. */
const BEFORE_TARGET = new Set(['FROM', 'INTO', 'UPDATE', 'TABLE', 'JOIN', 'VIEW', 'INDEX', 'COPY'])
/** Words that may stand between them and the name. */
const PASSED = new Set(['ONLY', 'IF', 'NOT', 'EXISTS', 'LATERAL', 'IGNORE', 'LOW_PRIORITY'])
/** Prefixes of texts: E'…', N'…', B'…', X'…', U&'…'. */
const TEXT_PREFIX = /^(?:[ENBXenbx]|[Uu]&|_\w+)$/

export function statementOf(text: string, dialect: Dialect): Statement {
  const scanner = new Scanner(text.length > READ_MAX ? text.slice(0, READ_MAX) : text, dialect)
  return scanner.statement()
}

class Scanner {
  readonly #text: string
  readonly #dialect: Dialect
  #method = ''
  #target = ''
  /** The next name is the target. */
  #expectsTarget = false
  #query = ''
  /** Another space adds nothing. */
  #endsSpaced = true

  constructor(text: string, dialect: Dialect) {
    this.#text = text
    this.#dialect = dialect
  }

  statement(): Statement {
    let at = 0
    while (at < this.#text.length && this.#query.length < TEXT_MAX) at = this.#token(at)
    const query = collapse(this.#query.trim()).slice(0, TEXT_MAX)
    return { method: this.#method, target: this.#target, query }
  }

  #token(at: number): number {
    const code = this.#text.charCodeAt(at)
    if (code <= SPACE_CODE) return this.#space(at)
    if (isLetter(code)) {
      WORD.lastIndex = at
      WORD.test(this.#text)
      const { lastIndex } = WORD
      this.#word(this.#text.slice(at, lastIndex))
      return lastIndex
    }
    const quote = this.#text[at] as string
    if (PLAIN_SIGNS.includes(quote)) {
      this.#sign(quote)
      return at + 1
    }
    if (quote === "'")
      return this.#literal(at, SINGLE, this.#dialect.backslash || this.#isEscaped())
    if (quote === '"') {
      if (this.#dialect.doubleQuotedText) return this.#literal(at, DOUBLE, true)
      DOUBLE.plain.lastIndex = at
      return this.#name(DOUBLE.plain.exec(this.#text)?.[0] as string, at)
    }
    if (quote === '#' && this.#dialect.hashComments) {
      this.#add(' ')
      const end = this.#text.indexOf('\n', at)
      return end < 0 ? this.#text.length : end + 1
    }
    TOKEN.lastIndex = at
    const match = TOKEN.exec(this.#text) as RegExpExecArray
    const [all] = match
    const { space, dollar, parameter, backtick, bracket, number, word } = match.groups ?? {}
    if (space !== undefined) this.#add(' ')
    else if (dollar !== undefined || number !== undefined) this.#add('?')
    else if (parameter !== undefined) this.#add(all.startsWith('$') ? '?' : all)
    else if (backtick !== undefined || bracket !== undefined) return this.#name(all, at)
    else if (word !== undefined) this.#word(word)
    else this.#sign(all)
    return at + all.length
  }

  #space(at: number): number {
    SPACE.lastIndex = at
    const isSpace = SPACE.test(this.#text)
    this.#add(isSpace ? ' ' : (this.#text[at] as string))
    return isSpace ? SPACE.lastIndex : at + 1
  }

  #literal(at: number, of: { plain: RegExp; escaped: RegExp }, escaped: boolean): number {
    const pattern = escaped ? of.escaped : of.plain
    pattern.lastIndex = at
    const length = pattern.exec(this.#text)?.[0].length ?? this.#text.length - at
    // A prefix of the text is part of it.
    const prefix = /(?:[\w&]+)$/.exec(this.#query)?.[0] ?? ''
    if (TEXT_PREFIX.test(prefix)) this.#query = this.#query.slice(0, -prefix.length)
    this.#add('?')
    return at + Math.max(length, 1)
  }

  /** E'…' knows backslashes in the standard dialect, too. */
  #isEscaped(): boolean {
    return /(?:^|\W)[Ee]$/.test(this.#query)
  }

  #word(word: string): void {
    this.#add(word)
    const upper = word.toUpperCase()
    // A common table expression goes before what is done with it.
    if (this.#method === '' || (this.#method === 'WITH' && isVerb(upper))) this.#method = upper
    if (BEFORE_TARGET.has(upper)) this.#expectsTarget = this.#target === ''
    else if (this.#expectsTarget && !PASSED.has(upper)) this.#setTarget(word)
  }

  #name(quoted: string, at: number): number {
    this.#add(quoted)
    if (this.#expectsTarget) this.#setTarget(quoted.slice(1, quoted.length > 1 ? -1 : undefined))
    return at + quoted.length
  }

  #setTarget(name: string): void {
    this.#target = `${this.#target}${name}`.slice(0, NAME_MAX)
    this.#expectsTarget = false
  }

  #sign(sign: string): void {
    this.#add(sign)
    if (sign === '(') this.#expectsTarget = false
    // schema.table
    if (sign === '.' && this.#target !== '' && !this.#expectsTarget && this.#followsTarget()) {
      this.#target += '.'
      this.#expectsTarget = true
    }
  }

  #followsTarget(): boolean {
    const before = this.#query.slice(0, -1)
    const last = this.#target.split('.').at(-1) as string
    return before.endsWith(last) || before.endsWith(`${last}"`) || before.endsWith(`${last}\``)
  }

  #add(text: string): void {
    const isSpace = text === ' '
    if (isSpace && this.#endsSpaced) return
    this.#endsSpaced = isSpace
    this.#query += text
  }
}

function isLetter(code: number): boolean {
  const lower = code | 0x20
  return (lower >= 0x61 && lower <= 0x7a) || code === 0x5f
}

function isVerb(word: string): boolean {
  return word === 'SELECT' || word === 'INSERT' || word === 'UPDATE' || word === 'DELETE'
}

/** Lists of values are as long as the data: `IN (?, ?, ?)` is `IN (?)`, and so are rows. */
function collapse(query: string): string {
  return query
    .replace(/\(\s*\?(?:\s*,\s*\?)+\s*\)/g, '(?)')
    .replace(/(\(\?\))(?:\s*,\s*\(\?\))+/g, '$1')
}
