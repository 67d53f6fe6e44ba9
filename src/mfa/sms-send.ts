/**
 * Sending a code by SMS. An SMS costs money, and pumping them is a trade: so numbers of few countries, few an hour, and a
 * ceiling for the day over all people. What is counted, the code and the message are one batch.
 */
import { and, type SQL } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { insertAuditEvent, isRecorded, type SignedAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { announcedQuota, describePolicy, describeStanding, SMS_PER_HOUR } from '../limits/policy.ts'
import { refuseAttempt } from '../limits/refusal.ts'
import { insertOutboxMessage } from '../outbox/queries.ts'
import { sealSms } from '../outbox/seal.ts'
import { sendSoon } from '../outbox/send.ts'
import { answered, previousChangedOne } from '../platform/database.ts'
import { logAlert } from '../platform/log.ts'
import { Problem } from '../platform/problem.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import type { Settings } from '../platform/settings.ts'
import { macPhoneNumber, macSmsCode, makeSmsCode } from './sms-code.ts'
import {
  findSends,
  insertSend,
  insertSmsCode,
  isDayFull,
  type Send,
  type Sends,
  waitForDay,
  waitForHour,
} from './sms-queries.ts'

/** Whether the settings let SMS be a second factor: a way to send them, and a country to send them to. */
export function canSendCodes({ smsProvider, smsCountries }: Settings): boolean {
  return smsProvider !== 'none' && smsCountries.length > 0
}

export interface CodeToSend {
  readonly accountId: number
  readonly factorId: string
  /** In E.164, of a country that is allowed. */
  readonly number: string
  /** What the code is good for. */
  readonly use: string
  /** Recorded if it is sent. */
  readonly event: SignedAuditEvent
  readonly isAllowed: SQL
  /** What else follows, before the code is stored. */
  readonly alongside: (isSent: SQL) => readonly BatchItem<'sqlite'>[]
}

/**
 * Puts a new code into the outbox, in the place of the one before for the same use. False, and nothing of it is written,
 * if `isAllowed` did not hold. That a number is over its limit tells that somebody else has asked for codes to it, and
 * who does so keeps its owner waiting; accepted, because three SMS an hour are the promise, and apps and recovery codes
 * need none.
 * @throws Problem `too_many_requests`, `sms_unavailable` (the ceiling of the day), `unavailable`
 */
export async function sendCode(scope: RequestScope, sending: CodeToSend): Promise<boolean> {
  const { db, facts, keys, settings } = scope
  const { accountId, factorId, number: to, use, event, isAllowed } = sending
  const code = makeSmsCode()
  const sms = await sealSms(scope, { to, accountId, template: 'code', values: { code } })
  const mac = await macSmsCode(keys.sms, { use, factorId }, code)
  const send: Send = {
    messageId: sms.id,
    numberMac: await macPhoneNumber(keys.sms, to),
    accountId,
    now: facts.now,
    perHour: SMS_PER_HOUR,
    perDay: settings.smsDailyLimit,
  }
  const isSent = isRecorded(event)
  const reached = await signAuditEvent(keys.auditMac, facts, {
    event: 'sms.limit_reached',
    outcome: 'refused',
    details: { limit: settings.smsDailyLimit },
  })
  const [[sends], taken] = await answered(
    db.batch([
      findSends(db, send),
      insertSend(db, send, isAllowed),
      insertAuditEvent(db, event, previousChangedOne),
      insertAuditEvent(db, reached, and(isSent, isDayFull(send))),
      ...sending.alongside(isSent),
      insertSmsCode(db, { use, factorId, mac }, facts.now, isSent),
      insertOutboxMessage(db, sms, isSent),
    ]),
  )
  if (!sends) throw new TypeError('a count without a row')
  if (taken.length === 0) return refuse(scope, send, sends)
  announce(scope, sends)
  if (sends.day + 1 === send.perDay)
    logAlert('sms_limit_reached', { limit: send.perDay, request_id: facts.requestId })
  sendSoon(scope, sms.id)
  return true
}

function refuse(scope: RequestScope, send: Send, sends: Sends): false {
  const { answerHeaders, settings } = scope
  if (sends.day >= send.perDay) {
    const headers = { 'Retry-After': String(waitForDay(send.now)) }
    throw new Problem('sms_unavailable', { reason: 'daily limit', headers })
  }
  const waitSeconds = waitForHour(sends, send)
  if (waitSeconds === 0) return false
  answerHeaders['RateLimit-Policy'] = describePolicy('sms', announcedQuota('sms', settings))
  const { accountId } = send
  throw refuseAttempt(scope, 'sms', {
    by: sends.account >= send.perHour ? 'account' : 'number',
    waitSeconds,
    accountId,
    quota: announcedQuota('sms', settings),
  })
}

function announce({ answerHeaders, settings }: RequestScope, { number, account }: Sends): void {
  const quota = announcedQuota('sms', settings)
  const remaining = quota.limit - Math.max(number, account) - 1
  answerHeaders['RateLimit-Policy'] = describePolicy('sms', quota)
  answerHeaders['RateLimit'] = describeStanding('sms', quota, { remaining, waitSeconds: quota.seconds })
}
