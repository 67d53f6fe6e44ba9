/**
 * Inviting staff: an account without a password, and a one-time link to choose one, sent to its address of mail. The link
 * is in the mail alone. Inviting again sends another link; only the newest counts.
 */
import { and, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { canonicalEmail } from '../accounts/email-address.ts'
import { reserveAccountId } from '../accounts/queries.ts'
import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { hashToken } from '../crypto/digest.ts'
import { base64url } from '../crypto/encoding.ts'
import { randomBytes } from '../crypto/random.ts'
import { admit, beginAttempt, NOBODY, takePlace } from '../limits/attempt.ts'
import { passRings } from '../limits/ring.ts'
import { insertOutboxMessage, withdrawLinkMails } from '../outbox/queries.ts'
import { sealMail } from '../outbox/seal.ts'
import { sendSoon } from '../outbox/send.ts'
import { consumeLinkTokens, insertLinkToken, PASSWORD_LINKS } from '../passwords/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Actor } from '../sessions/guard.ts'
import { isLiveSession } from '../sessions/queries.ts'
import { requireRecentSignIn, whyRefused } from '../sign-in/freshness.ts'
import { type AccountRow, findAccountByEmail, findAccountIf, insertStaff, updateInvited } from './queries.ts'
import { chooseMechanic, type Tie } from './tie.ts'

/** How long an invitation can be accepted: three days. */
export const INVITATION_SECONDS = 259_200

export interface Invitation {
  readonly email: string
  readonly role: 'mechanic' | 'admin'
  readonly firstName: string | undefined
  readonly lastName: string | undefined
  readonly phoneNumber: string | null | undefined
  readonly mechanicId: number | undefined
}

/** What somebody is called who was invited by address alone; as `npm run account` has it. */
const UNNAMED = { firstName: 'Shop', lastName: { mechanic: 'Mechanic', admin: 'Admin' } }

/**
 * Invites somebody, or invites again who has not accepted yet, and gives the account.
 * @throws Problem `reauthentication_required`, `too_many_requests`, `email_taken`, `mechanic_unknown`, `mechanic_tied`,
 *   `invalid_token` (the session ended meanwhile), `unavailable`
 */
export async function inviteStaff(
  scope: RequestScope,
  actor: Actor,
  invitation: Invitation,
): Promise<AccountRow> {
  const { db } = scope
  requireRecentSignIn(scope, actor)
  await passRings(scope, 'invite')
  const emailCanonical = canonicalEmail(invitation.email) ?? ''
  // By admin and not by address: each invitation is a mail to somebody, wherever it is asked for.
  const attempt = beginAttempt(scope, 'invite', NOBODY, `invite account:${actor.account.id}`)
  const [tally, place, [holder]] = await answered(
    db.batch([...takePlace(db, attempt), findAccountByEmail(db, emailCanonical)]),
  )
  admit(scope, 'invite', attempt, tally, place)
  return holder
    ? inviteAgain(scope, actor, invitation, holder)
    : inviteNew(scope, actor, invitation, emailCanonical)
}

async function inviteNew(
  scope: RequestScope,
  actor: Actor,
  invitation: Invitation,
  emailCanonical: string,
): Promise<AccountRow> {
  const { db, facts } = scope
  const { role, email, firstName, lastName, phoneNumber, mechanicId } = invitation
  const [reserved] = await answered(reserveAccountId(db, emailCanonical, sql`true`))
  if (!reserved) throw new Problem('email_taken')
  const staff = {
    id: reserved.seq,
    role,
    email,
    emailCanonical,
    firstName: firstName ?? UNNAMED.firstName,
    lastName: lastName ?? UNNAMED.lastName[role],
    phoneNumber: phoneNumber ?? null,
  }
  const tie = role === 'mechanic' ? await chooseMechanic(scope, actor, staff, mechanicId) : undefined
  const allowed = and(isLiveSession(actor.session.id, facts.now), tie?.condition) ?? sql`false`
  const account = await writeInvitation(
    scope,
    actor,
    { id: staff.id, role, email, emailCanonical, isAgain: false },
    insertStaff(db, staff, facts.now, allowed),
    tie,
  )
  if (account) return account
  const [holder] = await answered(findAccountByEmail(db, emailCanonical))
  throw holder ? new Problem('email_taken') : await whyNotInvited(scope, actor)
}

/** Whoever has chosen a password, is suspended or is to be something else is not invited again. */
async function inviteAgain(
  scope: RequestScope,
  actor: Actor,
  invitation: Invitation,
  invited: AccountRow,
): Promise<AccountRow> {
  const { db, facts } = scope
  const { role, mechanicId, firstName, lastName, phoneNumber } = invitation
  if (!isOpen(invited) || invited.role !== role) throw taken(invited)
  if (invited.mechanicId !== null && (mechanicId ?? invited.mechanicId) !== invited.mechanicId)
    throw new Problem('mechanic_tied', { detail: 'This account belongs to another mechanic' })
  const isToTie = role === 'mechanic' && invited.mechanicId === null
  const tie = isToTie ? await chooseMechanic(scope, actor, invited, mechanicId) : undefined
  const allowed = and(isLiveSession(actor.session.id, facts.now), tie?.condition) ?? sql`false`
  const names = {
    ...(firstName !== undefined && { firstName }),
    ...(lastName !== undefined && { lastName }),
    ...(phoneNumber !== undefined && { phoneNumber }),
  }
  const account = await writeInvitation(
    scope,
    actor,
    { ...invited, role, isAgain: true },
    updateInvited(db, invited, names, facts.now, allowed),
    tie,
  )
  if (account) return account
  const [now] = await answered(findAccountByEmail(db, invited.emailCanonical))
  if (!now) throw new Problem('unavailable', { reason: 'the account has gone' })
  throw isOpen(now) && now.role === role ? await whyNotInvited(scope, actor) : taken(now)
}

interface Invited {
  readonly id: number
  readonly role: string
  /** As typed. */
  readonly email: string
  readonly emailCanonical: string
  readonly isAgain: boolean
}

/** Writes the change of the account and what follows from it; undefined if it did not hold. */
async function writeInvitation(
  scope: RequestScope,
  actor: Actor,
  invited: Invited,
  change: BatchItem<'sqlite'>,
  tie: Tie | undefined,
): Promise<AccountRow | undefined> {
  const { db, facts, keys } = scope
  const token = base64url(randomBytes(32))
  const [tokenHash, mail, event] = await Promise.all([
    hashToken(token),
    sealMail(scope, { to: invited.email, accountId: invited.id, template: 'invite', values: { token } }),
    signAuditEvent(keys.auditMac, facts, {
      event: 'account.invited',
      outcome: 'success',
      actorId: actor.account.id,
      subjectId: invited.id,
      sessionId: actor.session.id,
      details: { role: invited.role, again: invited.isAgain },
    }),
  ])
  const link = {
    tokenHash,
    accountId: invited.id,
    purpose: 'invitation',
    createdAt: facts.now,
    expiresAt: facts.now + INVITATION_SECONDS,
    emailCanonical: invited.emailCanonical,
  } as const
  const held = isRecorded(event)
  const answers = await answered(
    db.batch([
      change,
      insertAuditEvent(db, event, previousChangedOne),
      consumeLinkTokens(db, invited.id, held),
      withdrawLinkMails(db, invited.id, PASSWORD_LINKS, facts.now, held),
      insertLinkToken(db, link, held),
      insertOutboxMessage(db, mail, held),
      ...(tie?.statements(held) ?? []),
      findAccountIf(db, invited.id, held),
    ]),
  )
  const [account] = (answers.at(-1) ?? []) as AccountRow[]
  if (account) sendSoon(scope, mail.id)
  return account
}

/** Whether somebody has been invited with this account and has not accepted yet. */
function isOpen({ hasPassword, role, status }: AccountRow): boolean {
  return !hasPassword && role !== 'customer' && status === 'active'
}

/** For admins, who may know whose address it is. */
function taken(account: AccountRow): Problem {
  const { id, role } = account
  return new Problem('email_taken', {
    detail: isOpen(account) ? `Account ${id} has been invited as ${role}` : `Account ${id} has this address`,
  })
}

/** The session has ended meanwhile, or the mechanic was given away. */
async function whyNotInvited(scope: RequestScope, actor: Actor): Promise<Problem> {
  const refused = await whyRefused(scope, actor)
  return refused.code === 'invalid_token' ? refused : new Problem('mechanic_tied')
}
