import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FlowBatch } from '../../../../pipeline/flows/batch.ts'
import { routeOf } from '../../../../pipeline/flows/conventions/route.ts'
import { httpRoutes, Routes } from '../../../../pipeline/flows/conventions/routes.ts'
import { ROLE } from '../../../../pipeline/flows/schema.ts'

const GROUPED: readonly (readonly [target: string, route: string])[] = [
  ['/orders/4711', '/orders/{id}'],
  ['/orders/4711/items/3?page=2', '/orders/{id}/items/{id}'],
  ['/o/0f8fad5b-d9cb-469f-a165-70867728950e', '/o/{id}'],
  ['/o/DEADBEEF-CAFE-BABE-FACE-ABCDEFABCDEF', '/o/{id}'],
  ['/blobs/da39a3ee5e6b4b0d3255bfef95601890afd80709', '/blobs/{id}'],
  ['/commits/da39a3e1', '/commits/{id}'],
  ['/t/01ARZ3NDEKTSV4RRFFQ69G5FAV', '/t/{id}'],
  ['/t/V1StGXR8_Z5jdHi6B-myT', '/t/{id}'],
  ['/t/cus_NffrFeUfNV2Hib', '/t/{id}'],
  ['/t/eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIx', '/t/{id}'],
  ['/users/alice@example.com/inbox', '/users/{id}/inbox'],
  ['/search/caf%C3%A9', '/search/{id}'],
  ['/days/2026-01-31', '/days/{id}'],
  ['/at/10.1.2.3', '/at/{id}'],
  ['/orders/order-123456', '/orders/{id}'],
  ['/cart;jsessionid=1A2B3C', '/cart'],
  ['/a/b/c/d/e/f/g/h/i/j/k/l', '/a/b/c/d/e/f/g/h/i/j/*'],
]

const KEPT = [
  '/',
  '/health',
  '/api/v1/orders',
  '/api/v2.1/orders',
  '/apis/apps/v1beta1/deployments',
  '/static/app.js',
  '/oauth2/callback',
  '/.well-known/openid-configuration',
  '/projects:batchGet',
  '/feedback/facade',
  '/getOrderConfirmation',
  '/users/',
  '//users',
]

test('what varies in a path becomes {id}, and names stay', () => {
  for (const [target, route] of GROUPED) assert.equal(routeOf(target), route, target)
  for (const target of KEPT) assert.equal(routeOf(target), target)
})

test('what is no path has no route', () => {
  for (const target of ['', '*', 'example.com:443', '?a=b']) assert.equal(routeOf(target), '')
})

test('a route is bounded, without a query, and its own route, whatever the target', () => {
  const part = fc.oneof(fc.string(), fc.uuid(), fc.nat().map(String), fc.constantFrom('v1', ''))
  fc.assert(
    fc.property(fc.array(part), fc.string(), (parts, query) => {
      const route = routeOf(`/${parts.join('/')}?${query}`)
      assert(route.length <= 10 * 41 + 2, route)
      assert.match(route, /^(\/|(\/[\w\-.~:$*]*|\/\{id\})+)$/)
      assert.equal(routeOf(route.replaceAll('{id}', '0')), route)
    }),
  )
})

interface Row {
  readonly target: string
  readonly status?: number
  readonly service?: string
  readonly role?: 'client' | 'server'
}

/** The routes of rows in one batch. */
function routesOf(routes: Routes, rows: readonly Row[]): string[] {
  const batch = new FlowBatch(rows.length)
  for (const { target, status = 200, service = 'api', role = 'server' } of rows) {
    const row = batch.addRow()
    batch.base.role[row] = ROLE[role]
    batch.base.status[row] = status
    batch.base.target[row] = batch.strings.intern(target)
    batch.base.comm[row] = batch.strings.intern(service)
  }
  routes.begin(batch)
  return rows.map((_, row) => routes.at(row))
}

const made = (config: object = {}) => new Routes(httpRoutes.parse(config))

test('a service learns as many routes as it may, and what is beyond is /*', () => {
  const routes = made({ max_per_service: 2 })
  const rows = ['/a', '/b/1', '/c', '/b/2', '/a'].map((target) => ({ target }))
  const wanted = ['/a', '/b/{id}', '/*', '/b/{id}', '/a']
  assert.deepEqual(routesOf(routes, rows), wanted)
  assert.deepEqual(routesOf(routes, rows), wanted, 'the next batch too')
  assert.deepEqual(routesOf(routes, [{ target: '/c', service: 'web' }]), ['/c'])
})

test('the default bound is 100', () => {
  const rows = Array.from({ length: 27 * 27 }, (_, i) => ({
    target: `/${String.fromCharCode(97 + (i % 26))}/${String.fromCharCode(97 + Math.floor(i / 27))}`,
  }))
  const got = new Set(routesOf(made(), rows))
  assert.equal(got.size, 101)
  assert(got.has('/*'))
})

test('a request that was not found teaches nothing, until one is', () => {
  const routes = made()
  for (const status of [0, 400, 404]) {
    assert.deepEqual(routesOf(routes, [{ target: '/a', status }]), ['/*'])
  }
  const rows = [{ target: '/a', status: 404 }, { target: '/a' }, { target: '/a', status: 404 }]
  assert.deepEqual(routesOf(routes, rows), ['/*', '/a', '/a'])
  assert.deepEqual(routesOf(routes, [{ target: '/a', status: 404 }]), ['/a'])
})

test('the same path is told apart by the service that serves it', () => {
  const routes = made({ max_per_service: 1 })
  const rows = [
    { target: '/a', service: 'web' },
    { target: '/b', service: 'api' },
    { target: '/a', service: 'api' },
    { target: '/a', service: 'web' },
  ]
  assert.deepEqual(routesOf(routes, rows), ['/a', '/b', '/*', '/a'])
})

test('clients have no routes, and nobody has when they are off', () => {
  assert.deepEqual(routesOf(made(), [{ target: '/a', role: 'client' }]), [''])
  assert.deepEqual(routesOf(made({ enabled: false }), [{ target: '/a' }]), [''])
})

test('services, paths and their routes stay bounded however many there are', () => {
  const routes = made({ max_per_service: 3 })
  for (let batch = 0; batch < 20; batch++) {
    const rows = Array.from({ length: 1000 }, (_, i) => ({
      target: `/${'abcdefghij'[i % 10]}/${'xyz'[batch % 3]}`,
      service: `service-${batch}-${i % 300}`,
    }))
    for (const route of routesOf(routes, rows)) assert.match(route, /^\/(\*|[a-j]\/[xyz])$/)
  }
})
