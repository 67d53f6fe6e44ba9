/**
 * Checks a password against what is stored, always in a lane and always with the same native work,
 * whether or not there is anything to compare with.
 */
import {
  type Attempt,
  type Breathe,
  importedLane,
  type Lane,
  nativeLane,
  type TurnOutcome,
} from '../crypto/derivation-queue.ts'
import {
  decoyHash,
  hashPassword,
  isCurrentHash,
  type PasswordHash,
  parsePasswordHash,
  verifyPasswordHash,
} from '../crypto/password-hash.ts'
import { parseWerkzeugHash, type WerkzeugHash } from '../crypto/werkzeug-form.ts'
import { needsSlowLane, verifyWerkzeugHash } from '../crypto/werkzeug-hash.ts'
import { logAlert, logInfo } from '../platform/log.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'

export type PasswordVerdict =
  | {
      readonly matches: false
      readonly reason: 'wrong_password' | 'no_password_set' | 'password_key_missing'
    }
  | {
      readonly matches: true
      readonly rehash?: { readonly hash: string; readonly from: 'imported' | 'native' }
    }

interface CheckOptions {
  /** Whether a match of an old form gives the new form, which costs a further derivation. */
  readonly mayRehash: boolean
}

/**
 * Whether the password made the stored hash.
 * @throws Problem `sign_in_busy` when no turn is to be had
 */
export async function checkPassword(
  scope: RequestScope,
  password: string,
  stored: string | null | undefined,
  options: CheckOptions,
): Promise<PasswordVerdict> {
  const native = parsePasswordHash(stored ?? '')
  if (native) return checkNative(scope, password, native, options)
  const imported = parseWerkzeugHash(stored ?? '')
  if (imported) return checkImported(scope, password, imported, options)
  if (stored) logAlert('password_hash_unreadable')
  await checkDecoy(scope, password)
  return { matches: false, reason: 'no_password_set' }
}

/**
 * Hashes a new password.
 * @throws Problem `sign_in_busy` when no turn is to be had
 */
export function hashNewPassword(scope: RequestScope, password: string): Promise<string> {
  return inTurn(nativeLane, scope, (breathe) => hashPassword(password, scope.keys.pepper.newest, breathe))
}

async function checkNative(
  scope: RequestScope,
  password: string,
  stored: PasswordHash,
  { mayRehash }: CheckOptions,
): Promise<PasswordVerdict> {
  const { byId, newest } = scope.keys.pepper
  const matches = await inTurn(nativeLane, scope, (breathe) =>
    verifyPasswordHash(password, stored, byId, breathe),
  )
  if (matches === undefined) {
    // The hash names a pepper that is no longer configured: nobody can sign in with it.
    logAlert('password_key_missing', { key_id: stored.keyId })
    await checkDecoy(scope, password)
    return { matches: false, reason: 'password_key_missing' }
  }
  if (!matches) return { matches: false, reason: 'wrong_password' }
  if (!mayRehash || isCurrentHash(stored, newest)) return { matches: true }
  return withRehash(scope, password, 'native')
}

async function checkImported(
  scope: RequestScope,
  password: string,
  stored: WerkzeugHash,
  { mayRehash }: CheckOptions,
): Promise<PasswordVerdict> {
  const lane = needsSlowLane(stored) ? importedLane : nativeLane
  const matches = await inTurn(lane, scope, (breathe) => verifyWerkzeugHash(password, stored, breathe))
  if (!matches) return { matches: false, reason: 'wrong_password' }
  if (!mayRehash) return { matches: true }
  return withRehash(scope, password, 'imported')
}

/** A match, with the new form if a turn is to be had: a right password is not refused for want of one. */
async function withRehash(
  scope: RequestScope,
  password: string,
  from: 'imported' | 'native',
): Promise<PasswordVerdict> {
  try {
    return { matches: true, rehash: { hash: await hashNewPassword(scope, password), from } }
  } catch (error) {
    if (error instanceof Problem && error.code === 'sign_in_busy') return { matches: true }
    throw error
  }
}

async function checkDecoy(scope: RequestScope, password: string): Promise<void> {
  const { byId, newest } = scope.keys.pepper
  await inTurn(nativeLane, scope, (breathe) => verifyPasswordHash(password, decoyHash(newest), byId, breathe))
}

async function inTurn<T>(lane: Lane, attempt: Attempt, work: (breathe: Breathe) => Promise<T>): Promise<T> {
  const outcome: TurnOutcome<T> = await lane.run(attempt, work)
  if (outcome.done) return outcome.value
  logInfo('derivation refused', { reason: outcome.reason })
  throw new Problem('sign_in_busy', { reason: outcome.reason })
}
