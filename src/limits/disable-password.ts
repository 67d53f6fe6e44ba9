/** Too many wrong passwords in a row: none is right any more, and the owner is told. */
import { insertAuditEvent, isRecorded, signAuditEvent } from '../audit/queries.ts'
import { NO_ACCOUNT } from '../notices/link-mail.ts'
import { type Owner, prepareNotice } from '../notices/notice.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { hasFailures, type Tally } from './queries.ts'
import { accountKey, isSessionKey } from './subject-keys.ts'

/** Who is told of what, where nobody is to be told. */
const NO_OWNER: Owner = { id: NO_ACCOUNT, contact: 'nobody@invalid' }

/**
 * The event of the failure that disables the password, whoever counted those before it meanwhile, and the mail to its owner. An
 * address of mail without an account takes the same work, and no account has the number 0. `free` attempts may be under way at
 * once.
 */
export async function disablePassword(
  scope: RequestScope,
  tally: Tally,
  free: number,
  owner: Owner = NO_OWNER,
) {
  const { db, keys, facts, settings } = scope
  const { accountId, deviceId } = tally
  if (deviceId !== null) return { statements: [], sendSoon: () => undefined }
  const max = settings.passwordMaxFailures
  const event = await signAuditEvent(keys.auditMac, facts, {
    event: 'password.disabled',
    outcome: 'failure',
    ...(accountId !== null && { subjectId: accountId }),
    details: { failures: max },
  })
  const recorded = insertAuditEvent(db, event, hasFailures(accountKey(accountId ?? NO_ACCOUNT), '=', max))
  if (!mayReachCeiling(tally, free, max)) return { statements: [recorded], sendSoon: () => undefined }
  const notice = await prepareNotice(scope, 'password.disabled', owner)
  return { statements: [recorded, ...notice.insert(isRecorded(event))], sendSoon: notice.sendSoon }
}

/**
 * Whether this failure may be the one: a mail is not sealed for every other. Others that are under way count as well, and how
 * many failures the account of a session has, nobody has read.
 */
function mayReachCeiling({ failures, key }: Tally, free: number, max: number): boolean {
  return failures + free >= max || isSessionKey(key ?? '')
}
