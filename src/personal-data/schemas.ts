/** What is held about a person, as it is shown to that person. */
import * as z from 'zod'
import { roleSchema } from '../access/schemas.ts'
import { ACCOUNT_STATUSES } from '../accounts/tables.ts'
import { API_TOKEN_EXAMPLE, apiTokenSchema } from '../api-tokens/schemas.ts'
import { auditOutcome } from '../audit/schemas.ts'
import { FACTOR_METHODS } from '../mfa/tables.ts'
import { LINK_PURPOSES } from '../notices/tables.ts'
import { messageSchema } from '../outbox/schemas.ts'
import { once } from '../platform/once.ts'
import { TICKET_EXAMPLE, ticketSchema } from '../service-tickets/schemas.ts'

const time = once(() => z.iso.datetime())
const text = once(() => z.string().nullable())

// Not `nullable()`: the document would then have the list twice, without its name.
const involved = once(() => z.union([z.enum(['you', 'somebody']).meta({ id: 'Involved' }), z.null()]))

const sections = {
  profile: () =>
    z.object({
      id: z.int(),
      role: roleSchema,
      status: z.enum(ACCOUNT_STATUSES),
      email: z.string(),
      email_verified_at: time().nullable(),
      verified_email: text().meta({ description: 'The last one that was, as long as `email` is not' }),
      first_name: z.string(),
      last_name: z.string(),
      phone_number: text(),
      password_changed_at: time().nullable(),
      created_at: time(),
      updated_at: time(),
    }),
  mechanic: () =>
    z.object({
      id: z.int(),
      name: z.string(),
      email: z.string(),
      phone: text(),
      salary: z.number().nullable(),
      created_at: time(),
      updated_at: time(),
    }),
  sessions: () =>
    z.object({
      id: z.string(),
      current: z.boolean(),
      created_at: time(),
      authenticated_at: time().nullable(),
      expires_at: time(),
      refreshed: z.int().meta({ description: 'How often' }),
      refreshed_at: time().nullable(),
      last_seen_at: time().nullable(),
      ip: text(),
      country: text(),
      city: text(),
      user_agent: text(),
      methods: z.array(z.string()),
      device_id: text(),
    }),
  devices: () =>
    z.object({
      id: z.string(),
      name: text(),
      browser: text(),
      os: text(),
      ip: text(),
      country: text(),
      city: text(),
      network: text(),
      known: z.boolean().meta({ description: 'Whether there is a device token of it' }),
      trusted_until: time()
        .nullable()
        .meta({ description: 'Until then it is not asked for the second factor' }),
      first_seen_at: time(),
      last_seen_at: time(),
    }),
  countries: () => z.object({ country: z.string(), first_seen_at: time() }),
  factors: () =>
    z.object({
      id: z.string(),
      method: z.enum(FACTOR_METHODS),
      offered_at: time(),
      confirmed_at: time().nullable().meta({ description: 'null: it does not count yet' }),
      phone_number: text(),
      last_code_of: time()
        .nullable()
        .meta({ description: 'Of which half minute a code of an app was used last' }),
    }),
  recoveryCodes: () => z.object({ created_at: time(), left: z.int() }),
  links: () =>
    z.object({
      purpose: z.string(),
      email: text().meta({ description: 'To which it was sent, as addresses are compared' }),
      created_at: time(),
      expires_at: time(),
    }),
  mailLinks: () =>
    z.object({
      purpose: z.enum(LINK_PURPOSES),
      email: text().meta({ description: 'Which the link confirms or brings back' }),
      verified_at: time()
        .nullable()
        .meta({ description: 'Since when the address that followed it is verified' }),
      created_at: time(),
      expires_at: time(),
    }),
  failureCounts: () =>
    z.object({
      counted_on: z.string().meta({ description: 'The account, or one of its devices or sessions' }),
      failures: z.int(),
      last_failed_at: time(),
    }),
  events: () =>
    z.object({
      id: z.string(),
      time: time(),
      event: z.string(),
      outcome: auditOutcome(),
      reason: text(),
      by: involved().meta({ description: 'null: not known' }),
      about: involved().meta({ description: 'null: no person' }),
      session_id: text().meta({ description: 'null where it is somebody’s' }),
      address: text().meta({ description: 'Of what you did; so are user_agent and request_id' }),
      user_agent: text(),
      request_id: text(),
      details: z
        .record(z.string(), z.unknown())
        .nullable()
        .meta({ description: 'null where it is about somebody' }),
      repeats: z.int().meta({ description: 'How often a grouped refusal happened; counts are kept 30 days' }),
    }),
}

export const personalDataSchema = once(() =>
  z
    .object({
      exported_at: time(),
      profile: sections.profile(),
      mechanic: z
        .union([sections.mechanic(), z.null()])
        .meta({ description: 'Of the shop, if the account is one’s' }),
      sessions: z.array(sections.sessions()),
      devices: z.array(sections.devices()),
      countries: z.array(sections.countries()).meta({ description: 'From where the account has signed in' }),
      api_tokens: z.array(apiTokenSchema()),
      factors: z.array(sections.factors()).meta({ description: 'Second factors, never their secrets' }),
      recovery_codes: z.array(sections.recoveryCodes()),
      links: z.array(sections.links()).meta({ description: 'One-time links that have not been used' }),
      mail_links: z
        .array(sections.mailLinks())
        .meta({ description: 'The same, of those that set no password' }),
      failure_counts: z
        .array(sections.failureCounts())
        .meta({ description: 'How often in a row a password was wrong' }),
      tickets: z.array(ticketSchema()),
      messages: z.array(messageSchema()).meta({ description: 'Newest first; not what they said' }),
      events: z.array(sections.events()).meta({
        description: 'What you did and what was done to you, oldest first; this export is the last',
      }),
    })
    .meta({ id: 'PersonalData' }),
)

export type PersonalData = z.infer<ReturnType<typeof personalDataSchema>>

export const PERSONAL_DATA_EXAMPLE = {
  exported_at: '2026-01-15T10:00:00.000Z',
  profile: {
    id: 1,
    role: 'customer',
    status: 'active',
    email: 'john@example.com',
    email_verified_at: null,
    verified_email: null,
    first_name: 'John',
    last_name: 'Doe',
    phone_number: '555-0123',
    password_changed_at: '2026-01-10T08:30:00.000Z',
    created_at: '2026-01-10T08:30:00.000Z',
    updated_at: '2026-01-10T08:30:00.000Z',
  },
  mechanic: null,
  sessions: [],
  devices: [],
  countries: [{ country: 'DE', first_seen_at: '2026-01-10T08:31:00.000Z' }],
  api_tokens: [API_TOKEN_EXAMPLE],
  factors: [],
  recovery_codes: [],
  links: [],
  mail_links: [],
  failure_counts: [],
  tickets: [TICKET_EXAMPLE],
  messages: [],
  events: [
    {
      id: 'rT5yU7iO9pA1sD3fG5hJ7k',
      time: '2026-01-15T10:00:00.000Z',
      event: 'account.exported',
      outcome: 'success',
      reason: null,
      by: 'you',
      about: 'you',
      session_id: 'kQ3vX0cYw2mJm0l8s5q7Fg',
      address: '203.0.113.7',
      user_agent: 'Workshop tablet',
      request_id: 'Zr1uB8n4T0aD6eHc2yWk9w',
      details: {},
      repeats: 0,
    },
  ],
}
