/**
 * Every variable, secret and binding, read once and checked. Defaults live here only (and, as
 * comments, in wrangler.toml). No other file reads a variable or a secret.
 */
import * as z from 'zod'
import { decodeSecret } from '../crypto/secret.ts'
import { findPostFaults, type PostSettings, postVariables, readPost } from './post-settings.ts'

export interface Env {
  DB: D1Database
  KV: KVNamespace
  SIGN_IN_RING: RateLimit
  REGISTRATION_RING: RateLimit
  /** Mail can be sent only where there is one. */
  EMAIL?: SendEmail | undefined
  [name: string]: unknown
}

/** A variable is text; an empty one is a mistake, not a zero. One step, for each is made at every start. */
const wholeNumber = (min: number, max: number, fallback: number) =>
  z
    .string()
    .transform((text, context) => {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
      if (value >= min && value <= max) return value
      context.addIssue({ code: 'custom' })
      return z.NEVER
    })
    .default(fallback)

/** The waits between attempts, in minutes, growing. */
const minutesList = (fallback: number[]) =>
  z
    .string()
    .regex(/^[1-9]\d{0,3}(,[1-9]\d{0,3}){0,19}$/)
    .transform((list) => list.split(',').map(Number))
    .refine((minutes) => minutes.every((one, i) => one >= (minutes[i - 1] ?? 0)))
    .default(fallback)

/** A claim's text: short enough that no token gets longer than what is accepted back. */
const claimText = (fallback: string) =>
  z
    .string()
    .regex(/^[\x20-\x7e]{1,128}$/)
    .default(fallback)

const variables = z.object({
  ...postVariables,
  TOKEN_ISSUER: claimText('mechanic-shop-api'),
  TOKEN_AUDIENCE: claimText('mechanic-shop'),
  SHOP_NAME: z.string().min(1).default('Mechanic Shop'),
  PASSWORD_MIN_LENGTH: wholeNumber(6, 64, 6),
  FRESH_AUTH_SECONDS: wholeNumber(0, 86_400, 600),
  KEY_MAX_AGE_DAYS: wholeNumber(1, 3_650, 90),
  // A typing error must not empty the log: less than a month is refused, but for 0.
  AUDIT_RETENTION_DAYS: wholeNumber(0, 3_650, 400).refine((days) => days === 0 || days >= 30),
  REGISTRATION: z.enum(['open', 'private']).default('open'),
  REGISTRATIONS_PER_MINUTE: wholeNumber(1, 1_000, 5),
  SIGN_IN_ADDRESS_FAILURES: wholeNumber(1, 1_000, 20),
  SIGN_IN_ADDRESS_SECONDS: wholeNumber(60, 3_600, 300),
  SIGN_IN_ACCOUNT_FAILURES: wholeNumber(1, 1_000, 5),
  SIGN_IN_WAIT_MINUTES: minutesList([1, 2, 4, 8, 15]),
  // NIST SP 800-63B-4 §3.2.2: at most 100.
  PASSWORD_MAX_FAILURES: wholeNumber(1, 100, 100),
  DEVICE_MAX_FAILURES: wholeNumber(1, 100, 20),
  SMS_DAILY_LIMIT: wholeNumber(1, 100_000, 200),
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
  EMAIL: z.custom<SendEmail>((value) => typeof value === 'object' && value !== null).optional(),
})

/** A secret and the variable that it stands in. */
export interface NamedSecret {
  readonly name: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

export interface Settings extends PostSettings {
  readonly tokenIssuer: string
  readonly tokenAudience: string
  readonly shopName: string
  /** In code points. */
  readonly passwordMinLength: number
  /** How long after a sign-in it counts as fresh, in seconds. */
  readonly freshAuthSeconds: number
  /** How old the key that makes new values may get before the cron asks for a newer one. */
  readonly keyMaxAgeDays: number
  /** How long audit events are kept; 0 is for ever. */
  readonly auditRetentionDays: number
  /** Whether registration keeps to itself which addresses have accounts. */
  readonly registration: 'open' | 'private'
  /** Of one address. */
  readonly registrationsPerMinute: number
  readonly signInAddressFailures: number
  /** The window in which they count. */
  readonly signInAddressSeconds: number
  /** In a row, before there is a wait. */
  readonly signInAccountFailures: number
  readonly signInWaitMinutes: readonly number[]
  /** In a row, until the password is disabled. */
  readonly passwordMaxFailures: number
  /** In a row, until a device is not known any more. */
  readonly deviceMaxFailures: number
  /** So many SMS are sent in a day, of UTC, to all people together. */
  readonly smsDailyLimit: number
  /** Exact origins that may call from a browser. */
  readonly allowedOrigins: readonly string[]
  /** Signing secrets, oldest first. */
  readonly secretKeys: readonly NamedSecret[]
  /** Data secrets, oldest first. */
  readonly dataKeys: readonly NamedSecret[]
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
  const secretKeys = readSecrets(env, KEY_RINGS.secret)
  const dataKeys = readSecrets(env, KEY_RINGS.data)
  const faults = [
    ...[...(vars.error?.issues ?? []), ...(bound.error?.issues ?? [])].map(
      (issue) => `${String(issue.path[0])}: not valid`,
    ),
    ...secretKeys.faults,
    ...dataKeys.faults,
    ...(vars.success ? findPostFaults(vars.data) : []),
    ...(sharesSecret(env) ? ['DATA_KEY: same as a SECRET_KEY'] : []),
  ]
  if (!vars.success || faults.length > 0) return { faults }
  return {
    settings: {
      ...readPost(vars.data),
      tokenIssuer: vars.data.TOKEN_ISSUER,
      tokenAudience: vars.data.TOKEN_AUDIENCE,
      shopName: vars.data.SHOP_NAME,
      passwordMinLength: vars.data.PASSWORD_MIN_LENGTH,
      freshAuthSeconds: vars.data.FRESH_AUTH_SECONDS,
      keyMaxAgeDays: vars.data.KEY_MAX_AGE_DAYS,
      auditRetentionDays: vars.data.AUDIT_RETENTION_DAYS,
      registration: vars.data.REGISTRATION,
      registrationsPerMinute: vars.data.REGISTRATIONS_PER_MINUTE,
      signInAddressFailures: vars.data.SIGN_IN_ADDRESS_FAILURES,
      signInAddressSeconds: vars.data.SIGN_IN_ADDRESS_SECONDS,
      signInAccountFailures: vars.data.SIGN_IN_ACCOUNT_FAILURES,
      signInWaitMinutes: vars.data.SIGN_IN_WAIT_MINUTES,
      passwordMaxFailures: vars.data.PASSWORD_MAX_FAILURES,
      deviceMaxFailures: vars.data.DEVICE_MAX_FAILURES,
      smsDailyLimit: vars.data.SMS_DAILY_LIMIT,
      allowedOrigins: vars.data.ALLOWED_ORIGINS,
      secretKeys: secretKeys.keys,
      dataKeys: dataKeys.keys,
    },
  }
}

/** The rings of keys, by the name of their first key. */
export const KEY_RINGS = { secret: 'SECRET_KEY', data: 'DATA_KEY' } as const

/** `NAME` is key 1 of its ring, `NAME_2` key 2 and so on; undefined for any other name. */
export function readKeyNumber(ringName: string, name: string): number | undefined {
  if (name === ringName) return 1
  const [, digits] = new RegExp(`^${ringName}_([1-9]\\d{0,8})$`).exec(name) ?? []
  return digits === undefined || digits === '1' ? undefined : Number(digits)
}

/** The keys of a ring among these names, oldest first: the number orders them, as a number. */
export function listKeyNames(ringName: string, present: readonly string[]): string[] {
  const number = (name: string) => readKeyNumber(ringName, name) ?? 0
  return present.filter((name) => number(name) > 0).sort((a, b) => number(a) - number(b))
}

function secretNames(env: Record<string, unknown>, name: string): string[] {
  const names = listKeyNames(name, Object.keys(env))
  return names.length > 0 ? names : [name]
}

function readSecrets(env: Record<string, unknown>, name: string) {
  const keys: NamedSecret[] = []
  const names = secretNames(env, name)
  // `SECRET_KEY_02` would be ignored, and its owner would believe the key to be rotated.
  const misnamed = Object.keys(env).filter((key) => key.startsWith(`${name}_`) && !names.includes(key))
  const faults = misnamed.map((key) => `${key}: not a name of a key, expected ${name}_2, ${name}_3 …`)
  for (const key of names) {
    const decoded = decodeSecret(env[key])
    if ('bytes' in decoded) keys.push({ name: key, bytes: decoded.bytes })
    else faults.push(`${key}: ${decoded.fault}`)
  }
  // One key under two names: its owner would believe it to be rotated, and to be gone with one of them.
  const repeated = names.filter(
    (key, i) => env[key] !== undefined && names.findIndex((n) => env[n] === env[key]) < i,
  )
  faults.push(...repeated.map((key) => `${key}: same as an older ${name}`))
  return { keys, faults }
}

function sharesSecret(env: Record<string, unknown>): boolean {
  const signing = new Set(secretNames(env, KEY_RINGS.secret).map((name) => env[name]))
  return secretNames(env, KEY_RINGS.data).some((name) => env[name] !== undefined && signing.has(env[name]))
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text
}
