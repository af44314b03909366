/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tells of cgroups and processes when they are first met, so that user space has the name of a
 * container that is gone before anybody could have looked it up, and needs neither the host's
 * cgroup tree nor its /proc.
 *
 * What was told is remembered, with the reader it was told to: a new one is told anew. The maps
 * forget who was not met for longest; who comes back is told again.
 *
 *     told_cgroups[id]    told_processes[pid]    readers[0]
 */
#ifndef FLOWSPAN_IDENTITY_BPF_H
#define FLOWSPAN_IDENTITY_BPF_H

#include "maps.bpf.h"
#include "paths.bpf.h"
#include "wake.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u32);
} told_cgroups SEC(".maps");

/* A pid is used again, and a process may run one program after another. */
struct program {
	__u64 start_ns;
	__u64 file;
	__u32 reader;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct program);
} told_processes SEC(".maps");

/* Which reader it is that reads the rings now, counted by the keeper. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} readers SEC(".maps");

static __always_inline __u32 reader(void)
{
	__u32 zero = 0;
	__u32 *now = bpf_map_lookup_elem(&readers, &zero);

	return now ? *now : 0;
}

/*
 * Both are global functions, which the verifier goes through once, not at each place; they take
 * pointers as numbers, as Linux 5.15 takes no others of the kernel's there. All is read by
 * bpf_probe_read_kernel, so whatever the numbers are, the worst is a record of nonsense.
 *
 * A cgroup counts as told when its record stands in the ring: two CPUs that meet it at once tell of
 * it twice, and neither has a record of a connection before it.
 */
__noinline int tell_cgroup(__u64 id, __u64 cgroup)
{
	struct cgroup_record *record;
	__u32 now = reader();

	count(COUNTER_IDENTITY_EVENTS);
	record = bpf_ringbuf_reserve(&connections, sizeof(*record), 0);
	if (!record) {
		count(COUNTER_IDENTITY_LOST_RING);
		return 0;
	}
	record->type = RECORD_CGROUP;
	record->flags = 0;
	record->pad = 0;
	record->cgroup_id = id;
	record->length = cgroup_names(record, (const struct cgroup *)cgroup);
	bpf_ringbuf_submit(record, wake_flags(&connections, sizeof(*record)));
	bpf_map_update_elem(&told_cgroups, &id, &now, BPF_ANY);
	return 0;
}

__noinline int tell_program(__u32 pid, __u64 file, __u64 cgroup_id)
{
	struct process_record *record;

	count(COUNTER_IDENTITY_EVENTS);
	record = bpf_ringbuf_reserve(&connections, sizeof(*record), 0);
	if (!record) {
		count(COUNTER_IDENTITY_LOST_RING);
		return 0;
	}
	record->type = RECORD_PROCESS;
	record->flags = 0;
	record->pid = pid;
	record->cgroup_id = cgroup_id;
	record->length = program_names(record, (const struct file *)file);
	bpf_ringbuf_submit(record, wake_flags(&connections, sizeof(*record)));
	return 1;
}

static __always_inline void meet_cgroup(__u64 id, const struct cgroup *cgroup)
{
	__u32 *told;

	/* the root has no name */
	if (!cgroup || (id & ~CGROUP_V1) <= ROOT_CGROUP_ID)
		return;
	told = bpf_map_lookup_elem(&told_cgroups, &id);
	if (!told || *told != reader())
		tell_cgroup(id, (__u64)cgroup);
}

/* The cgroup of a socket, before a record that names it. */
static __always_inline void meet_socket_cgroup(const struct sock *sk)
{
	const struct cgroup *cgroup;

	if (!bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return;
	cgroup = BPF_CORE_READ(sk, sk_cgrp_data.cgroup);
	meet_cgroup(BPF_CORE_READ(cgroup, kn, id), cgroup);
}

/* The process of a task, before a record that names it. */
static __always_inline void meet_process(const struct task_struct *task)
{
	const struct task_struct___identity *of = (const void *)task;
	__u32 pid = BPF_CORE_READ(of, tgid);
	struct program met = { .reader = reader() };
	const struct cgroup *cgroup;
	struct program *told;
	__u64 cgroup_id = 0;

	met.file = (__u64)BPF_CORE_READ(of, mm, exe_file);
	if (!met.file)
		return;
	met.start_ns = BPF_CORE_READ(of, group_leader, start_boottime);
	told = bpf_map_lookup_elem(&told_processes, &pid);
	if (told && told->file == met.file && told->start_ns == met.start_ns &&
	    told->reader == met.reader)
		return;
	cgroup = cgroup_of_v1(of);
	if (cgroup) {
		cgroup_id = BPF_CORE_READ(cgroup, kn, id) | CGROUP_V1;
		meet_cgroup(cgroup_id, cgroup);
	}
	if (tell_program(pid, met.file, cgroup_id))
		bpf_map_update_elem(&told_processes, &pid, &met, BPF_ANY);
}

/* For a reader that has just begun: those that it will have records of, as others had. */
SEC("iter/task")
int tell_processes(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	const struct task_struct___identity *of = (const void *)task;
	const struct cgroup *cgroup;
	__u32 pid;

	if (!task || task->pid != task->tgid)
		return 0;
	pid = task->tgid;
	if (!bpf_map_lookup_elem(&told_processes, &pid))
		return 0;
	meet_process(task);
	cgroup = BPF_CORE_READ(of, cgroups, dfl_cgrp);
	meet_cgroup(BPF_CORE_READ(cgroup, kn, id), cgroup);
	return 0;
}

#endif
