/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fields of the kernel's structs that tell who a process and where a cgroup is, as in
 * kernel_types.h; flavours of those that are there with other fields.
 */
#ifndef FLOWSPAN_IDENTITY_TYPES_H
#define FLOWSPAN_IDENTITY_TYPES_H

#include "kernel_types.h"

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpadded"
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node___up {
	struct kernfs_node___up *__parent;
	const char *name;
};

struct kernfs_node___old {
	struct kernfs_node___up *parent;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct css_set {
	struct cgroup_subsys_state *subsys[1];
	struct cgroup *dfl_cgrp;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

/* fs/mount.h: a vfsmount is a part of it */
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file___identity {
	struct path f_path;
};

struct mm_struct {
	struct file *exe_file;
};

struct task_struct___identity {
	int tgid;
	__u64 start_boottime;
	struct task_struct___identity *group_leader;
	struct mm_struct *mm;
	struct css_set *cgroups;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

/* Values are the running kernel's, by bpf_core_enum_value. */
enum cgroup_subsys_id { memory_cgrp_id = 4 };

#pragma clang attribute pop
#pragma clang diagnostic pop

#endif
