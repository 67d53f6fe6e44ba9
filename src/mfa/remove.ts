/** Giving up a second factor, and new recovery codes. */
import { and, type SQL, sql } from 'drizzle-orm'
import { contactOf } from '../accounts/address-queries.ts'
import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { deleteThrottles, factorKey } from '../limits/queries.ts'
import { prepareNotice } from '../notices/notice.ts'
import { answered, type Database, previousChangedOne } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { markEnded } from '../sessions/blacklist.ts'
import { distrustDevicesOf } from '../sessions/device-queries.ts'
import type { Actor } from '../sessions/guard.ts'
import { deleteSessionsOf, findSession, isLiveSession } from '../sessions/queries.ts'
import { requireFreshness } from '../sign-in/freshness.ts'
import { deleteChallengesOf } from './challenge-queries.ts'
import {
  deleteFactor,
  deleteOffers,
  deleteRecoveryCodes,
  type FactorMethod,
  hasFactor,
  insertRecoveryCodes,
} from './queries.ts'
import { hashRecoveryCode, makeRecoveryCodes } from './recovery-codes.ts'

/** What goes with a factor: offers, trust, sign-ins that wait for it, guesses at it, and with the last one the recovery codes. */
export function followRemoval(db: Database, accountId: number, isRemoved: SQL) {
  const isLast = and(isRemoved, sql`NOT ${hasFactor(accountId)}`) ?? sql`false`
  return [
    deleteOffers(db, accountId, isRemoved),
    deleteRecoveryCodes(db, accountId, isLast),
    distrustDevicesOf(db, accountId, isRemoved),
    deleteChallengesOf(db, accountId, isRemoved),
    deleteThrottles(db, [factorKey(accountId)], isRemoved),
  ] as const
}

/**
 * Removes the own factor and ends every other session.
 * @throws Problem `session_required`, `reauthentication_required`, `factor_not_found`, `invalid_token` (the session ended
 *   meanwhile), `unavailable`
 */
export async function removeFactor(scope: RequestScope, actor: Actor, method: FactorMethod): Promise<void> {
  await requireFreshness(scope, actor, undefined)
  const { db, facts, keys } = scope
  const { id: accountId } = actor.account
  const event = await signAuditEvent(keys.auditMac, facts, {
    event: 'factor.removed',
    outcome: 'success',
    actorId: accountId,
    subjectId: accountId,
    sessionId: actor.session.id,
    details: { method },
  })
  const notice = await prepareNotice(scope, 'factor.removed', {
    id: accountId,
    contact: contactOf(actor.account),
  })
  const [removed, , ended] = await answered(
    db.batch([
      deleteFactor(db, accountId, method, isLiveSession(actor.session.id, facts.now)),
      insertAuditEvent(db, event, previousChangedOne),
      deleteSessionsOf(db, accountId, isRecorded(event), { except: actor.session.id }),
      ...followRemoval(db, accountId, isRecorded(event)),
      ...notice.insert(isRecorded(event)),
    ]),
  )
  if (removed.length === 0) throw await whyNotChanged(scope, actor)
  notice.sendSoon()
  scope.waitUntil(markEnded(scope.kv, ended, 'session_ended', facts.now))
}

/**
 * New recovery codes in the place of those before.
 * @throws Problem `session_required`, `reauthentication_required`, `factor_not_found`, `invalid_token` (the session ended
 *   meanwhile), `unavailable`
 */
export async function replaceRecoveryCodes(scope: RequestScope, actor: Actor): Promise<string[]> {
  await requireFreshness(scope, actor, undefined)
  const { db, facts, keys } = scope
  const { id: accountId } = actor.account
  const codes = makeRecoveryCodes()
  const hashes = await Promise.all(codes.map(hashRecoveryCode))
  const event = await signAuditEvent(keys.auditMac, facts, {
    event: 'recovery_codes.replaced',
    outcome: 'success',
    actorId: accountId,
    subjectId: accountId,
    sessionId: actor.session.id,
    details: {},
  })
  const notice = await prepareNotice(scope, 'recovery_codes.replaced', {
    id: accountId,
    contact: contactOf(actor.account),
  })
  const isAllowed = and(isLiveSession(actor.session.id, facts.now), hasFactor(accountId)) ?? sql`false`
  const [recorded] = await answered(
    db.batch([
      insertAuditEvent(db, event, isAllowed),
      deleteRecoveryCodes(db, accountId, isRecorded(event)),
      insertRecoveryCodes(db, accountId, hashes, facts.now, isRecorded(event)),
      ...notice.insert(isRecorded(event)),
    ]),
  )
  if (recorded.meta.changes === 0) throw await whyNotChanged(scope, actor)
  notice.sendSoon()
  return codes
}

async function whyNotChanged({ db, facts }: RequestScope, actor: Actor): Promise<Problem> {
  const query = { sessionId: actor.session.id, accountId: actor.account.id, now: facts.now }
  const [row] = await findSession(db, query)
  return row?.sessionId && row.status === 'active'
    ? new Problem('factor_not_found')
    : new Problem('invalid_token', { reason: 'ended during the request' })
}
