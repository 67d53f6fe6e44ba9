/**
 * Signing in with e-mail and password. Two round trips: one read, then one batch that opens the session
 * or records the failure. An unknown account, a wrong password and a staff account at the customers'
 * door get one answer after the same work.
 */
import { canonicalEmail } from '../accounts/email-address.ts'
import { findCredentials, type Profile } from '../accounts/queries.ts'
import type { SignInFailure } from '../audit/events.ts'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { hashToken } from '../crypto/digest.ts'
import { checkPassword } from '../passwords/check.ts'
import { answered } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { findKnownDevice } from '../sessions/device-queries.ts'
import { SESSION_IDLE_SECONDS } from '../sessions/queries.ts'
import { issuePair, type TokenPair } from '../sessions/refresh.ts'
import { openSession } from './open-session.ts'

export interface SignedIn {
  readonly account: Profile
  readonly tokens: TokenPair
  /** For the next sign-in from this device. */
  readonly deviceToken: string
}

export interface Credentials {
  readonly email: string
  readonly password: string
  /** From the last sign-in on this device. */
  readonly deviceToken: string | undefined
}

type Door = 'customers' | 'everyone'

/**
 * Opens a session.
 * @throws Problem `invalid_credentials`, `account_suspended` (only when the password is right),
 *   `sign_in_busy`, `unavailable`
 */
export async function signIn(
  scope: RequestScope,
  credentials: Credentials,
  door: Door,
  isRetry = false,
): Promise<SignedIn> {
  const [account, device] = await findAccountAndDevice(scope, credentials)
  const verdict = await checkPassword(scope, credentials.password, account?.passwordHash)
  if (!account?.passwordHash || !verdict.matches) {
    const reason = account && !verdict.matches ? verdict.reason : 'unknown_account'
    return failSignIn(scope, reason, account?.id)
  }
  if (door === 'customers' && account.role !== 'customer')
    return failSignIn(scope, 'not_a_customer', account.id)
  if (account.status === 'suspended') {
    await recordFailure(scope, 'suspended', account.id)
    throw new Problem('account_suspended')
  }

  const opened = await openSession(scope, {
    accountId: account.id,
    hash: account.passwordHash,
    rehash: verdict.rehash,
    deviceId: device?.id,
  })
  if (!opened && isRetry) return failSignIn(scope, 'account_changed', account.id)
  // Another sign-in of the same person may have made the hash anew meanwhile; whatever it was, look again.
  if (!opened) return signIn(scope, credentials, door, true)
  const { sessionId, deviceToken } = opened
  const keyId = scope.keys.refreshToken.newest.id
  const expiresAt = scope.facts.now + SESSION_IDLE_SECONDS
  const tokens = await issuePair(scope, account.id, sessionId, { counter: 0, keyId, expiresAt })
  return { account, tokens, deviceToken }
}

async function findAccountAndDevice({ db, facts }: RequestScope, { email, deviceToken }: Credentials) {
  const canonical = canonicalEmail(email) ?? ''
  const findAccount = findCredentials(db, canonical)
  if (deviceToken === undefined) return [(await answered(findAccount))[0]] as const
  const findDevice = findKnownDevice(db, canonical, await hashToken(deviceToken), facts.now)
  const [[account], [device]] = await answered(db.batch([findAccount, findDevice]))
  return [account, device] as const
}

async function failSignIn(scope: RequestScope, reason: SignInFailure, accountId?: number): Promise<never> {
  await recordFailure(scope, reason, accountId)
  throw new Problem('invalid_credentials', { reason })
}

async function recordFailure(scope: RequestScope, reason: SignInFailure, accountId?: number): Promise<void> {
  const event = await signAuditEvent(scope.keys.auditMac, scope.facts, {
    event: 'sign_in.failed',
    outcome: 'failure',
    reason,
    details: {},
    ...(accountId !== undefined && { subjectId: accountId }),
  })
  await answered(insertAuditEvent(scope.db, event))
}
