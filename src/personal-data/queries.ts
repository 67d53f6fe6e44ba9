/**
 * What is held about one account, as far as nobody else is in it. No query here reads a hash, a sealed box, a MAC or the
 * id of a key: what is not read cannot get out. What grows without end is read in pages.
 */
import { eq, sql } from 'drizzle-orm'
import { accounts } from '../accounts/tables.ts'
import { apiTokens } from '../api-tokens/tables.ts'
import { auditEvents, auditRepeats } from '../audit/tables.ts'
import { throttles } from '../limits/tables.ts'
import { mechanics } from '../mechanics/tables.ts'
import { factors, recoveryCodes } from '../mfa/tables.ts'
import { mailLinks } from '../notices/tables.ts'
import { linkTokens } from '../passwords/tables.ts'
import type { Database } from '../platform/database.ts'
import { accountCountries, devices, sessions } from '../sessions/tables.ts'

export function findOwnProfile(db: Database, id: number) {
  return db
    .select({
      id: accounts.id,
      role: accounts.role,
      status: accounts.status,
      email: accounts.email,
      emailVerifiedAt: accounts.emailVerifiedAt,
      verifiedEmail: accounts.verifiedEmail,
      firstName: accounts.firstName,
      lastName: accounts.lastName,
      phoneNumber: accounts.phoneNumber,
      passwordChangedAt: accounts.passwordChangedAt,
      createdAt: accounts.createdAt,
      updatedAt: accounts.updatedAt,
    })
    .from(accounts)
    .where(eq(accounts.id, id))
}

/** The mechanic of the shop whose account this is, if it is one's. */
export function findOwnMechanic(db: Database, accountId: number) {
  const { id, name, email, phone, salaryCents, createdAt, updatedAt } = mechanics
  return db
    .select({ id, name, email, phone, salaryCents, createdAt, updatedAt })
    .from(mechanics)
    .where(eq(mechanics.accountId, accountId))
}

/** Every row, also one that has expired and that the cron has not removed yet. */
export function listOwnSessions(db: Database, accountId: number) {
  return db
    .select({
      id: sessions.id,
      createdAt: sessions.createdAt,
      authenticatedAt: sessions.authenticatedAt,
      expiresAt: sessions.expiresAt,
      refreshCounter: sessions.refreshCounter,
      rotatedAt: sessions.rotatedAt,
      lastSeenAt: sessions.lastSeenAt,
      address: sessions.address,
      userAgent: sessions.userAgent,
      country: sessions.country,
      city: sessions.city,
      methods: sessions.methods,
      deviceId: sessions.deviceId,
    })
    .from(sessions)
    .where(eq(sessions.accountId, accountId))
    .orderBy(sessions.createdAt, sessions.id)
}

export function listOwnDevices(db: Database, accountId: number) {
  const { id, name, browser, os, address, country, city, network, firstSeenAt, lastSeenAt } = devices
  const isKnown = sql<number>`${devices.tokenHash} IS NOT NULL`.as('is_known')
  const { trustedUntil } = devices
  const place = { address, country, city, network }
  return db
    .select({ id, name, browser, os, ...place, firstSeenAt, lastSeenAt, trustedUntil, isKnown })
    .from(devices)
    .where(eq(devices.accountId, accountId))
    .orderBy(firstSeenAt, id)
}

export function listOwnCountries(db: Database, accountId: number) {
  const { country, firstSeenAt } = accountCountries
  return db
    .select({ country, firstSeenAt })
    .from(accountCountries)
    .where(eq(accountCountries.accountId, accountId))
    .orderBy(firstSeenAt, country)
}

export function listOwnApiTokens(db: Database, accountId: number) {
  const { id, name, scopes, createdAt, expiresAt, lastUsedAt } = apiTokens
  return db
    .select({ id, name, scopes, createdAt, expiresAt, lastUsedAt })
    .from(apiTokens)
    .where(eq(apiTokens.accountId, accountId))
    .orderBy(createdAt, id)
}

/** Second factors, those on offer too. */
export function listOwnFactors(db: Database, accountId: number) {
  const { id, method, createdAt, confirmedAt, lastStep, secret } = factors
  return db
    .select({ id, accountId: factors.accountId, method, createdAt, confirmedAt, lastStep, secret })
    .from(factors)
    .where(eq(factors.accountId, accountId))
    .orderBy(createdAt, id)
}

/** When the recovery codes were made that have not been used, and how many there are. */
export function listOwnRecoveryCodes(db: Database, accountId: number) {
  const { createdAt } = recoveryCodes
  return db
    .select({ createdAt, left: sql<number>`count(*)`.as('codes_left') })
    .from(recoveryCodes)
    .where(eq(recoveryCodes.accountId, accountId))
    .groupBy(createdAt)
}

/** Links that have been sent and not been used. */
export function listOwnLinks(db: Database, accountId: number) {
  const { purpose, emailCanonical, createdAt, expiresAt } = linkTokens
  return db
    .select({ purpose, emailCanonical, createdAt, expiresAt })
    .from(linkTokens)
    .where(eq(linkTokens.accountId, accountId))
    .orderBy(createdAt)
}

/** Links of mails that do something other than set a password. */
export function listOwnMailLinks(db: Database, accountId: number) {
  const { purpose, email, verifiedAt, createdAt, expiresAt } = mailLinks
  return db
    .select({ purpose, email, verifiedAt, createdAt, expiresAt })
    .from(mailLinks)
    .where(eq(mailLinks.accountId, accountId))
    .orderBy(mailLinks.number)
}

/** The keys of an account's counts name itself, its devices and its sessions. */
export function listOwnFailureCounts(db: Database, accountId: number) {
  const { key, failures, failedAt } = throttles
  return db
    .select({ key, failures, failedAt })
    .from(throttles)
    .where(eq(throttles.accountId, accountId))
    .orderBy(key)
}

/**
 * The events that an account caused or that concern it, oldest first: those behind a row, up to the event that has the
 * id `throughEventId`, or none without that. Two indexes are merged in the order of their ids, so that a page reads a
 * page, however many there are.
 */
export function listOwnEventsAfter(
  db: Database,
  accountId: number,
  afterId: number,
  throughEventId: string,
  limit: number,
) {
  const { id, eventId, occurredAt, event, outcome, reason, actorId, subjectId } = auditEvents
  const { sessionId, address, userAgent, requestId, details } = auditEvents
  const last = sql`(SELECT told.id FROM ${auditEvents} AS told WHERE told.event_id = ${throughEventId})`
  const repeats = sql<number>`coalesce(${auditRepeats.count}, 0)`.as('repeats')
  return db
    .select({
      ...{ id, eventId, occurredAt, event, outcome, reason, actorId, subjectId },
      ...{ sessionId, address, userAgent, requestId, details, repeats },
    })
    .from(auditEvents)
    .leftJoin(auditRepeats, eq(auditRepeats.groupKey, auditEvents.groupKey))
    .where(
      sql`${auditEvents.id} IN (
        SELECT did.id FROM ${auditEvents} AS did
        WHERE did.actor_id = ${accountId} AND did.id > ${afterId} AND did.id <= ${last}
        UNION
        SELECT bore.id FROM ${auditEvents} AS bore
        WHERE bore.subject_id = ${accountId} AND bore.id > ${afterId} AND bore.id <= ${last}
        ORDER BY 1 LIMIT ${limit})`,
    )
    .orderBy(auditEvents.id)
}
