import assert from 'node:assert/strict'
import { test } from 'node:test'
import { document, Html, html } from '../../../extensions/zpages/html.ts'

const NASTY = `<script>alert("1")</script>&'`
const SAFE = '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;'

test('what is put into a page is text, in elements and in attributes', () => {
  assert.equal(html`<p title="${NASTY}">${NASTY}</p>`.text, `<p title="${SAFE}">${SAFE}</p>`)
})

test('HTML within HTML stays, alone and in lists', () => {
  const item = html`<li>${NASTY}</li>`
  assert.equal(
    html`<ul>${[item, item]}${new Html('<hr>')}</ul>`.text,
    `<ul><li>${SAFE}</li><li>${SAFE}</li><hr></ul>`,
  )
})

test('a page loads itself anew only when it is to', () => {
  const page = (refreshSeconds: number) =>
    document(html`<p>x</p>`, { page: 'servicez', title: NASTY, refreshSeconds })
  assert.doesNotMatch(page(0), /http-equiv/)
  assert.match(page(5), /<meta http-equiv="refresh" content="5">/)
  assert.ok(page(0).includes(`<title>${SAFE}`))
  assert.doesNotMatch(page(0), /<script/)
})
