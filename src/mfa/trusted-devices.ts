/** Ending the trust in a device of one's own. */
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { distrustDevice } from '../sessions/device-queries.ts'
import type { Actor } from '../sessions/guard.ts'
import { isLiveSession } from '../sessions/queries.ts'

/**
 * The next sign-in from the device is asked for the second factor again. Tells whether it was trusted.
 * @throws Problem `unavailable`
 */
export async function endTrust(scope: RequestScope, actor: Actor, deviceId: string): Promise<boolean> {
  const { db, facts, keys } = scope
  const event = await signAuditEvent(keys.auditMac, facts, {
    event: 'device.untrusted',
    outcome: 'success',
    actorId: actor.account.id,
    subjectId: actor.account.id,
    sessionId: actor.session.id,
    details: { device_id: deviceId },
  })
  const isAllowed = isLiveSession(actor.session.id, facts.now)
  const [ended] = await answered(
    db.batch([
      distrustDevice(db, actor.account.id, deviceId, facts.now, isAllowed),
      insertAuditEvent(db, event, previousChangedOne),
    ]),
  )
  return ended.length === 1
}
