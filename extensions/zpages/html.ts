/** HTML by template: what is put into it is escaped, unless it is HTML itself. */

export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Value = Html | string | number | readonly Html[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  let text = strings[0] as string
  for (const [i, value] of values.entries()) text += render(value) + strings[i + 1]
  return new Html(text)
}

function render(value: Value): string {
  if (value instanceof Html) return value.text
  if (typeof value === 'object') return value.map(({ text }) => text).join('')
  return String(value).replace(/[&<>"']/g, (character) => ENTITIES[character] as string)
}

const STYLE = new Html(`
:root { color-scheme: light dark; --line: #8883; --soft: #8881; --dim: #777;
  --good: #1a7f37; --warn: #9a6700; --bad: #cf222e; --bar: #0969da }
@media (prefers-color-scheme: dark) { :root { --dim: #999; --good: #3fb950; --warn: #d29922;
  --bad: #ff7b72; --bar: #58a6ff } body { background: #0d1117; color: #e6edf3 } }
* { box-sizing: border-box }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 80rem }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1rem; padding-bottom: .6rem;
  border-bottom: 1px solid var(--line) }
nav a[aria-current] { font-weight: 600; color: inherit; text-decoration: none }
a { color: var(--bar) }
h1 { font-size: 1.2rem } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem }
h1 small, h2 small, .dim { color: var(--dim); font-weight: 400 }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line);
  vertical-align: top }
th { font-weight: 600; color: var(--dim); font-size: .85rem; white-space: nowrap }
.n { text-align: right; white-space: nowrap }
.n small { display: block; color: var(--dim) }
tr.loss { background: color-mix(in srgb, var(--bad) 12%, transparent) }
.good { color: var(--good) } .warn { color: var(--warn) } .bad { color: var(--bad) }
.bar { display: block; width: 6rem; height: .5rem; border-radius: .25rem;
  background: var(--soft); overflow: hidden; margin: .3rem 0 .1rem auto }
.bar i { display: block; height: 100%; background: var(--bar) }
.bar.full i { background: var(--bad) }
ul { margin: .2rem 0; padding-left: 1.1rem } code { font-size: .9em; overflow-wrap: anywhere }
@media (max-width: 46rem) {
  .cards thead { display: none } .cards, .cards tbody { display: block }
  .cards tr { display: grid; grid-template-columns: repeat(3, 1fr); padding: .5rem 0;
    border-bottom: 1px solid var(--line) }
  .cards td { border: 0; padding: .15rem .3rem; text-align: left }
  .cards td.wide { grid-column: 1 / -1 }
  .cards td:not(.wide)::before { content: attr(data-name); display: block;
    color: var(--dim); font-size: .8rem }
  .cards .bar { margin-left: 0; width: 100% }
}`)

const PAGES = ['servicez', 'pipelinez', 'extensionz', 'tracez'] as const
export type PageName = (typeof PAGES)[number]

/** @param of.refreshSeconds how often the browser is to load the page again; 0 for never */
export function document(
  body: Html,
  of: { page: PageName; title: string; refreshSeconds: number },
): string {
  const refresh =
    of.refreshSeconds > 0
      ? html`<meta http-equiv="refresh" content="${of.refreshSeconds}">`
      : html``
  const links = PAGES.map((name) =>
    name === of.page
      ? html`<a href="/debug/${name}" aria-current="page">${name}</a>`
      : html`<a href="/debug/${name}">${name}</a>`,
  )
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">${refresh}
<title>${of.title} · flowspan</title><style>${STYLE}</style></head>
<body><nav>${links}<a href="?format=json">JSON</a><a href="?refresh=2">refresh</a></nav>
${body}</body></html>
`
  return page.text
}
