/** Devices of one's own, each change in one batch with its audit row; and the token by which one is known. */
import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { markEnded } from './blacklist.ts'
import { deleteDevice, deleteSessionsOfDevice, updateDeviceName } from './device-queries.ts'
import type { Actor } from './guard.ts'
import { isLiveSession } from './queries.ts'

/** A device token as it was sent; anything of another form is none. */
export function readDeviceToken(sent: string | undefined): string | undefined {
  return sent !== undefined && /^[A-Za-z0-9_-]{43}$/.test(sent) ? sent : undefined
}

/**
 * Whether there is such a device of the actor's, which then has the name.
 * @throws Problem `unavailable`
 */
export async function renameDevice(
  scope: RequestScope,
  actor: Actor,
  id: string,
  name: string,
): Promise<boolean> {
  const { db, facts } = scope
  const event = await signDeviceEvent(scope, actor, 'device.renamed', id)
  const [renamed] = await answered(
    db.batch([
      updateDeviceName(db, actor.account.id, id, name, isLiveSession(actor.session.id, facts.now)),
      insertAuditEvent(db, event, previousChangedOne),
    ]),
  )
  return renamed.length === 1
}

/**
 * Forgets a device of the actor's and ends its sessions, also the actor's own. Tells how many ended; undefined
 * if there is no such device.
 * @throws Problem `unavailable`
 */
export async function forgetDevice(
  scope: RequestScope,
  actor: Actor,
  id: string,
): Promise<number | undefined> {
  const { db, facts } = scope
  const event = await signDeviceEvent(scope, actor, 'device.forgotten', id)
  // The device first: once its sessions are gone, so may be the one that allows this.
  const [forgotten, , ended] = await answered(
    db.batch([
      deleteDevice(db, actor.account.id, id, isLiveSession(actor.session.id, facts.now)),
      insertAuditEvent(db, event, previousChangedOne),
      deleteSessionsOfDevice(db, actor.account.id, id, isRecorded(event)),
    ]),
  )
  scope.waitUntil(markEnded(scope.kv, ended, 'session_ended', facts.now))
  return forgotten.length === 1 ? ended.length : undefined
}

function signDeviceEvent(
  { keys, facts }: RequestScope,
  actor: Actor,
  event: 'device.renamed' | 'device.forgotten',
  deviceId: string,
) {
  return signAuditEvent(keys.auditMac, facts, {
    event,
    outcome: 'success',
    actorId: actor.account.id,
    subjectId: actor.account.id,
    sessionId: actor.session.id,
    details: { device_id: deviceId },
  })
}
