/**
 * Owns PBKDF2 (RFC 8018 section 5.2) for imported hashes above the 100,000 iterations that production
 * allows in one native call.
 * Invariant: other requests get the isolate every ITERATIONS_PER_TURN iterations, and no clock is read to
 * decide that: in production the clock stands still during CPU work, so a loop that watches it never yields.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha1 } from '@noble/hashes/legacy.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import type { Hash } from '@noble/hashes/utils.js'
import type { Breathe } from './derivation-queue.ts'
import type { Pbkdf2Digest } from './werkzeug-form.ts'

/**
 * Derives `length` bytes by PBKDF2-HMAC. Password and salt are read before the first pause, so the caller
 * may wipe both at once. Time and memory are the caller's to bound: one million iterations of SHA-256 take
 * seconds.
 *
 * @param iterations at least 1
 * @param length bytes to derive, at least 1
 * @param breathe gives the isolate back; what it throws ends the derivation
 * @throws RangeError when either number is not a positive integer
 */
export async function yieldingPbkdf2(
  digest: Pbkdf2Digest,
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number,
  length: number,
  breathe: Breathe = () => scheduler.wait(0),
): Promise<Uint8Array> {
  requirePositiveInteger(iterations, 'iterations')
  requirePositiveInteger(length, 'length')
  const keyed = hmac.create(HASHES[digest], password)
  const salted = keyed.clone().update(salt)
  const worker = keyed.clone()
  const u = new Uint8Array(keyed.outputLen)
  const derived = new Uint8Array(length)
  let leftInTurn = ITERATIONS_PER_TURN
  for (let block = 1, offset = 0; offset < length; block++, offset += u.length) {
    const t = derived.subarray(offset, offset + u.length)
    for (let done = 0; done < iterations; ) {
      if (leftInTurn === 0) {
        await breathe()
        leftInTurn = ITERATIONS_PER_TURN
      }
      const count = done === 0 ? 1 : Math.min(iterations - done, leftInTurn)
      if (done === 0) startBlock(salted, worker, block, u, t)
      else foldIterations(keyed, worker, u, t, count)
      done += count
      leftInTurn -= count
    }
  }
  return derived
}

/** About 15 ms of SHA-256 in workerd: the longest that another request waits for one turn. */
const ITERATIONS_PER_TURN = 4_000

const HASHES = { sha1, sha256, sha512 }

interface HmacState extends Hash<HmacState> {}

function requirePositiveInteger(value: number, name: string): void {
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} must be a positive integer`)
}

function startBlock(salted: HmacState, worker: HmacState, block: number, u: Uint8Array, t: Uint8Array): void {
  const index = Uint8Array.of(block >>> 24, block >>> 16, block >>> 8, block)
  salted._cloneInto(worker).update(index).digestInto(u)
  t.set(u.subarray(0, t.length))
}

// Restoring the keyed state saves hashing both pads again: two compressions per iteration instead of four.
function foldIterations(
  keyed: HmacState,
  worker: HmacState,
  u: Uint8Array,
  t: Uint8Array,
  count: number,
): void {
  for (let done = 0; done < count; done++) {
    keyed._cloneInto(worker).update(u).digestInto(u)
    for (let i = 0; i < t.length; i++) t[i] = (t[i] ?? 0) ^ (u[i] ?? 0)
  }
}
