/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who stands at an end: records of cgroups and of processes, each handed over once, before the
 * first record that names it.
 */
#ifndef FLOWSPAN_IDENTITY_EVENTS_H
#define FLOWSPAN_IDENTITY_EVENTS_H

enum identity_limit {
	CGROUP_NAMES_MAX = 768,
	PROGRAM_NAMES_MAX = 512,
};

enum identity_flag {
	/* names at the outer end are missing: the path is longer than what is kept */
	PATH_CUT = 1,
};

/*
 * Where a cgroup stands in its tree: names from the inner end outwards, without the root's, a NUL
 * behind each. The inner names come first as it is they that tell a container.
 */
struct cgroup_record {
	__u8 type;
	__u8 flags;
	__u16 length;
	__u32 pad;
	/* as in conn_record; or that of a process_record */
	__u64 cgroup_id;
	char names[CGROUP_NAMES_MAX];
};

/* What a process runs, in the same form: as its container has it, up to the root of its mounts. */
struct process_record {
	__u8 type;
	__u8 flags;
	__u16 length;
	__u32 pid;
	/*
	 * where the sockets' hierarchy is not used for containers, the process's cgroup of v1: its
	 * id, with CGROUP_V1. Else 0
	 */
	__u64 cgroup_id;
	char names[PROGRAM_NAMES_MAX];
};

/* Ids are unique within a hierarchy: this one keeps those of v1 apart from those of v2. */
#define CGROUP_V1 (1ULL << 63)

#endif
