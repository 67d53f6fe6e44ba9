/** The part of the catalogue that is about who is asking, and what they may: 401 and 403. */
import type { ProblemKind } from './problem-kind.ts'

export const ACCESS_PROBLEMS = {
  token_missing: {
    status: 401,
    title: 'Token is missing', // kept
    detail: 'Please provide a valid authorization token', // kept
    explanation: 'This path needs an access token in the header `Authorization: Bearer <token>`.',
  },
  authorization_header_malformed: {
    status: 401,
    title: 'Invalid authorization header format', // kept
    detail: 'Expected format: Bearer <token>', // kept
    explanation:
      'The Authorization header holds no token. The form is `Bearer`, one blank, the token, and nothing after it.',
  },
  invalid_token: {
    status: 401,
    title: 'Token validation failed', // kept
    detail: 'Invalid token', // kept
    explanation:
      'The token is not one of this service, was changed, or its session has ended. Sign in again.',
  },
  token_expired: {
    status: 401,
    title: 'Token validation failed', // kept
    detail: 'Token has expired', // kept
    explanation:
      'An access token lives for 24 hours: sign in again. An API token lives as long as was chosen: make another.',
  },
  invalid_refresh_token: {
    status: 401,
    title: 'Invalid refresh token',
    detail: 'The refresh token is unknown, expired or was used before; please sign in again',
    explanation:
      'A refresh token works once. Keep the new one of each answer; a spent one that comes back later ends its session.',
  },
  invalid_customer: {
    status: 401,
    title: 'Invalid customer', // kept
    detail: 'Customer associated with token not found', // kept
    explanation: 'The token is genuine, but its account has been deleted.',
  },
  invalid_credentials: {
    status: 401,
    title: 'Invalid credentials', // kept
    detail: 'Email or password is incorrect', // kept
    explanation:
      'The e-mail address and password do not belong together. The answer is the same whether or not the account exists.',
  },
  mfa_required: {
    status: 401,
    title: 'Second factor required',
    detail: 'Send the mfa_token of this answer with a code to /auth/mfa/verify',
    explanation:
      'The first factor was right, and the account has a second one. `mfa_token` is good for ten minutes, for one sign-in and for nothing but POST /auth/mfa/verify; `methods` lists what can be proved there.',
  },
  mfa_token_invalid: {
    status: 401,
    title: 'MFA token not valid',
    detail: 'This sign-in was completed, has expired or had too many wrong codes; please sign in again',
    explanation:
      'An `mfa_token` works once, for ten minutes and five wrong codes, and ends with a new password. Begin with the sign-in again.',
  },
  factor_code_missing: {
    status: 401,
    title: 'Code of the second factor missing',
    detail: 'Send the same again with `method` and `code` of your second factor',
    explanation:
      'The link is right and stays good, and the account has a second factor: a mailbox alone is not enough. `methods` lists what can be proved, by `method` and `code` in the same request.',
  },
  factor_code_invalid: {
    status: 401,
    title: 'Code not valid',
    detail: 'The code is wrong, was used before, or is not the present one',
    explanation:
      'A code of an app counts for its thirty seconds and those before and after, and once. A code by SMS counts for ten minutes, once, and for what it was asked for; a newer one takes its place. A recovery code works once. After a hundred wrong codes in a row those of app and SMS count no more; a recovery code still does.',
  },
  reauthentication_required: {
    status: 401,
    title: 'Fresh authentication required',
    detail:
      'Sign in again, confirm your password at /auth/step-up, or send it as current_password in the same request',
    explanation:
      'Changing a password or an e-mail address and deleting an account need a recent sign-in or the current password. Making an API token, exporting what is held about oneself, changing a second factor and changing other people’s accounts need a recent sign-in or step-up. Whoever has a second factor steps up with that: the password alone is not enough then.',
  },
  forbidden: {
    status: 403,
    title: 'Unauthorized', // kept
    explanation:
      'You are signed in, but may not do this. A missing permission is named in the WWW-Authenticate header.',
  },
  session_required: {
    status: 403,
    title: 'Session required',
    detail: 'An API token cannot do this; please sign in',
    explanation:
      'Credentials, sessions, devices and API tokens are for a person who has signed in, whatever the scopes of an API token.',
  },
  email_unverified: {
    status: 403,
    title: 'E-mail address not verified',
    detail: 'Verify your e-mail address first',
    explanation:
      'A telephone number becomes a second factor only for an account whose e-mail address has been verified.',
  },
  csrf_failed: {
    status: 403,
    title: 'Cross-site request refused',
    detail: 'Send this from a page of the same origin, with the X-CSRF-Token of GET /auth/csrf',
    explanation:
      'Cookies come along with requests that other sites begin. So a request that relies on them and changes something must come from a page of this origin (Origin, Sec-Fetch-Site) and carry the CSRF token of its session.',
  },
  account_suspended: {
    status: 403,
    title: 'Account suspended',
    detail: 'Please contact the shop',
    explanation: 'The password is right, but the shop has suspended the account.',
  },
} as const satisfies Record<string, ProblemKind>
