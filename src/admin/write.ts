/**
 * What an admin does to an account: role, status, deletion, ending sessions. Each is one conditional statement with its
 * audit row in the same batch. The last active admin stays, also when admins turn on each other at the same moment.
 */
import { and, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { contactOf } from '../accounts/address-queries.ts'
import type { AuditFacts } from '../audit/events.ts'
import { insertAuditEvent, isRecorded, type SignedAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { insertOutboxMessage, withdrawOrphanedLinkMails } from '../outbox/queries.ts'
import { sealMail } from '../outbox/seal.ts'
import { sendSoon } from '../outbox/send.ts'
import { answered, previousChangedOne, previousChangedSome } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { markEnded } from '../sessions/blacklist.ts'
import type { Actor } from '../sessions/guard.ts'
import { deleteSessionsOf, isLiveSession, listEndingSessions } from '../sessions/queries.ts'
import { requireRecentSignIn, whyRefused } from '../sign-in/freshness.ts'
import {
  type AccountRow,
  deleteAccount,
  findAccount,
  findObstacle,
  type Standing,
  updateStanding,
} from './queries.ts'
import { chooseMechanic, type Tie } from './tie.ts'

interface Wanted {
  readonly role?: Standing['role'] | undefined
  readonly status?: Standing['status'] | undefined
}

/** How often a change is decided anew because the account was changed meanwhile. */
const MAX_DECISIONS = 3

/**
 * Changes role and status, and gives the account as it is then. Either ends the account's sessions.
 * @throws Problem `input_missing`, `reauthentication_required`, `last_admin_protected`, `mechanic_tied`, `account_not_found`,
 *   `invalid_token` (the session ended meanwhile), `unavailable`
 */
export async function changeStanding(
  scope: RequestScope,
  actor: Actor,
  target: AccountRow,
  wanted: Wanted,
): Promise<AccountRow> {
  if (wanted.role === undefined && wanted.status === undefined) throw new Problem('input_missing')
  requireRecentSignIn(scope, actor)
  let account = target
  for (let decisions = 0; decisions < MAX_DECISIONS; decisions++) {
    const to = { role: wanted.role ?? account.role, status: wanted.status ?? account.status }
    if (to.role === account.role && to.status === account.status) return account
    const { changed, found, obstacle } = await writeStanding(scope, actor, account, to)
    if (!found) throw new Problem('account_not_found')
    if (changed) return found
    if (found.role === account.role && found.status === account.status) {
      if (obstacle?.leavesAnAdmin === 0) throw new Problem('last_admin_protected')
      throw await whyRefusedOr(scope, actor, new Problem('mechanic_tied'))
    }
    account = found
  }
  throw new Problem('unavailable', { reason: 'the account changes all the time' })
}

async function writeStanding(scope: RequestScope, actor: Actor, from: AccountRow, to: Standing) {
  const { db, facts, kv } = scope
  const tie =
    to.role === 'mechanic' && from.role !== 'mechanic' ? await chooseMechanic(scope, actor, from) : undefined
  const allowed = and(isLiveSession(actor.session.id, facts.now), tie?.condition) ?? sql`false`
  const events = await Promise.all(eventsOf(from, to).map((event) => sign(scope, actor, from.id, event)))
  const [sessions, [obstacle], updated, ...rest] = await answered(
    db.batch([
      listEndingSessions(db, from.id),
      findObstacle(db, from.id),
      updateStanding(db, from, to, facts.now, allowed),
      ...followUps(scope, events, tie),
      findAccount(db, from.id),
    ]),
  )
  const [found] = (rest.at(-1) ?? []) as AccountRow[]
  const changed = updated.length === 1
  if (changed) scope.waitUntil(markEnded(kv, sessions, 'session_ended', facts.now))
  return { changed, found, obstacle }
}

function followUps(
  { db }: RequestScope,
  events: readonly SignedAuditEvent[],
  tie: Tie | undefined,
): BatchItem<'sqlite'>[] {
  const [first] = events
  if (!first) throw new TypeError('a change without an event')
  return [
    ...events.map((event) => insertAuditEvent(db, event, previousChangedOne)),
    ...(tie?.statements(isRecorded(first)) ?? []),
  ]
}

type StandingEvent = Pick<AuditFacts<'account.role_changed' | 'account.status_changed'>, 'event' | 'details'>

function eventsOf(from: Standing, to: Standing): StandingEvent[] {
  const events: StandingEvent[] = []
  if (from.role !== to.role)
    events.push({ event: 'account.role_changed', details: { from: from.role, to: to.role } })
  if (from.status !== to.status)
    events.push({ event: 'account.status_changed', details: { from: from.status, to: to.status } })
  return events
}

/**
 * Deletes an account of whatever role for good, with its sessions, API tokens and links, and confirms it by mail.
 * @throws Problem `reauthentication_required`, `last_admin_protected`, `account_not_found`, `invalid_token` (the session
 *   ended meanwhile), `unavailable`
 */
export async function removeAccount(scope: RequestScope, actor: Actor, target: AccountRow): Promise<void> {
  const { db, facts, kv } = scope
  requireRecentSignIn(scope, actor)
  const event = await sign(scope, actor, target.id, {
    event: 'account.deleted',
    details: { role: target.role },
  })
  const confirmation = await sealMail(scope, {
    to: contactOf(target),
    // The account is gone by the time that the message is written.
    accountId: null,
    template: 'account_deleted',
    values: {},
  })
  const [sessions, [obstacle], deleted] = await answered(
    db.batch([
      listEndingSessions(db, target.id),
      findObstacle(db, target.id),
      deleteAccount(db, target.id, target.role, isLiveSession(actor.session.id, facts.now)),
      insertAuditEvent(db, event, previousChangedOne),
      insertOutboxMessage(db, confirmation, isRecorded(event)),
      withdrawOrphanedLinkMails(db, facts.now),
    ]),
  )
  if (deleted.length === 1) {
    sendSoon(scope, confirmation.id)
    scope.waitUntil(markEnded(kv, sessions, 'account_deleted', facts.now))
    return
  }
  if (!obstacle) throw new Problem('account_not_found')
  if (obstacle.leavesAnAdmin === 0) throw new Problem('last_admin_protected')
  throw await whyRefusedOr(scope, actor, new Problem('unavailable', { reason: 'the role has changed' }))
}

/**
 * Ends every session of an account, the actor's own too, and tells how many. It asks for no recent sign-in: it takes
 * rights and gives none, and is what is needed quickly.
 * @throws Problem `invalid_token` (the session ended meanwhile), `unavailable`
 */
export async function revokeSessions(scope: RequestScope, actor: Actor, target: AccountRow): Promise<number> {
  const { db, facts, kv } = scope
  const event = await sign(scope, actor, target.id, {
    event: 'session.ended',
    details: { by: 'admin', ended: 'all' },
  })
  const [ended] = await answered(
    db.batch([
      deleteSessionsOf(db, target.id, isLiveSession(actor.session.id, facts.now)),
      insertAuditEvent(db, event, previousChangedSome),
    ]),
  )
  scope.waitUntil(markEnded(kv, ended, 'session_ended', facts.now))
  const refused = ended.length === 0 ? await whyRefused(scope, actor) : undefined
  if (refused?.code === 'invalid_token') throw refused
  return ended.length
}

type AdminEvent =
  | StandingEvent
  | Pick<AuditFacts<'account.deleted'>, 'event' | 'details'>
  | Pick<AuditFacts<'session.ended'>, 'event' | 'details'>

function sign({ keys, facts }: RequestScope, actor: Actor, subjectId: number, event: AdminEvent) {
  return signAuditEvent(keys.auditMac, facts, {
    ...event,
    outcome: 'success',
    actorId: actor.account.id,
    subjectId,
    sessionId: actor.session.id,
  })
}

/** That the actor's session has ended, if it has. */
async function whyRefusedOr(scope: RequestScope, actor: Actor, otherwise: Problem): Promise<Problem> {
  const refused = await whyRefused(scope, actor)
  return refused.code === 'invalid_token' ? refused : otherwise
}
