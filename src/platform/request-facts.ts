/** What a request says about itself, read once: time, id, address, user agent. */
import { randomId } from '../crypto/random.ts'

export interface RequestFacts {
  readonly requestId: string
  /** Unix seconds. */
  readonly now: number
  /** The client address that the platform gives; no header that a client can write counts. */
  readonly address: string | undefined
  readonly userAgent: string | undefined
  /** Two letters (ISO 3166-1), as the platform knows the address. */
  readonly country: string | undefined
  readonly city: string | undefined
  /** Who runs the network of the address. */
  readonly network: string | undefined
}

const MAX_USER_AGENT_LENGTH = 256
const MAX_PLACE_LENGTH = 100

export function readRequestFacts(request: Request): RequestFacts {
  return {
    requestId: randomId(),
    now: Math.floor(Date.now() / 1000),
    address: request.headers.get('cf-connecting-ip') ?? undefined,
    userAgent: cut(request.headers.get('user-agent') ?? undefined, MAX_USER_AGENT_LENGTH),
    country: textOf(request.cf?.['country']),
    city: textOf(request.cf?.['city']),
    network: textOf(request.cf?.['asOrganization']),
  }
}

/** An empty name, as the local runtime gives one, is none. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? cut(value, MAX_PLACE_LENGTH) : undefined
}

/** Half a character does not come back from the database as it was: a MAC over it would not match. */
function cut(value: string | undefined, length: number): string | undefined {
  return value?.slice(0, length).toWellFormed()
}

/** The key under which an address is counted: IPv6 by /64, which one household or server owns whole. */
export function addressKey(address: string | undefined): string {
  if (address === undefined) return 'unknown'
  if (!address.includes(':')) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  return mapped?.[1] ?? `${expandIpv6(address).slice(0, 4).join(':')}::/64`
}

function expandIpv6(address: string): string[] {
  const [head = '', tail] = address.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
  return [...left, ...zeros, ...right].map((group) => group.replace(/^0+(?=.)/, ''))
}
