/**
 * The part of libbpf's API (libbpf.h, 1.0 and later) that the keeper needs, called through FFI.
 *
 * libbpf explains failures by printing: what it prints during a call is kept and becomes part of
 * the error, the verifier's complaint included.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import koffi from 'koffi'
import { errnoName } from './memory.ts'

/** libbpf.h: enum libbpf_print_level, LIBBPF_DEBUG; everything below it is kept. */
const PRINT_DEBUG = 2
/** Of what libbpf printed, at most so much is kept: a verifier log's end tells why. */
const PRINTED_BYTES_MAX = 1 << 20
/** linux/bpf.h: struct bpf_prog_info up to recursion_misses, and offsets in it. */
const PROG_INFO = { size: 232, run_time_ns: 192, run_cnt: 200, recursion_misses: 208 } as const
/** libbpf's bpf.h: struct bpf_test_run_opts, as far as it is used. */
const TEST_RUN = { size: 80, sz: 0, ctx_in: 32, ctx_size_in: 48, retval: 56 } as const

type Pointer = unknown

/** The kernel or libbpf refused; `printed` is what libbpf had to say of it. */
export class BpfError extends Error {
  readonly printed: string
  /** Which program it was about, where that is known. */
  readonly program: string | undefined

  constructor(message: string, printed: string, program = programIn(printed)) {
    super(message)
    this.name = 'BpfError'
    this.printed = printed
    this.program = program
  }
}

/** libbpf stops at the first program that is refused, so the last one that it names is that. */
function programIn(printed: string): string | undefined {
  return [...printed.matchAll(/^libbpf: prog '([^']+)': /gm)].at(-1)?.[1]
}

export interface ProgramStats {
  readonly runs: number
  readonly runNs: number
  /** Runs that were skipped, because the program was already running on that CPU. */
  readonly recursionMisses: number
}

type Libbpf = ReturnType<typeof bind>

/** Loads the library. Throws when it is not installed. */
function bind() {
  let lib: ReturnType<typeof koffi.load>
  try {
    lib = koffi.load('libbpf.so.1')
  } catch {
    throw new Error('Cannot load libbpf.so.1: install it (apt-get install libbpf1)')
  }
  koffi.proto('int PrintFn(int level, const char *format, void *arguments)')
  return {
    setPrint: lib.func('void *libbpf_set_print(PrintFn *fn)'),
    open: lib.func('void *bpf_object__open_file(const char *path, const void *opts)'),
    load: lib.func('int bpf_object__load(void *object)'),
    close: lib.func('void bpf_object__close(void *object)'),
    findMap: lib.func('void *bpf_object__find_map_by_name(void *object, const char *name)'),
    findProgram: lib.func('void *bpf_object__find_program_by_name(void *object, const char *name)'),
    nextProgram: lib.func('void *bpf_object__next_program(void *object, void *before)'),
    programName: lib.func('const char *bpf_program__name(void *program)'),
    setAutoload: lib.func('int bpf_program__set_autoload(void *program, bool autoload)'),
    attach: lib.func('void *bpf_program__attach(void *program)'),
    attachCgroup: lib.func('void *bpf_program__attach_cgroup(void *program, int cgroupFd)'),
    testRun: lib.func('int bpf_prog_test_run_opts(int programFd, void *options)'),
    attachIter: lib.func('void *bpf_program__attach_iter(void *program, void *opts)'),
    linkFd: lib.func('int bpf_link__fd(void *link)'),
    createIter: lib.func('int bpf_iter_create(int linkFd)'),
    programFd: lib.func('int bpf_program__fd(void *program)'),
    destroyLink: lib.func('int bpf_link__destroy(void *link)'),
    mapFd: lib.func('int bpf_map__fd(void *map)'),
    setMaxEntries: lib.func('int bpf_map__set_max_entries(void *map, uint32_t count)'),
    setInitialValue: lib.func('int bpf_map__set_initial_value(void *map, void *data, size_t size)'),
    updateElem: lib.func('int bpf_map_update_elem(int fd, void *key, void *value, uint64_t flags)'),
    deleteElem: lib.func('int bpf_map_delete_elem(int fd, void *key)'),
    loadKernelBtf: lib.func('void *btf__load_vmlinux_btf()'),
    findBtf: lib.func('int btf__find_by_name_kind(void *btf, const char *name, uint32_t kind)'),
    btfType: lib.func('void *btf__type_by_id(void *btf, uint32_t id)'),
    btfName: lib.func('const char *btf__name_by_offset(void *btf, uint32_t offset)'),
    freeBtf: lib.func('void btf__free(void *btf)'),
    info: lib.func('int bpf_obj_get_info_by_fd(int fd, void *info, _Inout_ uint32_t *length)'),
  }
}

let library: Libbpf | undefined

/** libbpf's view of a C enum: BTF_KIND_ENUM, struct btf_type, then struct btf_enum each. */
const BTF_ENUM = { kind: 6, header: 12, entry: 8 } as const

/** The names and values of an enum of the running kernel; none, if it has no such enum. */
export function kernelEnum(name: string): [name: string, value: number][] {
  library ??= bind()
  const btf = library.loadKernelBtf()
  if (btf === null) throw new Error(`Cannot read the kernel's BTF: ${lastErrno()}`)
  try {
    const id: number = library.findBtf(btf, name, BTF_ENUM.kind)
    if (id < 0) return []
    const type: Pointer = library.btfType(btf, id)
    const length = new DataView(koffi.view(type, BTF_ENUM.header)).getUint32(4, true) & 0xffff
    const view = new DataView(koffi.view(type, BTF_ENUM.header + length * BTF_ENUM.entry))
    return Array.from({ length }, (_, i) => {
      const at = BTF_ENUM.header + i * BTF_ENUM.entry
      const entry: string = (library as Libbpf).btfName(btf, view.getUint32(at, true))
      return [entry, view.getInt32(at + 4, true)]
    })
  } finally {
    library.freeBtf(btf)
  }
}

/** An iterator program under way: it runs while it is read, as far as what it writes is read. */
export class Iterator {
  #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  /** Runs on until it has written so many bytes; returns how many it did, 0 at the end. */
  read(bytes: number): number {
    try {
      return readSync(this.#fd, new Uint8Array(bytes))
    } catch (error) {
      // A million objects without a byte: the kernel takes a breath.
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 1
      throw error
    }
  }

  /** Safe twice. */
  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd)
    this.#fd = -1
  }
}

/** A compiled object: opened, then configured, then loaded, then attached program by program. */
export class BpfObject {
  readonly #lib: Libbpf
  #object: Pointer
  readonly #links: Pointer[] = []

  /** Reads the file; nothing is in the kernel yet. */
  constructor(path: string) {
    library ??= bind()
    this.#lib = library
    const { result, printed } = this.#listen(() => this.#lib.open(path, null))
    if (result === null) throw new BpfError(`Cannot open ${path}: ${lastErrno()}`, printed)
    this.#object = result
  }

  /** For a map whose size is a setting; before `load`. */
  setMaxEntries(map: string, count: number): void {
    const error = this.#lib.setMaxEntries(this.#map(map), count)
    if (error !== 0) throw new Error(`Cannot set the size of map ${map}: ${errnoName(-error)}`)
  }

  /** Writes a data section, such as `.rodata`, whole; before `load`. */
  setInitialValue(map: string, bytes: Uint8Array): void {
    const error = this.#lib.setInitialValue(this.#map(map), bytes, bytes.byteLength)
    if (error !== 0) throw new Error(`Cannot set ${map}: ${errnoName(-error)}`)
  }

  /** The names of all programs, in the order of the file. */
  programs(): string[] {
    const names: string[] = []
    for (let at = this.#lib.nextProgram(this.#object, null); at !== null; ) {
      names.push(this.#lib.programName(at) as string)
      at = this.#lib.nextProgram(this.#object, at)
    }
    return names
  }

  /** Leaves a program out; before `load`. */
  skip(program: string): void {
    this.#lib.setAutoload(this.#program(program), false)
  }

  /** Makes the maps, has the programs verified. */
  load(): void {
    const { result, printed } = this.#listen(() => this.#lib.load(this.#object))
    if (result !== 0) throw new BpfError(`Cannot load programs: ${errnoName(-result)}`, printed)
  }

  /** The program runs from now on, until `detach`. */
  attach(program: string): void {
    const { result, printed } = this.#listen(() => this.#lib.attach(this.#program(program)))
    if (result === null) {
      throw new BpfError(`Cannot attach ${program}: ${lastErrno()}`, printed, program)
    }
    this.#links.push(result)
  }

  /** The same for all sockets of the cgroup whose directory this is, and below. */
  attachCgroup(program: string, directory: string): void {
    const fd = openSync(directory, 'r')
    try {
      const attach = () => this.#lib.attachCgroup(this.#program(program), fd)
      const { result, printed } = this.#listen(attach)
      if (result === null) throw new BpfError(`Cannot attach ${program}: ${lastErrno()}`, printed)
      this.#links.push(result)
    } finally {
      closeSync(fd)
    }
  }

  /** Runs a program of type `syscall`, with what it takes for its context; gives its answer. */
  run(program: string, context: Uint8Array): number {
    const options = new DataView(new ArrayBuffer(TEST_RUN.size))
    options.setBigUint64(TEST_RUN.sz, BigInt(TEST_RUN.size), true)
    options.setBigUint64(TEST_RUN.ctx_in, koffi.address(context), true)
    options.setUint32(TEST_RUN.ctx_size_in, context.byteLength, true)
    const fd = this.#lib.programFd(this.#program(program))
    const error = this.#lib.testRun(fd, new Uint8Array(options.buffer))
    if (error !== 0) throw new Error(`Cannot run ${program}: ${errnoName(-error)}`)
    return options.getUint32(TEST_RUN.retval, true)
  }

  /** Begins to run an iterator program over all that a map holds, or all files of all tasks. */
  iterator(program: string, map?: string): Iterator {
    const target = new Uint32Array([map === undefined ? 0 : this.mapFd(map), 0, 0, 0])
    // struct bpf_iter_attach_opts: its size, union bpf_iter_link_info by address, that one's size.
    const options = new BigUint64Array([24n, koffi.address(target), BigInt(target.byteLength)])
    const given = map === undefined ? null : options
    const attach = () => this.#lib.attachIter(this.#program(program), given)
    const { result: link, printed } = this.#listen(attach)
    if (link === null) throw new BpfError(`Cannot attach ${program}: ${lastErrno()}`, printed)
    const fd = this.#lib.createIter(this.#lib.linkFd(link))
    this.#lib.destroyLink(link)
    if (fd < 0) throw new BpfError(`Cannot iterate ${program}: ${lastErrno()}`, printed)
    return new Iterator(fd)
  }

  /** Runs an iterator program once, to its end. */
  iterate(program: string, map?: string): void {
    const iterator = this.iterator(program, map)
    try {
      while (iterator.read(4096) > 0);
    } finally {
      iterator.close()
    }
  }

  /** The map's file descriptor; valid until `close`. */
  mapFd(map: string): number {
    return this.#lib.mapFd(this.#map(map))
  }

  updateElem(map: string, key: Uint8Array, value: Uint8Array): void {
    const error = this.#lib.updateElem(this.mapFd(map), key, value, 0n)
    if (error !== 0) throw new Error(`Cannot write to map ${map}: ${errnoName(-error)}`)
  }

  /** Deletes a key, if it is there. */
  deleteElem(map: string, key: Uint8Array): void {
    this.#lib.deleteElem(this.mapFd(map), key)
  }

  /** `runs` and `runNs` count while kernel.bpf_stats_enabled is 1. */
  stats(program: string): ProgramStats {
    const info = new Uint8Array(PROG_INFO.size)
    const fd = this.#lib.programFd(this.#program(program))
    const error = this.#lib.info(fd, info, [PROG_INFO.size])
    if (error !== 0) throw new Error(`Cannot read program ${program}: ${errnoName(-error)}`)
    const view = new DataView(info.buffer)
    return {
      runs: Number(view.getBigUint64(PROG_INFO.run_cnt, true)),
      runNs: Number(view.getBigUint64(PROG_INFO.run_time_ns, true)),
      recursionMisses: Number(view.getBigUint64(PROG_INFO.recursion_misses, true)),
    }
  }

  /** Stops all programs; they stay loaded and can be attached again. */
  detach(): void {
    for (const link of this.#links.splice(0)) this.#lib.destroyLink(link)
  }

  /** Detaches and unloads everything. Safe twice. */
  close(): void {
    if (this.#object === null) return
    this.detach()
    this.#lib.close(this.#object)
    this.#object = null
  }

  #map(name: string): Pointer {
    const map = this.#lib.findMap(this.#object, name)
    if (map === null) throw new Error(`No map is named ${name}`)
    return map
  }

  #program(name: string): Pointer {
    const program = this.#lib.findProgram(this.#object, name)
    if (program === null) throw new Error(`No program is named ${name}`)
    return program
  }

  /** Calls `act`, keeping what libbpf prints meanwhile. */
  #listen<T>(act: () => T): { result: T; printed: string } {
    const printed: string[] = []
    const callback = koffi.register((level: number, format: string, values: Pointer) => {
      if (level < PRINT_DEBUG) printed.push(formatted(format, values))
      return 0
    }, 'PrintFn *')
    this.#lib.setPrint(callback)
    try {
      return { result: act(), printed: printed.join('') }
    } finally {
      this.#lib.setPrint(null)
      koffi.unregister(callback)
    }
  }
}

const libc = koffi.load('libc.so.6')
/** A va_list passed on by address, as both the x86-64 and the AArch64 calling conventions do. */
const vsnprintf = libc.func(
  'int vsnprintf(_Out_ uint8_t *to, size_t size, const char *format, void *arguments)',
)

function formatted(format: string, values: Pointer): string {
  const bytes = new Uint8Array(PRINTED_BYTES_MAX)
  const length: number = vsnprintf(bytes, bytes.length, format, values)
  return new TextDecoder().decode(bytes.subarray(0, Math.min(length, bytes.length - 1)))
}

function lastErrno(): string {
  return errnoName(koffi.errno())
}
