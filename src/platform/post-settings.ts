/** The settings of mail and SMS. None is needed to serve: what cannot be sent waits in the outbox, and is told. */
import * as z from 'zod'
import { isLoopback } from './loopback.ts'
import { isCountry } from './phone-number.ts'

/** An address as a mail's sender has it: plain, for the name beside it is the shop's. */
const ADDRESS = /^[\w.+-]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i

/** E.164, or the id of a messaging service. */
const SMS_SENDER = /^(?:\+[1-9]\d{6,14}|MG[0-9a-f]{32})$/

const unset = z.literal('').transform(() => undefined)

export const postVariables = {
  APP_URL: z
    .string()
    .refine((text) => URL.canParse(text) && new URL(text).origin === text && isSafeToLink(new URL(text)))
    .or(unset)
    .optional(),
  MAIL_FROM: z.string().max(254).regex(ADDRESS).or(unset).optional(),
  SMS_PROVIDER: z.enum(['none', 'log', 'twilio']).default('none'),
  TWILIO_ACCOUNT_SID: z
    .string()
    .regex(/^AC[0-9a-f]{32}$/)
    .or(unset)
    .optional(),
  TWILIO_AUTH_TOKEN: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .or(unset)
    .optional(),
  TWILIO_FROM: z.string().regex(SMS_SENDER).or(unset).optional(),
  SMS_COUNTRIES: z
    .string()
    .default('')
    .transform((list) => list.split(',').flatMap((country) => country.trim() || []))
    .refine((countries) => countries.every(isCountry)),
}

type PostVariables = z.output<z.ZodObject<typeof postVariables>>

export interface PostSettings {
  /** The origin that links in mails lead to; it never comes from a request. Undefined: no mail is sent. */
  readonly appUrl: string | undefined
  /** Undefined: no mail is sent. */
  readonly mailFrom: string | undefined
  /** How an SMS is sent: by Twilio, into the log (of a Worker on this machine only), or not at all. */
  readonly smsProvider: 'none' | 'log' | 'twilio'
  readonly twilioAccountSid: string | undefined
  readonly twilioAuthToken: string | undefined
  readonly twilioFrom: string | undefined
  /** To whose numbers an SMS is sent, by the codes of ISO 3166. None: no SMS is a second factor. */
  readonly smsCountries: readonly string[]
}

/** What is wrong with them together. */
export function findPostFaults(vars: PostVariables): string[] {
  // Whoever reads the log would read the codes: nobody but the one who works on this machine may.
  const isHere = vars.APP_URL !== undefined && isLoopback(new URL(vars.APP_URL).hostname)
  if (vars.SMS_PROVIDER === 'log' && !isHere) return ['SMS_PROVIDER: log needs an APP_URL of this machine']
  if (vars.SMS_PROVIDER !== 'twilio') return []
  const needed = ['TWILIO_ACCOUNT_SID', 'TWILIO_AUTH_TOKEN', 'TWILIO_FROM'] as const
  return needed.filter((name) => vars[name] === undefined).map((name) => `${name}: missing`)
}

export function readPost(vars: PostVariables): PostSettings {
  return {
    appUrl: vars.APP_URL,
    mailFrom: vars.MAIL_FROM,
    smsProvider: vars.SMS_PROVIDER,
    twilioAccountSid: vars.TWILIO_ACCOUNT_SID,
    twilioAuthToken: vars.TWILIO_AUTH_TOKEN,
    twilioFrom: vars.TWILIO_FROM,
    smsCountries: vars.SMS_COUNTRIES,
  }
}

function isSafeToLink({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}
