/** Looks a name up by Node's own resolver: lookup.ts SERVER TYPE NAME. Prints as lookup.py. */
import { Resolver } from 'node:dns/promises'

const [server = '', type = '', name = ''] = process.argv.slice(2)
const resolver = new Resolver({ timeout: 300, tries: 1 })
resolver.setServers([server])
const began = process.hrtime.bigint()
const found = await resolver.resolve(name, type).catch((error: { code: string }) => [error.code])
const us = Number(process.hrtime.bigint() - began) / 1000
console.log(JSON.stringify({ pid: process.pid, found, us }))
