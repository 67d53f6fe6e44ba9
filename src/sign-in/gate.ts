/**
 * The one gate behind every first factor. Whoever has proved one, by whatever door, comes through here: an account
 * without a second factor gets its session, one with a second factor gets a challenge, unless the device is trusted.
 */
import { and, type SQL, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { contactOf } from '../accounts/address-queries.ts'
import type { Profile } from '../accounts/queries.ts'
import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { hashToken } from '../crypto/digest.ts'
import { base64url } from '../crypto/encoding.ts'
import { randomBytes } from '../crypto/random.ts'
import { insertChallenge } from '../mfa/challenge-queries.ts'
import { decideGate, offeredMethods, type SecondFactors } from '../mfa/methods.ts'
import { hasFactor } from '../mfa/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { isTrustedDevice } from '../sessions/device-queries.ts'
import { SESSION_IDLE_SECONDS } from '../sessions/queries.ts'
import { issuePair, type TokenPair } from '../sessions/refresh.ts'
import { judgeFamiliarity, type SignInHistory } from './familiarity.ts'
import { type Opened, openSession, type Rehash, rehashing } from './open-session.ts'

/** A first factor that was right. */
export interface FirstFactor {
  readonly account: Profile & SecondFactors & SignInHistory
  /** What was proved: `password`. */
  readonly method: string
  /** About the row of `accounts`: what was proved still holds. */
  readonly stillProved: SQL
  readonly rehash: Rehash | undefined
  /** The known device that the request came from. */
  readonly deviceId: string | undefined
  /** The session that this browser came with. */
  readonly replaces: string | undefined
  /** What a right first factor ends, under the condition that it was written. */
  readonly clear: (isWritten: SQL) => readonly BatchItem<'sqlite'>[]
  /** What is told of the limit once that is written. */
  readonly announce: () => void
}

export interface SignedIn {
  readonly account: Profile
  readonly tokens: TokenPair
  /** For the next sign-in from this device. */
  readonly deviceToken: string
}

/**
 * Lets a right first factor through; undefined if the account has changed since it was checked, and nothing is
 * written then.
 * @throws Problem `mfa_required` with a token that nothing but /auth/mfa/verify takes; `unavailable`
 */
export async function passGate(scope: RequestScope, first: FirstFactor): Promise<SignedIn | undefined> {
  const { account, method, deviceId } = first
  const decision = decideGate(account, deviceId)
  if (decision === 'challenge') return challenge(scope, first)
  // A factor that has been confirmed since, or trust that has ended, must be seen.
  const isEnough =
    decision === 'trusted_device'
      ? isTrustedDevice(account.id, deviceId ?? '', scope.facts.now)
      : sql`NOT ${hasFactor(account.id)}`
  const opened = await openSession(scope, {
    accountId: account.id,
    methods: decision === 'trusted_device' ? [method, decision] : [method],
    stillProved: and(first.stillProved, isEnough) ?? sql`false`,
    isFresh: decision === 'no_factor',
    rehash: first.rehash,
    deviceId,
    replaces: first.replaces,
    held: { sessions: account.sessionCount, devices: account.deviceCount },
    news: judgeFamiliarity(account, deviceId !== undefined, scope.facts.country),
    contact: contactOf(account),
    clear: first.clear,
  })
  if (!opened) return undefined
  first.announce()
  return admitOpened(scope, account, opened)
}

/** The answer of a sign-in whose session has been opened. */
export async function admitOpened(scope: RequestScope, account: Profile, opened: Opened): Promise<SignedIn> {
  const keyId = scope.keys.refreshToken.newest.id
  const expiresAt = scope.facts.now + SESSION_IDLE_SECONDS
  const tokens = await issuePair(scope, account.id, opened.sessionId, { counter: 0, keyId, expiresAt })
  return { account, tokens, deviceToken: opened.deviceToken }
}

async function challenge(scope: RequestScope, first: FirstFactor): Promise<undefined> {
  const { db, facts, keys } = scope
  const { account, method, deviceId, rehash } = first
  const token = base64url(randomBytes(32))
  const methods = [method]
  const offered = offeredMethods(account)
  const begun = { tokenHash: await hashToken(token), accountId: account.id, methods, deviceId }
  // Nobody has signed in yet: the event has a subject, and no actor.
  const event = await signAuditEvent(keys.auditMac, facts, {
    event: 'sign_in.challenged',
    outcome: 'success',
    subjectId: account.id,
    details: { methods, offered },
  })
  const [inserted] = await answered(
    db.batch([
      insertChallenge(db, begun, facts.now, first.stillProved),
      insertAuditEvent(db, event, previousChangedOne),
      ...(await rehashing(scope, { accountId: account.id, rehash }, isRecorded(event))),
      ...first.clear(isRecorded(event)),
    ]),
  )
  if (inserted.length === 0) return undefined
  first.announce()
  throw new Problem('mfa_required', { members: { mfa_token: token, methods: offered } })
}
