/**
 * Signing in with e-mail and password. Two round trips: one that takes a place and reads, then one batch that
 * opens the session or records the failure. An unknown account, a wrong password, a disabled one and a staff
 * account at the customers' door get one answer after the same work.
 */
import { sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { contactOf } from '../accounts/address-queries.ts'
import { canonicalEmail } from '../accounts/email-address.ts'
import { accounts } from '../accounts/tables.ts'
import type { SignInFailure } from '../audit/events.ts'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { hashToken, hmacSha256 } from '../crypto/digest.ts'
import { base64url, utf8 } from '../crypto/encoding.ts'
import type { Keyring } from '../crypto/keyring.ts'
import {
  admit,
  announceSuccess,
  beginAttempt,
  clearFailures,
  isPasswordDisabled,
  type Place,
  recordFailure,
  takePlace,
} from '../limits/attempt.ts'
import { deleteThrottles, hasFailures } from '../limits/queries.ts'
import { checkPassword } from '../passwords/check.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { passGate, type SignedIn } from './gate.ts'
import { findSigner, forgetDeviceTokens, type Signer, signInSubject } from './queries.ts'

type Door = 'customers' | 'everyone'

export interface Credentials {
  readonly email: string
  readonly password: string
  readonly door: Door
  /** From the last sign-in on this device, if one was sent. */
  readonly deviceToken: string | undefined
  /** The session that the browser came with, whose cookies the new ones replace. */
  readonly replaces?: string | undefined
}

/**
 * Opens a session.
 * @throws Problem `too_many_requests`, `invalid_credentials`, `account_suspended` and `mfa_required` (only when the
 *   password is right), `sign_in_busy`, `unavailable`
 */
export async function signIn(scope: RequestScope, credentials: Credentials): Promise<SignedIn> {
  const { db, keys } = scope
  const emailCanonical = canonicalEmail(credentials.email) ?? ''
  const emailKeys = await makeEmailKeys(keys.throttleEmail, emailCanonical)
  const { deviceToken } = credentials
  const deviceTokenHash = deviceToken === undefined ? undefined : await hashToken(deviceToken)
  const subject = signInSubject({
    ...{ emailCanonical, emailKeys, deviceTokenHash },
    deviceMaxFailures: scope.settings.deviceMaxFailures,
    now: scope.facts.now,
  })
  const attempt = beginAttempt(scope, 'login', subject)
  const [tally, taken, [account]] = await answered(
    db.batch([...takePlace(db, attempt), findSigner(db, emailCanonical, deviceTokenHash, scope.facts)]),
  )
  const place = admit(scope, 'login', attempt, tally, taken)
  return checkAndOpen(scope, { ...credentials, emailCanonical, deviceTokenHash }, place, account)
}

/** The keys of the count that an address has without an account: under each configured key, the newest last. */
async function makeEmailKeys({ byId }: Keyring, emailCanonical: string): Promise<string[]> {
  const macs = [...byId.values()].map(({ hmac }) => hmacSha256(hmac, utf8(emailCanonical)))
  return (await Promise.all(macs)).map((mac) => `email:${base64url(mac)}`)
}

interface Asked extends Credentials {
  readonly emailCanonical: string
  readonly deviceTokenHash: string | undefined
}

async function checkAndOpen(
  scope: RequestScope,
  asked: Asked,
  place: Place,
  account: Signer | undefined,
  isRetry = false,
): Promise<SignedIn> {
  const { door, password } = asked
  // Why the right password does not open; it must take no longer than a wrong one, so nothing is hashed anew.
  const obstacle = findObstacle(scope, place, door, account)
  const verdict = await checkPassword(scope, password, account?.passwordHash, { mayRehash: !obstacle })
  if (!account?.passwordHash || !verdict.matches) {
    const reason = account && !verdict.matches ? verdict.reason : 'unknown_account'
    return failSignIn(scope, place, reason, account)
  }
  if (obstacle) return failSignIn(scope, place, obstacle, account)
  if (account.status === 'suspended') {
    const event = await signFailure(scope, 'suspended', account.id)
    const cleared = clearFailures(scope, place, sql`true`)
    await answered(scope.db.batch([insertAuditEvent(scope.db, event), ...cleared]))
    announceSuccess(scope, place)
    throw new Problem('account_suspended')
  }

  const { passwordHash } = account
  const signedIn = await passGate(scope, {
    account,
    method: 'password',
    stillProved: sql`${accounts.passwordHash} = ${passwordHash}`,
    rehash: verdict.rehash && { old: passwordHash, ...verdict.rehash },
    deviceId: place.tally.deviceId ?? undefined,
    replaces: asked.replaces,
    clear: (isWritten) => clearFailures(scope, place, isWritten),
    announce: () => announceSuccess(scope, place),
  })
  if (signedIn) return signedIn
  if (isRetry) return failSignIn(scope, place, 'account_changed', account)
  // Another sign-in of the same person may have made the hash anew meanwhile; whatever it was, look again.
  const { emailCanonical, deviceTokenHash } = asked
  const [then] = await answered(findSigner(scope.db, emailCanonical, deviceTokenHash, scope.facts))
  // The address may be another account's by now, and place and device are not.
  if (then?.id !== account.id) return failSignIn(scope, place, 'account_changed', account)
  return checkAndOpen(scope, asked, place, then, true)
}

/** Why not even the right password opens a session here; nobody but the log is told. */
function findObstacle(
  scope: RequestScope,
  place: Place,
  door: Door,
  account: Signer | undefined,
): SignInFailure | undefined {
  if (isPasswordDisabled(scope, place)) return 'password_disabled'
  return door === 'customers' && account && account.role !== 'customer' ? 'not_a_customer' : undefined
}

async function failSignIn(
  scope: RequestScope,
  place: Place,
  reason: SignInFailure,
  account: Signer | undefined,
): Promise<never> {
  const event = await signFailure(scope, reason, place.tally.accountId ?? undefined)
  const owner = account && { id: account.id, contact: contactOf(account) }
  await recordFailure(scope, place, event, owner, await distrustDevice(scope, place))
  throw new Problem('invalid_credentials', { reason })
}

function signFailure(scope: RequestScope, reason: SignInFailure, accountId: number | undefined) {
  return signAuditEvent(scope.keys.auditMac, scope.facts, {
    event: 'sign_in.failed',
    outcome: 'failure',
    reason,
    details: {},
    ...(accountId !== undefined && { subjectId: accountId }),
  })
}

/** A known device that fails too often in a row is not known any more. Its next success makes it so anew. */
async function distrustDevice(scope: RequestScope, { tally }: Place): Promise<BatchItem<'sqlite'>[]> {
  const { db, keys, facts, settings } = scope
  const { deviceId, accountId, key } = tally
  if (deviceId === null || accountId === null || key === null) return []
  const failures = settings.deviceMaxFailures
  const event = await signAuditEvent(keys.auditMac, facts, {
    event: 'device.distrusted',
    outcome: 'failure',
    subjectId: accountId,
    details: { device_id: deviceId, failures },
  })
  return [
    forgetDeviceTokens(db, deviceId, key, failures),
    insertAuditEvent(db, event, previousChangedOne),
    deleteThrottles(db, [key], hasFailures(key, '>=', failures)),
  ]
}
