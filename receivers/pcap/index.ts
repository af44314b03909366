import { receiver } from '../../pipeline/component.ts'
import { type PcapConfig, schema, validate } from './config.ts'
import { PcapReceiver } from './pcap_receiver.ts'

/** Reads connections, flows of UDP, and the requests in them, from a capture file. */
export const pcap = receiver<PcapConfig>({
  type: 'pcap',
  stability: 'development',
  schema,
  validate,
  create: {
    flows: (settings, config, next) => new PcapReceiver(settings, config, next),
  },
})
