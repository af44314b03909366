/** The keeper's child: runs, as nobody, what the keeper has read, with what it has opened. */
import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import { messageOf } from '../pipeline/graph/node.ts'
import { KeeperChannel } from '../pipeline/keeper/channel.ts'
import type { Handover, InheritedBy } from '../pipeline/keeper/handover.ts'
import { dropPrivileges } from '../pipeline/keeper/privileges.ts'
import { Logs } from '../pipeline/logging.ts'
import type { Service } from '../pipeline/service.ts'
import type { Stop } from '../pipeline/stop.ts'
import { decodePlanned } from './load.ts'
import type { RunProgram } from './run.ts'
import { runService } from './run_service.ts'

export async function runChild(
  handover: Handover,
  { program, stop }: { program: RunProgram; stop: Stop },
): Promise<number> {
  const socket = new Socket({ fd: handover.channelFd, readable: true, writable: true })
  // However the keeper went. (PR_SET_PDEATHSIG would not do: the kernel forgets it when the process
  // changes its user.)
  const channel = new KeeperChannel(socket, { gone: () => stop.request('the keeper has ended') })
  const started = await Promise.race([channel.started, stop.requested.then(() => undefined)])
  if (started === undefined) return 0
  socket.unref()
  const config = decodePlanned(started, program)
  const held = [...handover.components]
  return await runService(config, {
    logs: new Logs(config.service.telemetry.logs),
    version: program.version,
    stop,
    until: program.until,
    inherited: (kind, id) => held.find((part) => part.kind === kind && part.id === id),
    // Every file was read by now too: from here on the process is nobody.
    built: () => dropPrivileges(handover.user),
    reloads: (service) => {
      channel.ready(async (resolved) => {
        try {
          await service.reload(decodePlanned(resolved, program))
          void service.left().then(() => letGo(held, service))
          return { ok: true }
        } catch (error) {
          return { ok: false, reason: messageOf(error) }
        }
      })
      return (by) => channel.ask(by)
    },
  })
}

/** Closes what was inherited for components that a reload took out: the kernel frees it then. */
function letGo(held: InheritedBy[], { nodes }: Service): void {
  for (const part of held.splice(0)) {
    if (nodes.some(({ kind, id }) => kind === part.kind && id === part.id)) held.push(part)
    else for (const fd of part.fds) closeSync(fd)
  }
}
