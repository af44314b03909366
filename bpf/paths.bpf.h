/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names along the kernel's trees, from a node outwards: of cgroups, and of files.
 *
 * bpf_d_path() is not for tracepoints (Linux 5.10 to 6.18), so the trees are walked. What a name is
 * read of may be freed meanwhile: it then reads as something else or as nothing, never as a fault.
 */
#ifndef FLOWSPAN_PATHS_BPF_H
#define FLOWSPAN_PATHS_BPF_H

#include "identity_types.h"

#define ROOT_CGROUP_ID 1
/* NAME_MAX of the kernel, and a NUL */
#define NAME_BYTES 256
#define PATH_DEPTH_MAX 24

#define IS_POWER_OF_TWO(x) ((x) && !((x) & ((x) - 1)))
_Static_assert(IS_POWER_OF_TWO(CGROUP_NAMES_MAX - NAME_BYTES), "append() masks");
_Static_assert(IS_POWER_OF_TWO(PROGRAM_NAMES_MAX - NAME_BYTES), "append() masks");

/* 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent."), v6.15. */
static __always_inline const struct kernfs_node___up *parent_of(const struct kernfs_node___up *node)
{
	const struct kernfs_node___old *old = (const void *)node;

	if (bpf_core_field_exists(node->__parent))
		return BPF_CORE_READ(node, __parent);
	return BPF_CORE_READ(old, parent);
}

/*
 * Reads a name to `names + at`, where `at` is below `end`, a power of two. Masked behind a barrier
 * although it was checked: clang 14 checks a copy and adds another, of which Linux 6.1 knows no
 * bound ("R1 max value is outside of the allowed memory range").
 */
static __always_inline int append(char *names, __u64 at, __u64 end, const void *name)
{
	barrier_var(at);
	return bpf_probe_read_kernel_str(names + (at & (end - 1)), NAME_BYTES, name);
}

/* Returns the length of the names. */
static __always_inline __u32 cgroup_names(struct cgroup_record *record, const struct cgroup *cgroup)
{
	const struct kernfs_node___up *node = (const void *)BPF_CORE_READ(cgroup, kn);
	const struct kernfs_node___up *parent;
	const char *name;
	__u64 at = 0;
	int read;
	int i;

	for (i = 0; i < PATH_DEPTH_MAX; i++) {
		parent = node ? parent_of(node) : NULL;
		if (!parent)
			return at;
		name = BPF_CORE_READ(node, name);
		if (at >= CGROUP_NAMES_MAX - NAME_BYTES)
			break;
		read = append(record->names, at, CGROUP_NAMES_MAX - NAME_BYTES, name);
		if (read <= 0)
			break;
		at += read & (2 * NAME_BYTES - 1);
		node = parent;
	}
	record->flags |= PATH_CUT;
	return at;
}

/* One step up: to the parent, or from a mount's root to where it is mounted. false: at the top. */
static __always_inline bool step_up(const struct vfsmount **mounted, const struct dentry **dentry)
{
	const struct dentry *parent = BPF_CORE_READ(*dentry, d_parent);
	const struct mount *mount;
	const struct mount *above;

	if (*dentry != BPF_CORE_READ(*mounted, mnt_root)) {
		if (parent == *dentry)
			return false;
		*dentry = parent;
		return true;
	}
	mount = (const void *)((const char *)*mounted -
			       bpf_core_field_offset(struct mount, mnt));
	above = BPF_CORE_READ(mount, mnt_parent);
	if (above == mount)
		return false;
	*dentry = BPF_CORE_READ(mount, mnt_mountpoint);
	*mounted = (const void *)((const char *)above + bpf_core_field_offset(struct mount, mnt));
	return true;
}

static __always_inline __u32 program_names(struct process_record *record, const struct file *file)
{
	const struct file___identity *of = (const void *)file;
	const struct vfsmount *mounted = BPF_CORE_READ(of, f_path.mnt);
	const struct dentry *dentry = BPF_CORE_READ(of, f_path.dentry);
	const unsigned char *name;
	bool is_root;
	__u64 at = 0;
	int read;
	int i;

	for (i = 0; i < PATH_DEPTH_MAX; i++) {
		is_root = dentry == BPF_CORE_READ(dentry, d_parent) ||
			  dentry == BPF_CORE_READ(mounted, mnt_root);
		if (!is_root) {
			name = BPF_CORE_READ(dentry, d_name.name);
			if (at >= PROGRAM_NAMES_MAX - NAME_BYTES)
				break;
			read = append(record->names, at, PROGRAM_NAMES_MAX - NAME_BYTES, name);
			if (read <= 0)
				break;
			at += read & (2 * NAME_BYTES - 1);
		}
		if (!step_up(&mounted, &dentry))
			return at;
	}
	record->flags |= PATH_CUT;
	return at;
}

/*
 * The process's cgroup of v1, where that hierarchy has containers and v2 has none: hosts that
 * mount v2 beside v1 or not at all leave all processes in the root of v2, with all controllers in
 * v1. NULL: v2 says it. Container runtimes use all controllers; the first that is no root is taken.
 */
static __always_inline const struct cgroup *cgroup_of_v1(const struct task_struct___identity *task)
{
	const struct css_set *set = BPF_CORE_READ(task, cgroups);
	const struct cgroup_subsys_state *state = NULL;
	const struct cgroup *cgroup;
	__u64 at;

	if (BPF_CORE_READ(set, dfl_cgrp, kn, id) > ROOT_CGROUP_ID)
		return NULL;
	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return NULL;
	at = bpf_core_field_offset(struct css_set, subsys) +
	     bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) * sizeof(state);
	bpf_probe_read_kernel(&state, sizeof(state), (const char *)set + at);
	cgroup = BPF_CORE_READ(state, cgroup);
	return BPF_CORE_READ(cgroup, kn, id) > ROOT_CGROUP_ID ? cgroup : NULL;
}

#endif
