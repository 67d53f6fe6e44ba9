/** Judging a code: of an app, by SMS, or a recovery code. A right one says what must still hold when it is written, and spends itself. */
import { type SQL, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { insertAuditEvent, signAuditEvent } from '../audit/queries.ts'
import { findTotpStep } from '../crypto/totp.ts'
import { FACTOR_MAX_FAILURES } from '../limits/policy.ts'
import { type Owner, prepareNotice } from '../notices/notice.ts'
import { logAlert } from '../platform/log.ts'
import type { RequestScope } from '../platform/request-scope.ts'
import { openFactorSecret } from './factor-secret.ts'
import type { MfaMethod } from './methods.ts'
import {
  deleteRecoveryCode,
  findFactor,
  findRecoveryCode,
  isRecoveryCodeUnused,
  isStepUnused,
  type StoredFactor,
  updateLastStep,
} from './queries.ts'
import { hashRecoveryCode } from './recovery-codes.ts'
import { isSmsCode } from './sms-code.ts'
import { deleteSmsCode, findSmsCode, isSmsCodeUnused, type StoredSmsCode } from './sms-queries.ts'

export interface PresentedCode {
  readonly method: MfaMethod
  readonly code: string
}

/** Why a code is refused; the answer never tells them apart. */
export type CodeFailure = 'wrong_code' | 'no_factor' | 'factor_disabled' | 'factor_unreadable' | 'code_used'

export type CodeVerdict =
  | { readonly isRight: false; readonly reason: CodeFailure }
  | {
      readonly isRight: true
      /** The code has not been used meanwhile. */
      readonly isUnused: SQL
      /** Uses it up, under a condition. */
      readonly spend: (when: SQL) => readonly BatchItem<'sqlite'>[]
      /** After that batch: mails what its owner hears of it. */
      readonly sendSoon: () => void
    }

const refused = (reason: CodeFailure) => ({ isRight: false, reason }) as const

/**
 * The three reads that a code is judged by. All are made for each method, so that they cost the same. `use` is what a
 * code by SMS must have been asked for.
 */
export async function readCodeEvidence(
  { db, facts }: RequestScope,
  accountId: number | SQL,
  { method, code }: PresentedCode,
  use: string,
) {
  const account = typeof accountId === 'number' ? sql`${accountId}` : accountId
  const codeHash = await hashRecoveryCode(method === 'recovery_code' ? code : '')
  return [
    findFactor(db, account, method === 'sms' ? 'sms' : 'totp'),
    findRecoveryCode(db, account, codeHash),
    findSmsCode(db, use, facts.now),
  ] as const
}

interface Evidence {
  readonly factor: StoredFactor | undefined
  readonly recoveryCode: { readonly codeHash: string } | undefined
  readonly smsCode: StoredSmsCode | undefined
  /** Failures in a row before this attempt. */
  readonly failures: number
}

export async function judgeCode(
  scope: RequestScope,
  owner: Owner,
  presented: PresentedCode,
  evidence: Evidence,
): Promise<CodeVerdict> {
  if (presented.method === 'recovery_code') return judgeRecoveryCode(scope, owner, evidence)
  // Not even the right code: so many guesses may have found it.
  if (evidence.failures >= FACTOR_MAX_FAILURES) return refused('factor_disabled')
  if (!evidence.factor) return refused('no_factor')
  if (presented.method === 'sms')
    return judgeSmsCode(scope, evidence.factor, evidence.smsCode, presented.code)
  const found = await findStep(scope, evidence.factor, presented.code)
  if ('reason' in found) return found
  const { id } = evidence.factor
  return {
    isRight: true,
    isUnused: isStepUnused(id, found.step),
    spend: (when) => [updateLastStep(scope.db, id, found.step, when)],
    sendSoon: () => undefined,
  }
}

/** A code by SMS, of a factor that is on offer or counts. */
export async function judgeSmsCode(
  { db, keys }: RequestScope,
  factor: StoredFactor,
  sent: StoredSmsCode | undefined,
  code: string,
): Promise<CodeVerdict> {
  if (sent?.factorId !== factor.id || !(await isSmsCode(keys.sms, sent, code))) return refused('wrong_code')
  return {
    isRight: true,
    isUnused: isSmsCodeUnused(sent),
    spend: (when) => [deleteSmsCode(db, sent, when)],
    sendSoon: () => undefined,
  }
}

/** The unused step that a code is of. */
export async function findStep({ keys, facts }: RequestScope, factor: StoredFactor, code: string) {
  const secret = await openFactorSecret(keys.factor, factor)
  if (!secret) {
    logAlert('factor_unreadable', { factor_id: factor.id, key_id: factor.secret.slice(0, 8) })
    return refused('factor_unreadable')
  }
  const step = await findTotpStep(secret, code, facts.now, factor.lastStep)
  return step === undefined ? refused('wrong_code') : { step }
}

async function judgeRecoveryCode(
  scope: RequestScope,
  owner: Owner,
  { recoveryCode }: Evidence,
): Promise<CodeVerdict> {
  const { db, keys, facts } = scope
  const { id: accountId } = owner
  if (!recoveryCode) return refused('wrong_code')
  const { codeHash } = recoveryCode
  const event = await signAuditEvent(keys.auditMac, facts, {
    event: 'recovery_code.used',
    outcome: 'success',
    actorId: accountId,
    subjectId: accountId,
    details: {},
  })
  const notice = await prepareNotice(scope, 'recovery_code.used', owner)
  return {
    isRight: true,
    isUnused: isRecoveryCodeUnused(accountId, codeHash),
    spend: (when) => [
      insertAuditEvent(db, event, when),
      deleteRecoveryCode(db, accountId, codeHash, when),
      ...notice.insert(when),
    ],
    sendSoon: notice.sendSoon,
  }
}
