/** Whether what somebody came with still counts, at the moment of a write. */
import type { SQL } from 'drizzle-orm'
import { isLiveApiToken } from '../api-tokens/queries.ts'
import { API_TOKEN_PREFIX } from '../api-tokens/token.ts'
import type { Actor } from './guard.ts'
import { isLiveSession } from './queries.ts'

/** The actor's session lives, or the API token that stands in its place; either with an active account. */
export function isLiveActor({ session, rights }: Actor, now: number): SQL {
  return rights.scopes === undefined
    ? isLiveSession(session.id, now)
    : isLiveApiToken(session.id.slice(API_TOKEN_PREFIX.length), now)
}
