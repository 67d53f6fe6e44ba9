/** Sessions. A live session is a row; ending one deletes it. */
import { and, desc, eq, gt, lte, ne, type SQL, sql } from 'drizzle-orm'
import { type Profile, profileColumns } from '../accounts/queries.ts'
import { accounts } from '../accounts/tables.ts'
import { compileSelect, named } from '../platform/compiled-query.ts'
import type { Database } from '../platform/database.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import { ACCESS_TOKEN_SECONDS } from './access-token.ts'
import { accountCountries, devices, sessions } from './tables.ts'

/** A session that is not refreshed for so long ends: 30 days. */
export const SESSION_IDLE_SECONDS = 2_592_000

/** However often it is refreshed, after so long somebody signs in again: 90 days. */
export const SESSION_ABSOLUTE_SECONDS = 7_776_000

export interface SessionRow extends Profile {
  /** Null when the session does not live; then its times mean nothing. */
  readonly sessionId: string | null
  readonly sessionCreatedAt: number
  readonly authenticatedAt: number
  readonly sessionExpiresAt: number
  readonly deviceId: string | null
  readonly lastSeenAt: number | null
  /** JSON, if it was asked for and the session lives. */
  readonly alongside: string | null
}

const sessionColumns = {
  ...profileColumns,
  sessionId: sql<string | null>`${sessions.id}`,
  sessionCreatedAt: sql<number>`${sessions.createdAt}`,
  authenticatedAt: sql<number>`${sessions.authenticatedAt}`,
  sessionExpiresAt: sql<number>`${sessions.expiresAt}`,
  deviceId: sql<string | null>`${sessions.deviceId}`,
  lastSeenAt: sql<number | null>`${sessions.lastSeenAt}`,
}

const isAllowedIn = sql`${sessions.id} IS NOT NULL AND ${accounts.status} = 'active'`

/**
 * The account and, if it lives, the session of a token. Both by primary key. A scalar subquery about the
 * account can come along; it is evaluated only if the session lives and the account is active.
 */
export function compileSessionRead(alongside: SQL = sql`NULL`) {
  const isRead = sql<string | null>`CASE WHEN ${isAllowedIn} THEN ${alongside} END`
  return compileSelect<{ sessionId: string; accountId: number; now: number }, SessionRow>((select) =>
    select(named({ ...sessionColumns, alongside: isRead }))
      .from(accounts)
      .leftJoin(
        sessions,
        and(
          eq(sessions.id, sql.placeholder('sessionId')),
          eq(sessions.accountId, accounts.id),
          gt(sessions.expiresAt, sql.placeholder('now')),
        ),
      )
      .where(eq(accounts.id, sql.placeholder('accountId'))),
  )
}

export const findSession = compileSessionRead()

interface NewSession {
  readonly id: string
  readonly accountId: number
  /** About the row of `accounts`: what was proved still holds. */
  readonly stillProved: SQL
  readonly methods: readonly string[]
  /** Whether all factors of the account were proved just now; else it counts as fresh only after a step-up. */
  readonly isFresh: boolean
  /** The key of its first refresh token. */
  readonly refreshKeyId: string
  readonly deviceId: string
}

/**
 * Opens a session, if the account is active and what was proved still holds: a change during the
 * derivation must not leave a live session behind.
 */
export function insertSession(db: Database, session: NewSession, origin: RequestFacts) {
  const { now } = origin
  // Every column of the table, in its order.
  return db
    .insert(sessions)
    .select(sql`
      SELECT ${session.id}, id, ${now}, ${session.isFresh ? now : 0}, ${now + SESSION_IDLE_SECONDS}, 0, ${session.refreshKeyId}, NULL, NULL,
        ${now}, ${origin.address ?? null}, ${origin.userAgent ?? null}, ${origin.country ?? null}, ${origin.city ?? null}, ${JSON.stringify(session.methods)}, ${session.deviceId}
      FROM ${accounts}
      WHERE id = ${session.accountId} AND status = 'active' AND ${session.stillProved}`)
    .returning({
      // With this one.
      held: sql<number>`(SELECT count(*) FROM ${sessions} AS held
        WHERE held.account_id = ${session.accountId} AND held.expires_at > ${now})`.as('held'),
    })
}

/** The person has proved again who they are, by a method, under a condition. */
export function updateAuthenticatedAt(db: Database, id: string, method: string, now: number, when: SQL) {
  const methods = sql`CASE WHEN EXISTS (SELECT 1 FROM json_each(${sessions.methods}) AS own WHERE own.value = ${method})
    THEN ${sessions.methods} ELSE json_insert(${sessions.methods}, '$[#]', ${method}) END`
  return db
    .update(sessions)
    .set({ authenticatedAt: now, methods })
    .where(and(eq(sessions.id, id), when))
    .returning({ id: sessions.id })
}

/** The session exists and has not expired, and its account is active. */
export function isLiveSession(id: string, now: number): SQL {
  return sql`EXISTS (
    SELECT 1 FROM ${sessions} AS live JOIN ${accounts} AS holder ON holder.id = live.account_id
    WHERE live.id = ${id} AND live.expires_at > ${now} AND holder.status = 'active')`
}

const DAY_SECONDS = 86_400

/**
 * Beside the columns of `accounts`: what the account has of live sessions and of devices, how many of these are new within a
 * day, and whether it has been signed in to from this country.
 */
export function historyColumns({ now, country }: Pick<RequestFacts, 'now' | 'country'>) {
  const live = sql`FROM ${sessions} AS held WHERE held.account_id = ${accounts}.id AND held.expires_at > ${now}`
  const devicesOf = sql`FROM ${devices} AS held WHERE held.account_id = ${accounts}.id`
  const countriesOf = sql`FROM ${accountCountries} AS held WHERE held.account_id = ${accounts}.id`
  const isNew = sql`held.first_seen_at > ${now - DAY_SECONDS}`
  const isThisCountry = sql`held.country = ${country ?? null}`
  return {
    sessionCount: sql<number>`(SELECT count(*) ${live})`.as('session_count'),
    deviceCount: sql<number>`(SELECT count(*) ${devicesOf})`.as('device_count'),
    newDeviceCount: sql<number>`(SELECT count(*) ${devicesOf} AND ${isNew})`.as('new_device_count'),
    countryCount: sql<number>`(SELECT count(*) ${countriesOf})`.as('country_count'),
    isCountryKnown: sql<number>`EXISTS (SELECT 1 ${countriesOf} AND ${isThisCountry})`.as('is_country_known'),
  }
}

/** Of a session that ends: until when a mark must refuse it. Each refresh gives a new access token. */
export const endedColumns = {
  id: sessions.id,
  tokenUntil:
    sql<number>`coalesce(${sessions.rotatedAt}, ${sessions.createdAt}) + ${ACCESS_TOKEN_SECONDS}`.as(
      'token_until',
    ),
}

export function deleteSession(db: Database, id: string) {
  return db.delete(sessions).where(eq(sessions.id, id)).returning(endedColumns)
}

/** How many sessions an account may have at once. */
export const MAX_SESSIONS = 20

/**
 * Ends, under a condition, those sessions of an account that are too many: the ones that were used longest ago,
 * never the one that has just been opened.
 */
export function deleteSurplusSessions(
  db: Database,
  opened: { readonly id: string; readonly accountId: number },
  now: number,
  when: SQL,
) {
  return db
    .delete(sessions)
    .where(
      and(
        sql`${sessions.id} IN (
          SELECT id FROM ${sessions} AS held WHERE held.account_id = ${opened.accountId} AND held.expires_at > ${now}
          ORDER BY held.id = ${opened.id} DESC, coalesce(held.last_seen_at, held.created_at) DESC, held.created_at DESC, held.id
          LIMIT -1 OFFSET ${MAX_SESSIONS})`,
        when,
      ),
    )
    .returning(endedColumns)
}

/** The live sessions of an account, last seen first. */
export function listSessions(db: Database, accountId: number, now: number) {
  return db
    .select({
      id: sessions.id,
      createdAt: sessions.createdAt,
      authenticatedAt: sessions.authenticatedAt,
      lastSeenAt: sessions.lastSeenAt,
      expiresAt: sessions.expiresAt,
      address: sessions.address,
      userAgent: sessions.userAgent,
      country: sessions.country,
      city: sessions.city,
      methods: sessions.methods,
      deviceId: devices.id,
      deviceName: devices.name,
      deviceBrowser: devices.browser,
      deviceOs: devices.os,
    })
    .from(sessions)
    .leftJoin(devices, eq(devices.id, sessions.deviceId))
    .where(and(eq(sessions.accountId, accountId), gt(sessions.expiresAt, now)))
    .orderBy(desc(sql`coalesce(${sessions.lastSeenAt}, ${sessions.createdAt})`), sessions.id)
    .limit(MAX_SESSIONS)
}

export type ListedSession = Awaited<ReturnType<typeof listSessions>>[number]

/** How late "last seen" may be: each request would cost a write otherwise. */
export const SEEN_EVERY_SECONDS = 300

/** Notes that the session was used; of many requests at once, one writes. */
export function updateLastSeen(db: Database, id: string, now: number) {
  const isStale = sql`coalesce(${sessions.lastSeenAt}, 0) <= ${now - SEEN_EVERY_SECONDS}`
  return db
    .update(sessions)
    .set({ lastSeenAt: now })
    .where(and(eq(sessions.id, id), isStale))
}

export function listEndingSessions(db: Database, accountId: number) {
  return db.select(endedColumns).from(sessions).where(eq(sessions.accountId, accountId))
}

/** One session, or all but one. */
export type SessionsToEnd = { readonly only: string } | { readonly except: string }

/** Ends sessions of an account under a condition: all, or those that are said. */
export function deleteSessionsOf(
  db: Database,
  accountId: number,
  when: SQL,
  which: SessionsToEnd = { except: '' },
) {
  const chosen = 'only' in which ? eq(sessions.id, which.only) : ne(sessions.id, which.except)
  return db
    .delete(sessions)
    .where(and(eq(sessions.accountId, accountId), chosen, when))
    .returning(endedColumns)
}

export function deleteExpiredSessions(db: Database, now: number, limit: number) {
  return db
    .delete(sessions)
    .where(
      sql`${sessions.id} IN (SELECT id FROM ${sessions} WHERE ${lte(sessions.expiresAt, now)} LIMIT ${limit})`,
    )
}
