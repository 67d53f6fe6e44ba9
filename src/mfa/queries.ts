/** Factors and recovery codes of an account. Builders are returned un-awaited. */
import { and, eq, isNotNull, isNull, lte, type SQL, sql } from 'drizzle-orm'
import { accounts } from '../accounts/tables.ts'
import { FACTOR_MAX_FAILURES } from '../limits/policy.ts'
import { factorKey, hasFailures } from '../limits/queries.ts'
import type { Database } from '../platform/database.ts'
import { type FACTOR_METHODS, factors, recoveryCodes } from './tables.ts'

export type FactorMethod = (typeof FACTOR_METHODS)[number]

/** An offer that nobody has confirmed for so long is void: one hour. */
export const FACTOR_OFFER_SECONDS = 3_600

/** Beside the columns of `accounts`: what `offeredMethods` asks for. The table is named: a bare column would be the subquery's. */
export const secondFactorColumns = {
  factorMethods: sql<string | null>`(SELECT group_concat(held.method) FROM ${factors} AS held
    WHERE held.account_id = ${accounts}.id AND held.confirmed_at IS NOT NULL)`.as('factor_methods'),
  recoveryCodesLeft: sql<number>`(SELECT count(*) FROM ${recoveryCodes} AS kept
    WHERE kept.account_id = ${accounts}.id)`.as('recovery_codes_left'),
}

/** What `offeredMethods` asks for, of an account that is there. */
export function findSecondFactors(db: Database, accountId: number) {
  return db.select(secondFactorColumns).from(accounts).where(eq(accounts.id, accountId))
}

/** The account has a factor that counts. */
export function hasFactor(accountId: number): SQL {
  return sql`EXISTS (SELECT 1 FROM ${factors} AS held
    WHERE held.account_id = ${accountId} AND held.confirmed_at IS NOT NULL)`
}

/** The factor of a method that counts. The account may be found by a subquery. */
export function findFactor(db: Database, accountId: SQL, method: FactorMethod) {
  return db
    .select({
      id: factors.id,
      accountId: factors.accountId,
      secret: factors.secret,
      lastStep: factors.lastStep,
    })
    .from(factors)
    .where(and(sql`${factors.accountId} = ${accountId}`, eq(factors.method, method), isConfirmed))
}

export type StoredFactor = Awaited<ReturnType<typeof findFactor>>[number]

const isConfirmed = isNotNull(factors.confirmedAt)

export function listFactors(db: Database, accountId: number) {
  const { id, method, confirmedAt, secret } = factors
  const isDisabled = sql<number>`${hasFailures(factorKey(accountId), '>=', FACTOR_MAX_FAILURES)}`
  return db
    .select({
      id,
      accountId: factors.accountId,
      method,
      confirmedAt,
      secret,
      isDisabled: isDisabled.as('is_disabled'),
    })
    .from(factors)
    .where(and(eq(factors.accountId, accountId), isConfirmed))
    .orderBy(factors.confirmedAt)
}

/** The factor is still there and counts. */
export function isFactorHeld(id: string): SQL {
  return sql`EXISTS (SELECT 1 FROM ${factors} AS held WHERE held.id = ${id} AND held.confirmed_at IS NOT NULL)`
}

/** The factor that is on offer and still may be confirmed. */
export function findOffer(db: Database, accountId: number, method: FactorMethod, now: number) {
  return db
    .select({
      id: factors.id,
      accountId: factors.accountId,
      secret: factors.secret,
      lastStep: factors.lastStep,
    })
    .from(factors)
    .where(and(eq(factors.accountId, accountId), eq(factors.method, method), isOpenOffer(now)))
}

const isOpenOffer = (now: number) =>
  and(isNull(factors.confirmedAt), sql`${factors.createdAt} > ${now - FACTOR_OFFER_SECONDS}`)

/** Takes back, under a condition, whatever is on offer. */
export function deleteOffers(db: Database, accountId: number, when: SQL) {
  return db.delete(factors).where(and(eq(factors.accountId, accountId), isNull(factors.confirmedAt), when))
}

/** Takes back, under a condition, what is on offer. */
export function deleteOffer(db: Database, accountId: number, method: FactorMethod, when: SQL) {
  return db
    .delete(factors)
    .where(
      and(eq(factors.accountId, accountId), eq(factors.method, method), isNull(factors.confirmedAt), when),
    )
}

interface NewFactor {
  readonly id: string
  readonly accountId: number
  readonly method: FactorMethod
  readonly secret: string
}

/** Puts a factor on offer, under a condition. */
export function insertOffer(db: Database, factor: NewFactor, now: number, when: SQL) {
  // Every column of the table, in its order.
  return db
    .insert(factors)
    .select(sql`
      SELECT ${factor.id}, ${factor.accountId}, ${factor.method}, ${factor.secret}, ${now}, NULL, NULL WHERE ${when}`)
    .returning({ id: factors.id })
}

/** Removes the factor that counts, under a condition. */
export function deleteFactor(db: Database, accountId: number, method: FactorMethod, when: SQL) {
  return db
    .delete(factors)
    .where(and(eq(factors.accountId, accountId), eq(factors.method, method), isConfirmed, when))
    .returning({ id: factors.id })
}

/** Removes, under a condition, every factor that counts. */
export function deleteFactors(db: Database, accountId: number, when: SQL) {
  return db
    .delete(factors)
    .where(and(eq(factors.accountId, accountId), isConfirmed, when))
    .returning({ id: factors.id })
}

/** The offer stands and may be confirmed. */
export function isOnOffer(id: string, now: number): SQL {
  return sql`EXISTS (SELECT 1 FROM ${factors} AS offer WHERE offer.id = ${id} AND offer.confirmed_at IS NULL
    AND offer.created_at > ${now - FACTOR_OFFER_SECONDS})`
}

/** Makes an offer count; once, whoever else confirms it at the same time. The step of its first code, of an app, is spent. */
export function confirmOffer(db: Database, id: string, step: number | null, now: number, when: SQL) {
  return db
    .update(factors)
    .set({ confirmedAt: now, lastStep: step })
    .where(and(eq(factors.id, id), isOpenOffer(now), when))
    .returning({ id: factors.id })
}

/** The factor counts, and no code of this step or a later one was used. */
export function isStepUnused(id: string, step: number): SQL {
  return sql`EXISTS (SELECT 1 FROM ${factors} AS used WHERE used.id = ${id} AND used.confirmed_at IS NOT NULL
    AND coalesce(used.last_step, -1) < ${step})`
}

/** Spends a step and all before it, under a condition. */
export function updateLastStep(db: Database, id: string, step: number, when: SQL) {
  return db
    .update(factors)
    .set({ lastStep: step })
    .where(and(eq(factors.id, id), isConfirmed, sql`coalesce(${factors.lastStep}, -1) < ${step}`, when))
}

/** A recovery code of the account; which may be found by a subquery. */
export function findRecoveryCode(db: Database, accountId: SQL, codeHash: string) {
  return db
    .select({ codeHash: recoveryCodes.codeHash })
    .from(recoveryCodes)
    .where(and(sql`${recoveryCodes.accountId} = ${accountId}`, eq(recoveryCodes.codeHash, codeHash)))
}

/** The code has not been used, and there is a factor that it can stand in for. */
export function isRecoveryCodeUnused(accountId: number, codeHash: string): SQL {
  return sql`(EXISTS (SELECT 1 FROM ${recoveryCodes} AS kept
    WHERE kept.account_id = ${accountId} AND kept.code_hash = ${codeHash}) AND ${hasFactor(accountId)})`
}

export function deleteRecoveryCode(db: Database, accountId: number, codeHash: string, when: SQL) {
  return db
    .delete(recoveryCodes)
    .where(and(eq(recoveryCodes.accountId, accountId), eq(recoveryCodes.codeHash, codeHash), when))
}

export function deleteRecoveryCodes(db: Database, accountId: number, when: SQL) {
  return db.delete(recoveryCodes).where(and(eq(recoveryCodes.accountId, accountId), when))
}

export function insertRecoveryCodes(
  db: Database,
  accountId: number,
  codeHashes: readonly string[],
  now: number,
  when: SQL,
) {
  // Every column of the table, in its order.
  return db.insert(recoveryCodes).select(sql`
    SELECT ${accountId}, fresh.value, ${now} FROM json_each(${JSON.stringify(codeHashes)}) AS fresh WHERE ${when}`)
}

export function countRecoveryCodes(db: Database, accountId: number) {
  return db
    .select({ left: sql<number>`count(*)` })
    .from(recoveryCodes)
    .where(eq(recoveryCodes.accountId, accountId))
}

/** Offers that can no longer be confirmed. */
export function deleteOldOffers(db: Database, now: number, limit: number) {
  return db.delete(factors).where(sql`${factors.id} IN (
    SELECT id FROM ${factors} AS old
    WHERE ${and(sql`old.confirmed_at IS NULL`, lte(sql`old.created_at`, now - FACTOR_OFFER_SECONDS))} LIMIT ${limit})`)
}

/** Factors whose box names this key. */
export function listFactorsOfKey(db: Database, keyId: string, limit: number) {
  return db
    .select({ id: factors.id, accountId: factors.accountId, secret: factors.secret })
    .from(factors)
    .where(sql`substr(${factors.secret}, 1, 8) = ${keyId}`)
    .limit(limit)
}

/** Replaces a box by another of the same secret, if it is still the one that was opened. */
export function updateFactorSecret(db: Database, id: string, opened: string, resealed: string) {
  return db
    .update(factors)
    .set({ secret: resealed })
    .where(and(eq(factors.id, id), eq(factors.secret, opened)))
}
