/**
 * A virtual machine with another kernel and the host's files, for one command.
 *
 *     host's root ── virtiofsd (read only) ──▶ guest: overlay ─▶ sh test/kernels/inside.sh …
 *     our stdout  ◀── serial console ─────────┘
 *
 * Emulated (TCG), as a test machine mostly has no virtualisation of its own: ten times slower.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { removeDirectory, temporaryDirectory, waitFor } from '../kit/processes.ts'
import { initramfs } from './initramfs.ts'
import type { KernelFiles } from './kernels.ts'

const VIRTIOFSD = ['/usr/lib/qemu/virtiofsd', '/usr/libexec/virtiofsd']
const MEMORY = '1536M'
/** An old one: what V8 and the C library do not find need not be emulated. */
const PROCESSOR = 'Nehalem'
/**
 * Two processors by turns in one thread of the host. In a thread each, one now and then executes
 * what another has patched already, such as an int3 of the kernel's jump labels: a panic.
 */
const ACCELERATOR = 'tcg,thread=single'
/** Arguments of setpriv: a program that ends when this one does, however that was. */
const WITH_US = ['--pdeathsig', 'KILL', '--']
/** The last line of inside.sh. */
const END = /^guest: exit status (\d+)$/

export interface GuestOptions {
  /** A script and its arguments. */
  readonly command: string
  readonly limitMs: number
  /** Each line of the console. */
  readonly line: (line: string) => void
}

/** The command's exit status. Throws when the guest ends, or time is over, before the command. */
export async function runGuest(kernel: KernelFiles, options: GuestOptions): Promise<number> {
  const directory = temporaryDirectory('guest')
  const socket = join(directory, 'virtiofs')
  const files = spawn('setpriv', [...WITH_US, virtiofsd(), ...fileArguments(socket)], {
    stdio: 'ignore',
  })
  try {
    await waitFor('virtiofsd', () => existsSync(socket))
    const boot = join(directory, 'initramfs')
    writeFileSync(boot, initramfs(kernel.modules, options.command))
    return await runMachine(machineArguments({ image: kernel.image, boot, socket }), options)
  } finally {
    files.kill()
    removeDirectory(directory)
  }
}

function virtiofsd(): string {
  const found = VIRTIOFSD.find((path) => existsSync(path))
  if (found === undefined) throw new Error('Cannot find virtiofsd: apt-get install qemu-system-x86')
  return found
}

function fileArguments(socket: string): string[] {
  return [`--socket-path=${socket}`, '-o', 'source=/,sandbox=chroot,cache=always,no_posix_lock']
}

function machineArguments(of: { image: string; boot: string; socket: string }): string[] {
  return [
    ...['-machine', 'q35', '-accel', ACCELERATOR, '-cpu', PROCESSOR, '-smp', '2', '-m', MEMORY],
    ...['-object', `memory-backend-memfd,id=memory,size=${MEMORY},share=on`],
    ...['-numa', 'node,memdev=memory'],
    ...['-chardev', `socket,id=files,path=${of.socket}`],
    ...['-device', 'vhost-user-fs-pci,chardev=files,tag=host'],
    ...['-kernel', of.image, '-initrd', of.boot],
    ...['-append', 'console=ttyS0 quiet panic=-1 mitigations=off'],
    ...['-nodefaults', '-no-reboot', '-display', 'none', '-serial', 'stdio'],
  ]
}

async function runMachine(args: readonly string[], options: GuestOptions): Promise<number> {
  const machine = spawn('setpriv', [...WITH_US, 'qemu-system-x86_64', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const timer = setTimeout(() => machine.kill('SIGKILL'), options.limitMs)
  let status: number | undefined
  const console = createInterface({ input: machine.stdout })
  console.on('line', (text) => {
    const line = text.trimEnd()
    const end = END.exec(line)
    if (end === null) options.line(line)
    else status = Number(end[1])
  })
  try {
    const [, signal] = await once(machine, 'close')
    if (status !== undefined) return status
    const seconds = options.limitMs / 1000
    const how = signal === 'SIGKILL' ? `did not end within ${seconds} s` : 'ended too early'
    throw new Error(`The virtual machine ${how}`)
  } finally {
    clearTimeout(timer)
  }
}
