/**
 * The account of a mechanic and the mechanic of the shop are one person. An account that becomes a mechanic's gets a
 * mechanic in the same batch: the one that is named, the one with its address of mail, or a new one.
 */
import type { SQL } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import {
  findTie,
  insertMechanic,
  isEmailFree,
  isUntied,
  reserveMechanicId,
  tieMechanic,
} from '../mechanics/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Actor } from '../sessions/guard.ts'

interface Person {
  readonly id: number
  readonly firstName: string
  readonly lastName: string
  readonly email: string
  readonly emailCanonical: string
  readonly phoneNumber: string | null
}

export interface Tie {
  /** The mechanic is still to be had. */
  readonly condition: SQL
  /** What the batch writes once the account is a mechanic's, which `when` says. */
  readonly statements: (when: SQL) => BatchItem<'sqlite'>[]
}

/** As long as the name of a mechanic may be. */
const MAX_NAME = 100

/**
 * Chooses the mechanic; nothing is written but, for a new one, the reservation of its id.
 * @throws Problem `mechanic_unknown`, `mechanic_tied`, `unavailable`
 */
export async function chooseMechanic(
  scope: RequestScope,
  actor: Actor,
  person: Person,
  mechanicId?: number,
): Promise<Tie> {
  const { db } = scope
  const by = mechanicId === undefined ? { emailCanonical: person.emailCanonical } : { id: mechanicId }
  const [found] = await answered(findTie(db, by))
  if (found && found.accountId !== null) throw new Problem('mechanic_tied')
  if (found) return tieTo(scope, actor, person, found.id)
  if (mechanicId !== undefined) throw new Problem('mechanic_unknown')
  const [reserved] = await answered(reserveMechanicId(db, person.emailCanonical))
  if (!reserved) throw new Problem('mechanic_tied')
  return tieToNew(scope, actor, person, reserved.seq)
}

async function tieTo(scope: RequestScope, actor: Actor, person: Person, id: number): Promise<Tie> {
  const { db, facts } = scope
  const tied = await sign(scope, actor, person, 'mechanic.tied', id)
  return {
    condition: isUntied(id, person.id),
    statements: (when) => [
      tieMechanic(db, id, person.id, facts.now, when),
      insertAuditEvent(db, tied, previousChangedOne),
    ],
  }
}

async function tieToNew(scope: RequestScope, actor: Actor, person: Person, id: number): Promise<Tie> {
  const { db, facts } = scope
  const [created, tied] = await Promise.all([
    sign(scope, actor, person, 'mechanic.created', id),
    sign(scope, actor, person, 'mechanic.tied', id),
  ])
  const mechanic = {
    id,
    name: [...`${person.firstName} ${person.lastName}`].slice(0, MAX_NAME).join(''),
    email: person.email,
    emailCanonical: person.emailCanonical,
    phone: person.phoneNumber,
    salaryCents: null,
    accountId: person.id,
  }
  return {
    condition: isEmailFree(person.emailCanonical),
    statements: (when) => [
      insertMechanic(db, mechanic, facts.now, when),
      insertAuditEvent(db, created, previousChangedOne),
      insertAuditEvent(db, tied, previousChangedOne),
    ],
  }
}

function sign(
  { keys, facts }: RequestScope,
  actor: Actor,
  person: Person,
  event: 'mechanic.created' | 'mechanic.tied',
  mechanicId: number,
) {
  return signAuditEvent(keys.auditMac, facts, {
    event,
    outcome: 'success',
    actorId: actor.account.id,
    subjectId: person.id,
    sessionId: actor.session.id,
    details: { mechanic_id: mechanicId },
  })
}
