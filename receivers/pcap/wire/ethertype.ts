/** EtherTypes that lead to IP (IEEE 802, IANA "EtherType"). */
export const ETHERTYPE = {
  ipv4: 0x0800,
  ipv6: 0x86dd,
  /** 802.1Q, 802.1ad, and what some switches used before that. */
  vlan: [0x8100, 0x88a8, 0x9100],
  /** An Ethernet frame within a tunnel. */
  bridged: 0x6558,
  mpls: 0x8847,
} as const

/** PPP and others beside it cannot carry more layers than this without ill will. */
export const LAYERS_MAX = 12
