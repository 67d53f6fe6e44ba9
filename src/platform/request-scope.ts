/** The environment of the Hono app, and what flows below the routes get instead of Hono's Context. */
import type { Context } from 'hono'
import type { Attempt } from '../crypto/derivation-queue.ts'
import type { Database } from './database.ts'
import type { Keys } from './keys.ts'
import type { RequestFacts } from './request-facts.ts'
import type { Env, Settings } from './settings.ts'

export interface RequestScope extends Attempt {
  readonly db: Database
  readonly kv: KVNamespace
  /** Undefined where the Worker has no such binding. */
  readonly email: SendEmail | undefined
  readonly rings: { readonly signIn: RateLimit; readonly registration: RateLimit }
  readonly settings: Settings
  readonly keys: Keys
  readonly facts: RequestFacts
  /** Headers that come with the answer whatever it will be. */
  readonly answerHeaders: Record<string, string>
}

export interface AppEnv {
  Bindings: Env
  Variables: {
    facts: RequestFacts
    scope: RequestScope
    /** Whose profile the request is about, once that is known; validation compares with it. */
    person?: {
      readonly email: string
      readonly firstName: string
      readonly lastName: string
      readonly isActor: boolean
    }
  }
}

export type AppContext = Context<AppEnv>
