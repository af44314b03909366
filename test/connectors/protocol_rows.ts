/** A row of each kind that the conventions tell apart, by what it is. */
import type { FlowRow } from './rows.ts'

const CLIENT = { role: 'client', host: '' } as const
const SERVER = { role: 'server', host: '' } as const
const NO_ANSWER = { status: 0, responseBytes: 0 } as const

/** As the parsers write them: docs/PROTOCOLS.md. */
const HTTP2 = { protocol: 'http2', version: '2', host: 'api:8443', target: '/orders/17?page=' }
const GRPC = {
  protocol: 'grpc',
  version: '2',
  method: 'POST',
  host: 'cart:7070',
  port: 7070,
  target: '/shop.v1.Cart/GetCart',
}
const POSTGRESQL = {
  protocol: 'postgresql',
  version: '',
  method: 'SELECT',
  target: 'orders',
  query: 'SELECT * FROM orders WHERE id = ?',
  namespace: 'shop',
  port: 5432,
  status: 0,
}
const REDIS = {
  protocol: 'redis',
  version: '',
  method: 'GET',
  target: 'user:*',
  query: 'GET user:*',
  namespace: '0',
  port: 6379,
  status: 0,
}
const KAFKA = {
  protocol: 'kafka',
  version: '13',
  target: 'orders',
  clientId: 'shop-1',
  port: 9092,
  status: 0,
}
const SENT = { partition: '2', messages: 12 }
const DNS = {
  protocol: 'dns',
  version: '',
  method: 'A',
  target: 'api.shop',
  port: 53,
  status: 0,
  transport: 'udp',
} as const
const MEMCACHED = { protocol: 'memcached', version: '', port: 11_211, status: 0 }

export const ROWS: { readonly [name: string]: FlowRow } = {
  'http client': { role: 'client', target: '/orders/17?page=2' },
  'http server': { role: 'server', target: '/orders/17?page=2' },
  'http server 404': { role: 'server', status: 404, target: '/wp-admin.php' },
  'http client without a response': { ...CLIENT, ...NO_ANSWER, error: 'connection_closed' },
  'http server, method of no RFC': { ...SERVER, method: 'PURGE' },
  'http2 client 503': { ...CLIENT, ...HTTP2, status: 503 },
  'http2 server': { ...SERVER, ...HTTP2 },
  'http2 client reset': { ...CLIENT, ...HTTP2, ...NO_ANSWER, error: 'CANCEL' },
  'grpc client OK': { ...CLIENT, ...GRPC, status: 0 },
  'grpc server OK': { ...SERVER, ...GRPC, status: 0 },
  'grpc client NOT_FOUND': { ...CLIENT, ...GRPC, status: 5 },
  'grpc server NOT_FOUND': { ...SERVER, ...GRPC, status: 5 },
  'grpc server INTERNAL': { ...SERVER, ...GRPC, status: 13 },
  'grpc server UNIMPLEMENTED': { ...SERVER, ...GRPC, status: 12 },
  'grpc client reset': { ...CLIENT, ...GRPC, ...NO_ANSWER, error: 'CANCEL' },
  'grpc client, bytes missing': { ...CLIENT, ...GRPC, status: 0, marks: ['desynchronised'] },
  'postgresql client': { ...CLIENT, ...POSTGRESQL },
  'postgresql server': { ...SERVER, ...POSTGRESQL },
  'postgresql client error': { ...CLIENT, ...POSTGRESQL, error: '23505' },
  'postgresql client gone': { ...CLIENT, ...POSTGRESQL, ...NO_ANSWER, error: 'connection_closed' },
  'mysql client error': { ...CLIENT, ...POSTGRESQL, protocol: 'mysql', port: 3306, status: 1062 },
  'redis client': { ...CLIENT, ...REDIS },
  'redis server': { ...SERVER, ...REDIS },
  'redis client error': { ...CLIENT, ...REDIS, error: 'WRONGTYPE' },
  'redis client without a key': { ...CLIENT, ...REDIS, method: 'PING', target: '', query: 'PING' },
  'memcached client': { ...CLIENT, ...MEMCACHED, method: 'get', target: 'session:*' },
  'kafka producer': { ...CLIENT, ...KAFKA, ...SENT, method: 'Produce', target: 'orders' },
  'kafka producer error': { ...CLIENT, ...KAFKA, method: 'Produce', error: 'MESSAGE_TOO_LARGE' },
  'kafka producer, several topics': {
    ...CLIENT,
    ...KAFKA,
    method: 'Produce',
    target: '',
    query: 'orders, payments',
    messages: 30,
  },
  'kafka consumer': { ...CLIENT, ...KAFKA, method: 'Fetch', waitMaxMs: 500 },
  'kafka commit': { ...CLIENT, ...KAFKA, method: 'OffsetCommit', namespace: 'billing' },
  'kafka client, neither': { ...CLIENT, ...KAFKA, method: 'Metadata', target: '' },
  'kafka heartbeat': {
    ...CLIENT,
    ...KAFKA,
    method: 'Heartbeat',
    target: '',
    namespace: 'billing',
    error: 'REBALANCE_IN_PROGRESS',
  },
  'kafka broker': { ...SERVER, ...KAFKA, ...SENT, method: 'Produce' },
  'kafka broker, asked to wait': { ...SERVER, ...KAFKA, method: 'Fetch', waitMaxMs: 500 },
  'dns client': { ...CLIENT, ...DNS, answers: '10.0.0.7,2001:db8::7' },
  'dns client, sent again': { ...CLIENT, ...DNS, retransmits: 1 },
  'dns client, too long for a datagram': { ...CLIENT, ...DNS, marks: ['answer_truncated'] },
  'dns client BADVERS': { ...CLIENT, ...DNS, status: 16 },
  'dns client, code of no name': { ...CLIENT, ...DNS, status: 12 },
  'dns client NXDOMAIN': { ...CLIENT, ...DNS, status: 3 },
  'dns server NXDOMAIN': { ...SERVER, ...DNS, status: 3, error: 'NXDOMAIN' },
  'dns server SERVFAIL': { ...SERVER, ...DNS, status: 2 },
  'dns client without a response': { ...CLIENT, ...DNS, ...NO_ANSWER, error: 'timeout' },
  'dns client over TCP': { ...CLIENT, ...DNS, transport: 'tcp' },
  'unknown client': { ...CLIENT, protocol: 'amqp', version: '0.9.1', method: 'basic.publish' },
  'unknown server': { ...SERVER, ...NO_ANSWER, protocol: 'amqp', version: '', error: 'timeout' },
  'nameless client': { ...CLIENT, protocol: '', version: '', method: '', target: '', status: 0 },
}
