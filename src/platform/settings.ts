/**
 * Every variable, secret and binding, read once and checked. Defaults live here only (and, as
 * comments, in wrangler.toml). No other file reads a variable or a secret.
 */
import * as z from 'zod'
import { decodeSecret } from '../crypto/secret.ts'

export interface Env {
  DB: D1Database
  KV: KVNamespace
  SIGN_IN_RING: RateLimit
  REGISTRATION_RING: RateLimit
  [name: string]: unknown
}

/** A variable is text; an empty one is a mistake, not a zero. */
const wholeNumber = (min: number, max: number, fallback: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.int().min(min).max(max))
    .default(fallback)

/** A claim's text: short enough that no token gets longer than what is accepted back. */
const claimText = (fallback: string) =>
  z
    .string()
    .regex(/^[\x20-\x7e]{1,128}$/)
    .default(fallback)

const variables = z.object({
  TOKEN_ISSUER: claimText('mechanic-shop-api'),
  TOKEN_AUDIENCE: claimText('mechanic-shop'),
  SHOP_NAME: z.string().min(1).default('Mechanic Shop'),
  PASSWORD_MIN_LENGTH: wholeNumber(6, 64, 6),
  FRESH_AUTH_SECONDS: wholeNumber(0, 86_400, 600),
  ALLOWED_ORIGINS: z
    .string()
    .default('')
    .transform((list) => list.split(',').flatMap((origin) => origin.trim() || []))
    .refine((origins) => origins.every(isOrigin)),
})

const bindings = z.object({
  DB: z.custom<D1Database>((value) => typeof value === 'object' && value !== null),
  KV: z.custom<KVNamespace>((value) => typeof value === 'object' && value !== null),
  SIGN_IN_RING: z.custom<RateLimit>((value) => typeof value === 'object' && value !== null),
  REGISTRATION_RING: z.custom<RateLimit>((value) => typeof value === 'object' && value !== null),
})

export interface Settings {
  readonly tokenIssuer: string
  readonly tokenAudience: string
  readonly shopName: string
  /** In code points. */
  readonly passwordMinLength: number
  /** How long after a sign-in it counts as fresh, in seconds. */
  readonly freshAuthSeconds: number
  /** Exact origins that may call from a browser. */
  readonly allowedOrigins: readonly string[]
  /** Signing secrets, oldest first. */
  readonly secretKeys: readonly Uint8Array<ArrayBuffer>[]
  /** Data secrets, oldest first. */
  readonly dataKeys: readonly Uint8Array<ArrayBuffer>[]
}

export type SettingsOutcome = { settings: Settings } | { faults: string[] }

const known = new WeakMap<Env, SettingsOutcome>()

/** The checked settings, or the names of those that are wrong; never a value. */
export function readSettings(env: Env): SettingsOutcome {
  const outcome = known.get(env) ?? parseSettings(env)
  known.set(env, outcome)
  return outcome
}

export function parseSettings(env: Record<string, unknown>): SettingsOutcome {
  const vars = variables.safeParse(env)
  const bound = bindings.safeParse(env)
  const secretKeys = readSecrets(env, 'SECRET_KEY')
  const dataKeys = readSecrets(env, 'DATA_KEY')
  const faults = [
    ...[...(vars.error?.issues ?? []), ...(bound.error?.issues ?? [])].map(
      (issue) => `${String(issue.path[0])}: not valid`,
    ),
    ...secretKeys.faults,
    ...dataKeys.faults,
    ...(sharesSecret(env) ? ['DATA_KEY: same as a SECRET_KEY'] : []),
  ]
  if (!vars.success || faults.length > 0) return { faults }
  return {
    settings: {
      tokenIssuer: vars.data.TOKEN_ISSUER,
      tokenAudience: vars.data.TOKEN_AUDIENCE,
      shopName: vars.data.SHOP_NAME,
      passwordMinLength: vars.data.PASSWORD_MIN_LENGTH,
      freshAuthSeconds: vars.data.FRESH_AUTH_SECONDS,
      allowedOrigins: vars.data.ALLOWED_ORIGINS,
      secretKeys: secretKeys.keys,
      dataKeys: dataKeys.keys,
    },
  }
}

/** `NAME`, `NAME_2`, `NAME_3` …: the number orders them; at least one must be there. */
function secretNames(env: Record<string, unknown>, name: string): string[] {
  const number = (key: string) => Number(key.slice(name.length + 1) || '1')
  const names = Object.keys(env).filter((key) => key === name || new RegExp(`^${name}_[1-9]\\d*$`).test(key))
  return names.length > 0 ? names.sort((a, b) => number(a) - number(b)) : [name]
}

function readSecrets(env: Record<string, unknown>, name: string) {
  const keys: Uint8Array<ArrayBuffer>[] = []
  const names = secretNames(env, name)
  // `SECRET_KEY_02` would be ignored, and its owner would believe the key to be rotated.
  const misnamed = Object.keys(env).filter((key) => key.startsWith(`${name}_`) && !names.includes(key))
  const faults = misnamed.map((key) => `${key}: not a name of a key, expected ${name}_2, ${name}_3 …`)
  for (const key of names) {
    const decoded = decodeSecret(env[key])
    if ('bytes' in decoded) keys.push(decoded.bytes)
    else faults.push(`${key}: ${decoded.fault}`)
  }
  return { keys, faults }
}

function sharesSecret(env: Record<string, unknown>): boolean {
  const signing = new Set(secretNames(env, 'SECRET_KEY').map((name) => env[name]))
  return secretNames(env, 'DATA_KEY').some((name) => env[name] !== undefined && signing.has(env[name]))
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text
}
