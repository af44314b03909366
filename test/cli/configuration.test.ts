/** Whatever docs/CONFIGURATION.md shows is so. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { removeDirectory, temporaryDirectory } from '../kit/processes.ts'

const ROOT = join(import.meta.dirname, '../..')
const PAGE = readFileSync(join(ROOT, 'docs/CONFIGURATION.md'), 'utf8')

const directory = temporaryDirectory('configuration')
after(() => removeDirectory(directory))

function blocks(language: string): string[] {
  const pattern = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm')
  return [...PAGE.matchAll(pattern)].map(([, block]) => block as string)
}

/** `# name.yaml` in the first line is the file that a block is. */
for (const block of blocks('yaml')) {
  const [, name] = /^# ([\w.]+)(?=:|\n)/.exec(block) ?? []
  if (name !== undefined) writeFileSync(join(directory, name), block)
}

/** A command, and what it prints on either output. */
const sessions = blocks('console').flatMap((block) =>
  block
    .split(/^\$ /m)
    .filter(Boolean)
    .map((session) => {
      const [command = '', ...output] = session.split('\n')
      return { command, output: output.join('\n') }
    }),
)

test('the page shows commands', () => {
  assert.ok(sessions.length >= 7)
})

for (const { command, output } of sessions) {
  test(`$ ${command}`, () => {
    const { PATH } = process.env
    const env = { PATH: `${join(ROOT, 'bin')}:${dirname(process.execPath)}:${PATH}` }
    const run = spawnSync('sh', ['-c', `{ ${command}\n} 2>&1`], {
      cwd: directory,
      encoding: 'utf8',
      env,
    })
    assert.equal(run.stdout, output)
  })
}
