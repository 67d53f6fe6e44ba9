/**
 * Every way this API says no. A code is permanent: never renamed, never given another meaning.
 * `title` and `detail` are what the client reads; `explanation` is what GET /problems/{code} adds.
 * The texts marked "kept" are those of the service this one replaces; its clients compare them.
 */
import { ACCESS_PROBLEMS } from './access-problems.ts'
import type { ProblemKind } from './problem-kind.ts'
import { SHOP_PROBLEMS } from './shop-problems.ts'

export const PROBLEMS = {
  ...SHOP_PROBLEMS,
  malformed_json: {
    status: 400,
    title: 'Malformed JSON',
    detail: 'The request body is not valid JSON in UTF-8',
    explanation:
      'The body could not be parsed. Send one JSON object, encoded as UTF-8 without a byte order mark, that names no member twice.',
  },
  input_missing: {
    status: 400,
    title: 'No input data provided', // kept
    explanation: 'The body is empty, or an empty object, where at least one field is needed.',
  },
  validation_failed: {
    status: 400,
    title: 'Validation failed',
    explanation:
      'One or more fields are not acceptable. `errors` maps each field to its messages; all faults are told at once.',
  },
  email_taken: {
    status: 400,
    title: 'Email already associated with another account', // kept
    explanation:
      'Another account holds this e-mail address, perhaps in another spelling of the same address.',
  },
  link_token_invalid: {
    status: 400,
    title: 'Link not valid',
    detail: 'This link has been used, has expired or was never valid',
    explanation:
      'One-time links work once and for a limited time, and only the newest one counts. Ask for a new one.',
  },
  account_unknown: {
    status: 400,
    title: 'Account not found',
    explanation: 'The `account_id` in the body names no account.',
  },
  sort_field_invalid: {
    status: 400,
    title: 'Invalid sort field', // kept
    detail: 'This list cannot be sorted by that field',
    explanation: 'A list can be sorted by the fields that its description names. `errors` tells every fault.',
  },
  order_invalid: {
    status: 400,
    title: 'Invalid order', // kept
    detail: 'The order is asc or desc',
    explanation: 'A list can be sorted ascending (`asc`) or descending (`desc`). `errors` tells every fault.',
  },
  ...ACCESS_PROBLEMS,
  https_required: {
    status: 403,
    title: 'HTTPS required',
    detail: 'Use https: a token or password sent over plain http can be read on the way',
    explanation:
      'Plain http is answered for loopback addresses only, and never redirected: the secret has already been sent.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    explanation: 'No such path. GET / lists where to begin and /openapi.json describes every path.',
  },
  customer_not_found: {
    status: 404,
    title: 'Customer not found', // kept
    explanation: 'No customer has this id.',
  },
  account_not_found: {
    status: 404,
    title: 'Account not found',
    explanation: 'No account has this id. GET /admin/accounts lists the ones there are.',
  },
  session_not_found: {
    status: 404,
    title: 'Session not found',
    explanation: 'You have no live session with this id.',
  },
  device_not_found: {
    status: 404,
    title: 'Device not found',
    explanation: 'You have no device with this id. GET /auth/devices lists the ones there are.',
  },
  factor_not_found: {
    status: 404,
    title: 'Second factor not found',
    explanation:
      'You have no such second factor, or none on offer that could be confirmed. An offer is good for an hour. To a number that too many wrong codes have disabled no code is sent.',
  },
  api_token_not_found: {
    status: 404,
    title: 'API token not found',
    explanation: 'You have no API token with this id. GET /auth/tokens lists the ones there are.',
  },
  message_not_found: {
    status: 404,
    title: 'Message not found',
    explanation: 'The outbox has no message with this id. Messages that are done with go after 30 days.',
  },
  problem_not_found: {
    status: 404,
    title: 'Problem not found',
    explanation: 'No problem has this code.',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    explanation: 'The path exists, but not with this method. The Allow header lists those it has.',
  },
  request_timeout: {
    status: 408,
    title: 'Request timeout',
    detail: 'The request body did not arrive in time',
    explanation: 'The body must have arrived within 15 seconds.',
  },
  api_token_limit_reached: {
    status: 409,
    title: 'Too many API tokens',
    detail: 'Revoke one that is not needed any more',
    explanation: 'An account has 20 API tokens at most that have not expired.',
  },
  former_email_taken: {
    status: 409,
    title: 'Former address taken',
    detail: 'Another account has this address now; change or delete that one, then use the link again',
    explanation:
      'A change of address can be undone as long as no other account has the old address. The link stays good until it expires.',
  },
  message_not_resendable: {
    status: 409,
    title: 'Message cannot be sent again',
    detail: 'It has been sent, is being sent, or what it says has expired',
    explanation:
      'Only a message that has not been sent can be sent again, and only while its link or code is good: what it said is wiped then.',
  },
  last_admin_protected: {
    status: 409,
    title: 'Last active admin',
    detail: 'No active admin would be left',
    explanation:
      'The last active admin cannot be demoted, suspended or deleted. Who has been invited and has not chosen a password yet does not count.',
  },
  payload_too_large: {
    status: 413,
    title: 'Payload too large',
    detail: 'A request body may hold at most 64 KiB',
    explanation: 'The body is larger than 65,536 bytes.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    detail: 'Send the body as application/json',
    explanation: 'Bodies are accepted as application/json in UTF-8 only.',
  },
  too_many_requests: {
    status: 429,
    title: 'Too many requests',
    detail: 'Please wait and try again',
    explanation:
      'Too many attempts from this address, or at this account. Retry-After says how many seconds to wait.',
  },
  internal_error: {
    status: 500,
    title: 'Internal server error',
    detail: 'Something went wrong on our side',
    explanation: 'A fault of this service. Quote the request_id when you report it.',
  },
  misconfigured: {
    status: 503,
    title: 'Service misconfigured',
    detail: 'The service is not set up correctly; its log names the setting',
    explanation:
      'A secret or setting is missing or unsafe, so the service refuses to work. Its log names the setting.',
  },
  unavailable: {
    status: 503,
    title: 'Service unavailable',
    detail: 'A part of the service does not answer; please try again',
    explanation: 'The database does not answer. Nothing is lost; Retry-After says how many seconds to wait.',
  },
  sign_in_busy: {
    status: 503,
    title: 'Too many sign-ins at once',
    detail: 'Please try again in a moment',
    explanation:
      'Passwords are checked one at a time and the queue is full. Retry-After says how many seconds to wait.',
  },
  sms_unavailable: {
    status: 503,
    title: 'No SMS is sent',
    detail: 'No SMS can be sent to this number now; please use another method',
    explanation:
      'This service sends no SMS, or none any more today, or none to the country of the number. An authenticator app and recovery codes need none.',
  },
  not_ready: {
    status: 503,
    title: 'Not ready',
    explanation: 'A part of the service does not answer or its schema is old. `errors` names the part.',
  },
} as const satisfies Record<string, ProblemKind>

export type ProblemCode = keyof typeof PROBLEMS

export const PROBLEM_CODES = Object.keys(PROBLEMS) as ProblemCode[]

export function problemKind(code: ProblemCode): ProblemKind {
  return PROBLEMS[code]
}

export function isProblemCode(text: string): text is ProblemCode {
  return Object.hasOwn(PROBLEMS, text)
}
