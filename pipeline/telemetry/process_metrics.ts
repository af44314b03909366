/** `otelcol_process_*`: of the process that runs the pipelines, not of its privileged parent. */
import type { Meter } from '@opentelemetry/api'

export function measureProcess(meter: Meter): void {
  const counter = (name: string, about: { unit: string; description: string }) =>
    meter.createObservableCounter(`otelcol_process_${name}`, about)
  const gauge = (name: string, description: string) =>
    meter.createObservableGauge(`otelcol_process_${name}`, { unit: 'By', description })
  const uptime = counter('uptime', { unit: 's', description: 'Time since the process started.' })
  const cpu = counter('cpu_seconds', {
    unit: 's',
    description: 'CPU time of the process, user and system.',
  })
  const rss = gauge('memory_rss', 'Physical memory of the process (resident set size).')
  const heap = gauge('runtime_heap_alloc_bytes', "Bytes of objects in V8's heap.")
  const sys = gauge(
    'runtime_total_sys_memory_bytes',
    'Bytes that the runtime has from the system for heap, buffers and other external memory.',
  )
  meter.addBatchObservableCallback(
    (result) => {
      const { user, system } = process.cpuUsage()
      const memory = process.memoryUsage()
      result.observe(uptime, process.uptime())
      result.observe(cpu, (user + system) / 1e6)
      result.observe(rss, memory.rss)
      result.observe(heap, memory.heapUsed)
      result.observe(sys, memory.heapTotal + memory.external)
    },
    [uptime, cpu, rss, heap, sys],
  )
}
