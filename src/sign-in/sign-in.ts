/**
 * Signing in with e-mail and password. Two round trips: one read, then one batch that opens the session
 * or records the failure. An unknown account, a wrong password and a staff account at the customers'
 * door get one answer after the same work.
 */
import { canonicalEmail } from '../accounts/email-address.ts'
import { findCredentials, type Profile, updateRehashedPassword } from '../accounts/queries.ts'
import type { SignInFailure } from '../audit/events.ts'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { randomId } from '../crypto/random.ts'
import { checkPassword } from '../passwords/check.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { insertSession, isLiveSession, SESSION_IDLE_SECONDS } from '../sessions/queries.ts'
import { issuePair, type TokenPair } from '../sessions/refresh.ts'

export interface SignedIn {
  readonly account: Profile
  readonly tokens: TokenPair
}

type Door = 'customers' | 'everyone'

/**
 * Opens a session.
 * @throws Problem `invalid_credentials`, `account_suspended` (only when the password is right),
 *   `sign_in_busy`, `unavailable`
 */
export async function signIn(
  scope: RequestScope,
  email: string,
  password: string,
  door: Door,
  isRetry = false,
): Promise<SignedIn> {
  const [account] = await answered(findCredentials(scope.db, canonicalEmail(email) ?? ''))
  const verdict = await checkPassword(scope, password, account?.passwordHash)
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

  const sessionId = randomId()
  const opened = await openSession(scope, account.id, sessionId, account.passwordHash, verdict.rehash)
  if (!opened && isRetry) return failSignIn(scope, 'account_changed', account.id)
  // Another sign-in of the same person may have made the hash anew meanwhile; whatever it was, look again.
  if (!opened) return signIn(scope, email, password, door, true)
  const keyId = scope.keys.refreshToken.newest.id
  const expiresAt = scope.facts.now + SESSION_IDLE_SECONDS
  return { account, tokens: await issuePair(scope, account.id, sessionId, { counter: 0, keyId, expiresAt }) }
}

/** Inserts the session if the account still is what was checked; everything else follows from that row. */
async function openSession(
  scope: RequestScope,
  accountId: number,
  sessionId: string,
  checkedHash: string,
  rehash: { hash: string; from: 'imported' | 'native' } | undefined,
): Promise<boolean> {
  const { db, facts, keys } = scope
  const who = { outcome: 'success', actorId: accountId, subjectId: accountId, sessionId } as const
  const sign = signAuditEvent
  const succeeded = await sign(keys.auditMac, facts, {
    ...who,
    event: 'sign_in.succeeded',
    details: { methods: ['password'] },
  })
  const refreshKeyId = keys.refreshToken.newest.id
  const insert = insertSession(db, { id: sessionId, accountId, checkedHash, refreshKeyId }, facts)
  const isOpened = isLiveSession(sessionId, facts.now)
  const record = insertAuditEvent(db, succeeded, isOpened)
  if (!rehash) {
    const [opened] = await answered(db.batch([insert, record]))
    return opened.length === 1
  }
  const rehashed = await sign(keys.auditMac, facts, {
    ...who,
    event: 'password.rehashed',
    details: { from: rehash.from },
  })
  // The session's insert compares with the old hash, so it comes before the new one is stored.
  const [opened] = await answered(
    db.batch([
      insert,
      record,
      updateRehashedPassword(db, accountId, checkedHash, rehash.hash, isOpened),
      insertAuditEvent(db, rehashed, previousChangedOne),
    ]),
  )
  return opened.length === 1
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
