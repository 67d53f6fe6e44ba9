/** API tokens. A token that counts is a row that has not expired; revoking one deletes it. */
import { and, desc, eq, type SQL, sql } from 'drizzle-orm'
import { type Profile, profileColumns } from '../accounts/queries.ts'
import { accounts } from '../accounts/tables.ts'
import { compileSelect, named } from '../platform/compiled-query.ts'
import type { Database } from '../platform/database.ts'
import { apiTokens } from './tables.ts'
import type { ApiTokenKey } from './token.ts'

/** How many an account may have that have not expired. */
export const MAX_API_TOKENS = 20

/** How late "last used" may be: each request would cost a write otherwise. */
export const USED_EVERY_SECONDS = 300

export interface ApiTokenRow extends Profile {
  readonly tokenId: string
  /** JSON. */
  readonly scopes: string
  readonly tokenCreatedAt: number
  readonly tokenExpiresAt: number
  readonly lastUsedAt: number | null
  /** JSON, if it was asked for and the token counts. */
  readonly alongside: string | null
}

const tokenColumns = {
  ...profileColumns,
  tokenId: sql<string>`${apiTokens.id}`,
  scopes: sql<string>`${apiTokens.scopes}`,
  tokenCreatedAt: sql<number>`${apiTokens.createdAt}`,
  tokenExpiresAt: sql<number>`${apiTokens.expiresAt}`,
  lastUsedAt: sql<number | null>`${apiTokens.lastUsedAt}`,
}

/**
 * The token and its owner, both by primary key; no row if the token is not that one. A scalar subquery about the
 * owner can come along; it is evaluated only if the token counts.
 */
export function compileApiTokenRead(alongside: SQL = sql`NULL`) {
  const counts = sql`${apiTokens.expiresAt} > ${sql.placeholder('now')} AND ${accounts.status} = 'active'`
  const isRead = sql<string | null>`CASE WHEN ${counts} THEN ${alongside} END`
  return compileSelect<{ id: string; tokenHash: string; now: number }, ApiTokenRow>((select) =>
    select(named({ ...tokenColumns, alongside: isRead }))
      .from(apiTokens)
      .innerJoin(accounts, eq(accounts.id, apiTokens.accountId))
      .where(
        and(eq(apiTokens.id, sql.placeholder('id')), eq(apiTokens.tokenHash, sql.placeholder('tokenHash'))),
      ),
  )
}

export const findApiToken = compileApiTokenRead()

/** The token is there and has not expired, and its owner is active. */
export function isLiveApiToken(id: string, now: number): SQL {
  return sql`EXISTS (
    SELECT 1 FROM ${apiTokens} AS live JOIN ${accounts} AS holder ON holder.id = live.account_id
    WHERE live.id = ${id} AND live.expires_at > ${now} AND holder.status = 'active')`
}

interface NewApiToken extends ApiTokenKey {
  readonly accountId: number
  readonly name: string
  /** JSON. */
  readonly scopes: string
  readonly expiresAt: number
}

/** Inserts a token, if the account has room for one and a condition holds. */
export function insertApiToken(db: Database, token: NewApiToken, now: number, when: SQL) {
  const held = sql`SELECT count(*) FROM ${apiTokens} AS held
    WHERE held.account_id = ${token.accountId} AND held.expires_at > ${now}`
  // Every column of the table, in its order.
  return db.insert(apiTokens).select(sql`
    SELECT ${token.id}, ${token.accountId}, ${token.tokenHash}, ${token.name}, ${token.scopes},
      ${now}, ${token.expiresAt}, NULL
    WHERE (${held}) < ${MAX_API_TOKENS} AND ${when}`)
}

const listedColumns = {
  id: apiTokens.id,
  name: apiTokens.name,
  scopes: apiTokens.scopes,
  createdAt: apiTokens.createdAt,
  expiresAt: apiTokens.expiresAt,
  lastUsedAt: apiTokens.lastUsedAt,
}

/** As many as are shown: expired ones stay for a while, and could be made on and on. */
const LIST_LIMIT = 100

/** The tokens of an account, newest first. */
export function listApiTokens(db: Database, accountId: number) {
  return db
    .select(listedColumns)
    .from(apiTokens)
    .where(eq(apiTokens.accountId, accountId))
    .orderBy(desc(apiTokens.createdAt), apiTokens.id)
    .limit(LIST_LIMIT)
}

export type ListedApiToken = Awaited<ReturnType<typeof listApiTokens>>[number]

/** Revokes a token of an account under a condition. */
export function deleteApiToken(db: Database, accountId: number, id: string, when: SQL) {
  return db
    .delete(apiTokens)
    .where(and(eq(apiTokens.id, id), eq(apiTokens.accountId, accountId), when))
    .returning({ id: apiTokens.id })
}

/** Notes that the token was used; of many requests at once, one writes. */
export function updateLastUsed(db: Database, id: string, now: number) {
  const isStale = sql`coalesce(${apiTokens.lastUsedAt}, 0) <= ${now - USED_EVERY_SECONDS}`
  return db
    .update(apiTokens)
    .set({ lastUsedAt: now })
    .where(and(eq(apiTokens.id, id), isStale))
}

/** Removes tokens that expired before a moment. */
/** Revokes every token of an account, under a condition. */
export function deleteApiTokensOf(db: Database, accountId: number, when: SQL) {
  return db.delete(apiTokens).where(and(eq(apiTokens.accountId, accountId), when))
}

export function deleteExpiredApiTokens(db: Database, before: number, limit: number) {
  return db
    .delete(apiTokens)
    .where(sql`${apiTokens.id} IN (SELECT id FROM ${apiTokens} WHERE expires_at < ${before} LIMIT ${limit})`)
}
