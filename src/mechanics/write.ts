/** Adding, changing and deleting mechanics, each with its audit row in the same batch. */
import { sql } from 'drizzle-orm'
import { canonicalEmail } from '../accounts/email-address.ts'
import type { AuditFacts } from '../audit/events.ts'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { toCents } from '../platform/money.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Actor } from '../sessions/guard.ts'
import {
  deleteMechanic,
  findMechanic,
  insertMechanic,
  type MechanicChanges,
  type MechanicRow,
  type NewMechanic,
  reserveMechanicId,
  updateMechanic,
} from './queries.ts'
import type { MechanicInput, NewMechanicInput } from './schemas.ts'
import { mechanics } from './tables.ts'

type MechanicEvent = Pick<
  AuditFacts<'mechanic.created' | 'mechanic.updated' | 'mechanic.deleted'>,
  'event' | 'details'
>

/** @throws Problem `mechanic_email_taken`, `unavailable` */
export async function addMechanic(
  scope: RequestScope,
  actor: Actor,
  input: NewMechanicInput,
): Promise<MechanicRow> {
  const { db, facts } = scope
  const emailCanonical = canonicalEmail(input.email) ?? ''
  const [reserved] = await answered(reserveMechanicId(db, emailCanonical))
  if (!reserved) throw new Problem('mechanic_email_taken')
  const mechanic: NewMechanic = {
    id: reserved.seq,
    name: input.name,
    email: input.email,
    emailCanonical,
    phone: input.phone ?? null,
    salaryCents: centsOf(input.salary) ?? null,
  }
  const event = await sign(scope, actor, { event: 'mechanic.created', details: { mechanic_id: mechanic.id } })
  const [inserted] = await answered(
    db.batch([
      insertMechanic(db, mechanic, facts.now),
      // The id was reserved for this request alone, so the row's existence means it was inserted here.
      insertAuditEvent(db, event, sql`EXISTS (SELECT 1 FROM ${mechanics} WHERE id = ${mechanic.id})`),
    ]),
  )
  if (inserted.meta.changes === 0) throw new Problem('mechanic_email_taken')
  return mechanic
}

/**
 * Applies any subset of the fields.
 * @throws Problem `input_missing`, `mechanic_email_taken`, `mechanic_not_found`, `unavailable`
 */
export async function changeMechanic(
  scope: RequestScope,
  actor: Actor,
  id: number,
  input: MechanicInput,
): Promise<MechanicRow> {
  const { db, facts } = scope
  const fields = Object.entries(input).flatMap(([field, value]) => (value === undefined ? [] : [field]))
  if (fields.length === 0) throw new Problem('input_missing')
  const event = await sign(scope, actor, { event: 'mechanic.updated', details: { mechanic_id: id, fields } })
  const [[changed], , [found]] = await answered(
    db.batch([
      updateMechanic(db, id, changesOf(input), facts.now),
      insertAuditEvent(db, event, previousChangedOne),
      findMechanic(db, id),
    ]),
  )
  if (!changed) throw new Problem(found ? 'mechanic_email_taken' : 'mechanic_not_found')
  return changed
}

/** @throws Problem `mechanic_not_found`, `mechanic_tied`, `unavailable` */
export async function removeMechanic(scope: RequestScope, actor: Actor, id: number): Promise<void> {
  const { db } = scope
  const event = await sign(scope, actor, { event: 'mechanic.deleted', details: { mechanic_id: id } })
  const [deleted, , [left]] = await answered(
    db.batch([deleteMechanic(db, id), insertAuditEvent(db, event, previousChangedOne), findMechanic(db, id)]),
  )
  if (deleted.meta.changes === 0) throw new Problem(left ? 'mechanic_tied' : 'mechanic_not_found')
}

function changesOf({ name, email, phone, salary }: MechanicInput): MechanicChanges {
  const salaryCents = centsOf(salary)
  return {
    ...(name !== undefined && { name }),
    ...(email !== undefined && { email, emailCanonical: canonicalEmail(email) ?? '' }),
    ...(phone !== undefined && { phone }),
    ...(salaryCents !== undefined && { salaryCents }),
  }
}

function centsOf(salary: number | null | undefined): number | null | undefined {
  return typeof salary === 'number' ? toCents(salary) : salary
}

function sign(scope: RequestScope, actor: Actor, event: MechanicEvent) {
  return signAuditEvent(scope.keys.auditMac, scope.facts, {
    ...event,
    outcome: 'success',
    actorId: actor.account.id,
    sessionId: actor.session.id,
  })
}
