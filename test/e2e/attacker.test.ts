/**
 * What somebody reaches who owns the process that parses the network's bytes: that process's own
 * descriptors and network, and nothing else. See docs/SECURITY.md.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Flowspan } from '../kit/flowspan.ts'
import { removeDirectory, temporaryDirectory, waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import type { Attacks } from './attacker.ts'

const ATTACKER = join(import.meta.dirname, 'attacker.ts')
const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups']
const options = { skip: skipUnless(missingForShop()), timeout: 60_000 }

test('who owns the pipeline process gains nothing by it', options, async (t) => {
  const directory = temporaryDirectory('attack')
  t.after(() => removeDirectory(directory))
  chmodSync(directory, 0o777)
  const [result, secret, setuid] = ['result', 'secret', 'id'].map((name) => join(directory, name))
  writeFileSync(secret as string, 'secret', { mode: 0o600 })
  copyFileSync('/usr/bin/id', setuid as string)
  chmodSync(setuid as string, 0o4755)
  // The file does give its user root, so that what follows proves something.
  const outside = spawnSync('setpriv', [...NOBODY, setuid as string, '-u'], { encoding: 'utf8' })
  assert.equal(outside.stdout.trim(), '0')

  const config = () => ({
    receivers: { ebpf: {} },
    exporters: { nop: {} },
    service: { pipelines: { flows: { receivers: ['ebpf'], exporters: ['nop'] } } },
  })
  const env = {
    ...process.env,
    NODE_OPTIONS: `--import=${ATTACKER}`,
    ATTACK_RESULT: result,
    ATTACK_SECRET: secret,
    ATTACK_SETUID: setuid,
  }
  const flowspan = await Flowspan.start(config, { env })
  t.after(() => flowspan.kill())
  await waitFor('the attacks', () => existsSync(result as string))
  const attacks = await waitFor('their results', () => parsed(result as string))

  assert.deepEqual(attacks, {
    user: '65534',
    // Maps alone, which may be read and written as far as their own descriptors allow.
    descriptors: 'bpf-map',
    'open a program by id': 'EPERM',
    'open a map by id': 'EPERM',
    'open a link by id': 'EPERM',
    'load a program': 'EPERM',
    'write what the kernel writes': 'EPERM',
    'trace the keeper': 'EPERM',
    'open the memory of the keeper': 'EACCES',
    'read the environment of the keeper': 'EACCES',
    'signal the keeper': 'EPERM',
    'signal the first process': 'EPERM',
    "read root's file": 'EACCES',
    'become root': 'EPERM',
    'run a program that becomes root': '65534',
    'configure the network': '2',
    'open a raw socket': 'EPERM',
    'open a packet socket': 'EPERM',
  })
  // And flowspan works on.
  const { lost, unaccounted } = await flowspan.stop()
  assert.deepEqual([lost, unaccounted], [0, 0])
  flowspan.clean()
})

function parsed(file: string): Attacks | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Attacks
  } catch {
    return undefined
  }
}
