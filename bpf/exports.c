// SPDX-License-Identifier: GPL-2.0
/*
 * Holds one value of every type that user space shares, so that its BTF describes them all: the
 * programs' own object keeps only those that a map or a function names. tools/btf2ts.ts compiles
 * and reads this; nothing loads it.
 */
#include <linux/types.h>
#include "events.h"

enum record_type record_type;
enum conn_state conn_state;
enum conn_role conn_role;
enum close_reason close_reason;
enum direction direction;
enum conn_flag conn_flag;
enum payload_flag payload_flag;
enum counter counter;
enum counter_slots counter_slots;
enum booked booked;
enum capture_limit capture_limit;
enum want_limit want_limit;
enum selection_bit selection_bit;
enum selection_list selection_list;
enum selection_limit selection_limit;
enum identity_limit identity_limit;
enum identity_flag identity_flag;
struct cgroup_record cgroup_record;
struct process_record process_record;
struct conn_figures conn_figures;
enum udp_limit udp_limit;
struct conn_record conn_record;
struct listener_record listener_record;
struct payload_record payload_record;
struct want want;
enum spoken_limit spoken_limit;
struct spoken spoken;
struct knobs knobs;
struct udp_knobs udp_knobs;
struct udp_record udp_record;
struct datagram_record datagram_record;
struct sweep sweep;
struct named_rule named_rule;
struct cidr_rule cidr_rule;
enum eye_sign eye_sign;
struct eye_knobs eye_knobs;
struct eye_record eye_record;
