/** A receiver that nothing comes for does not look by the clock, and misses nothing. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openBooked } from '../../../receivers/ebpf/booked.ts'
import { MAPS } from '../../../receivers/ebpf/capabilities.ts'
import { Sleep } from '../../../receivers/ebpf/sleep.ts'
import { freePorts } from '../../kit/ports.ts'
import { Program, waitFor } from '../../kit/processes.ts'
import { Capture, SKIP } from './capture.ts'

describe('sleep', () => {
  const opened = () => {
    const booked = { isAsleep: false }
    return { booked, sleep: new Sleep(booked) }
  }

  test('it tells the kernel, and sleeps when it still finds nothing', () => {
    const { booked, sleep } = opened()
    assert.equal(sleep.fallAsleep(), false)
    assert.equal(booked.isAsleep, true)
    assert.equal(sleep.fallAsleep(), true)
    assert.equal(sleep.isCalled, false)
  })

  test('it knows that the kernel has called, and asks it anew', () => {
    const { booked, sleep } = opened()
    sleep.fallAsleep()
    sleep.fallAsleep()
    booked.isAsleep = false
    assert.equal(sleep.isCalled, true)
    assert.equal(sleep.fallAsleep(), false)
    assert.equal(booked.isAsleep, true)
  })

  test('awake, it wants no call', () => {
    const { booked, sleep } = opened()
    sleep.fallAsleep()
    sleep.wake()
    assert.deepEqual([booked.isAsleep, sleep.isCalled], [false, false])
  })

  test('what a reader before it had asked for is forgotten', () => {
    const booked = { isAsleep: true }
    new Sleep(booked)
    assert.equal(booked.isAsleep, false)
  })
})

/** Longer than a row may wait, shorter than it sleeps at a time. */
const SOON_MS = 4000

describe('a receiver on a quiet host', { skip: SKIP }, () => {
  test('is woken for the first record, not only by the clock', async (t) => {
    // The host may have connections of its own: to this port it has none.
    const [port = 0] = await freePorts(1)
    const capture = await Capture.start({
      include: { ports: [port] },
      udp: { enabled: false },
      // So soon it looks by the clock once more before it sleeps: sooner than curl starts.
      batch: { latency: '10ms' },
    })
    t.after(() => capture.stop())
    const booked = openBooked(capture.fds[MAPS.indexOf('booked')] as number)
    t.after(() => booked.close())
    for (let time = 0; time < 2; time++) {
      await waitFor('a receiver that sleeps', () => booked.isAsleep)
      const before = capture.rows.length
      const beganMs = performance.now()
      await new Program(['curl', '-s', `http://127.0.0.1:${port}/`]).exited
      await waitFor('its row', () => capture.rows.length > before)
      assert.ok(performance.now() - beganMs < SOON_MS)
    }
  })
})
