/**
 * Changing a profile, one's own or (names and phone, e-mail by an admin) another person's. One batch
 * changes the row, writes the audit rows and the mails and, with a new password, ends every other session.
 */
import { and, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { decideAccess } from '../access/decide.ts'
import { canonicalEmail } from '../accounts/email-address.ts'
import {
  findAccountIdByEmail,
  type Profile,
  type ProfileChanges,
  updateProfile,
} from '../accounts/queries.ts'
import type { AuditEventName, AuditFacts } from '../audit/events.ts'
import { insertAuditEvent, isRecorded, type SignedAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { deleteThrottlesOf } from '../limits/queries.ts'
import { passRings } from '../limits/ring.ts'
import { hashNewPassword } from '../passwords/check.ts'
import { consumeLinkTokens } from '../passwords/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { Problem, permissionMissing } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { type EndedSession, markEnded } from '../sessions/blacklist.ts'
import type { Actor } from '../sessions/guard.ts'
import { isLiveActor } from '../sessions/live-actor.ts'
import { deleteSessionsOf } from '../sessions/queries.ts'
import { NO_ATTEMPT, type Proof, requireFreshness, whyRefused } from '../sign-in/freshness.ts'
import { prepareMails } from './change-mails.ts'
import { PROFILE_FIELDS, type ProfileInput } from './schemas.ts'

/**
 * Applies any subset of the fields and gives the profile as it is then.
 * @throws Problem `input_missing`, `forbidden`, `session_required`, `reauthentication_required`, `invalid_credentials`, `too_many_requests`, `email_taken`,
 *   `invalid_token` (the session ended meanwhile), `sign_in_busy`, `unavailable`
 */
export async function changeProfile(
  scope: RequestScope,
  actor: Actor,
  target: Profile,
  input: ProfileInput,
): Promise<Profile> {
  if (PROFILE_FIELDS.every((field) => input[field] === undefined)) throw new Problem('input_missing')
  requireRightToChange(actor, target, input)
  const changes = changedFields(target, input)
  const isSensitive = input.password !== undefined || changes.email !== undefined
  // Whatever derives a key spends from the ring first: one token must not fill the queue for everybody. So does
  // whatever tells that an address is taken, as registration does.
  if (isSensitive || input.current_password !== undefined) {
    await passRings(scope, 'password')
  }
  const proof = isSensitive ? await requireFreshness(scope, actor, input.current_password) : NO_ATTEMPT
  if (input.password !== undefined) changes.passwordHash = await hashNewPassword(scope, input.password)
  if (Object.keys(changes).length === 0) return target
  return writeChanges(scope, actor, target, changes, proof)
}

function requireRightToChange(actor: Actor, target: Profile, input: ProfileInput): void {
  if (actor.account.id === target.id) return
  if (input.password !== undefined) throw new Problem('forbidden')
  const changesEmail = input.email !== undefined && input.email !== target.email
  if (changesEmail && !decideAccess(actor.rights, 'accounts:admin').isAllowed)
    throw permissionMissing('accounts:admin')
}

/** Only what differs: an old client that sends the whole object back changes nothing sensitive by it. */
function changedFields(target: Profile, input: ProfileInput): ProfileChanges {
  const { first_name, last_name, phone_number, email } = input
  const changes: ProfileChanges = {}
  if (first_name !== undefined && first_name !== target.firstName) changes.firstName = first_name
  if (last_name !== undefined && last_name !== target.lastName) changes.lastName = last_name
  if (phone_number !== undefined && phone_number !== target.phoneNumber) changes.phoneNumber = phone_number
  if (email !== undefined && email !== target.email) {
    changes.email = email
    changes.emailCanonical = canonicalEmail(email) ?? ''
  }
  return changes
}

async function writeChanges(
  scope: RequestScope,
  actor: Actor,
  target: Profile,
  changes: ProfileChanges,
  { condition, cleared, announce }: Proof,
): Promise<Profile> {
  const { db, facts } = scope
  // A logout or password change that happened during a derivation must win.
  const allowed = and(isLiveActor(actor, facts.now), condition) ?? sql`false`
  const events = await Promise.all(eventsOf(actor, target, changes).map((event) => sign(scope, event)))
  const followUps: BatchItem<'sqlite'>[] = events.map((event) =>
    insertAuditEvent(db, event, previousChangedOne),
  )
  const update = updateProfile(db, target.id, changes, facts.now, allowed)
  const held = isRecorded(lastOf(events))
  // A link that was sent before must not undo the change: neither reset the new password, nor from the old address.
  const isSensitive = changes.passwordHash !== undefined || changes.email !== undefined
  if (isSensitive) followUps.push(consumeLinkTokens(db, target.id, held))
  if (changes.passwordHash !== undefined) followUps.push(deleteThrottlesOf(db, target.id, held))
  const mails = await prepareMails(scope, target, changes)
  followUps.push(...mails.flatMap(({ insert }) => insert(held)))
  followUps.push(...cleared)
  const endOthers =
    changes.passwordHash === undefined
      ? []
      : [deleteSessionsOf(db, target.id, held, { except: actor.session.id })]
  const [changed, ...rest] = await answered(db.batch([update, ...followUps, ...endOthers]))
  announce()
  const [profile] = changed
  if (!profile) throw await whyUnchanged(scope, actor, target, changes)
  for (const mail of mails) mail.sendSoon()
  const ended = endOthers.length > 0 ? ((rest.at(-1) ?? []) as EndedSession[]) : []
  scope.waitUntil(markEnded(scope.kv, ended, 'session_ended', facts.now))
  return profile
}

function eventsOf(actor: Actor, target: Profile, changes: ProfileChanges): AuditFacts[] {
  const who = {
    outcome: 'success',
    actorId: actor.account.id,
    subjectId: target.id,
    sessionId: actor.session.id,
  } as const
  const fields = [
    changes.firstName !== undefined && 'first_name',
    changes.lastName !== undefined && 'last_name',
    changes.phoneNumber !== undefined && 'phone_number',
  ].filter((field) => field !== false)
  const events: AuditFacts[] = []
  if (fields.length > 0) events.push({ ...who, event: 'profile.updated', details: { fields } })
  if (changes.email !== undefined) events.push({ ...who, event: 'email.changed', details: {} })
  if (changes.passwordHash !== undefined) events.push({ ...who, event: 'password.changed', details: {} })
  return events
}

/** Every change has an event: there is no change without a field. */
function lastOf(events: readonly SignedAuditEvent[]): SignedAuditEvent {
  const last = events.at(-1)
  if (!last) throw new TypeError('a change without an event')
  return last
}

function sign(scope: RequestScope, event: AuditFacts<AuditEventName>): Promise<SignedAuditEvent> {
  return signAuditEvent(scope.keys.auditMac, scope.facts, event)
}

async function whyUnchanged(
  scope: RequestScope,
  actor: Actor,
  target: Profile,
  changes: ProfileChanges,
): Promise<Problem> {
  if (changes.emailCanonical !== undefined) {
    const [holder] = await answered(findAccountIdByEmail(scope.db, changes.emailCanonical))
    if (holder && holder.id !== target.id) return new Problem('email_taken')
  }
  return whyRefused(scope, actor)
}
