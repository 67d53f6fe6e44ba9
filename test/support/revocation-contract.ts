/**
 * The revocation contract, a line for each way in which a session ends. The tests run every line, and
 * docs/revocation.md is made from it; so this file has no import that only the Workers runtime knows.
 */
export interface Revocation {
  readonly what: string
  /** What does it. */
  readonly by: string
  /** Which sessions end. */
  readonly ends: string
  /** What an access token answers from then on; a refresh token answers `invalid_refresh_token`. */
  readonly answer: 'invalid_token' | 'invalid_customer'
  /** By which a session must be held for it to happen; by either, if left out. */
  readonly holders?: readonly string[]
}

export const REVOCATIONS = {
  logout: {
    what: 'Sign out',
    by: '`POST /auth/logout`',
    ends: 'this session',
    answer: 'invalid_token',
  },
  endOne: {
    what: 'End one session',
    by: '`DELETE /auth/sessions/{id}`',
    ends: 'that session',
    answer: 'invalid_token',
  },
  endOthers: {
    what: 'Sign out everywhere else',
    by: '`DELETE /auth/sessions`',
    ends: 'every session but this one',
    answer: 'invalid_token',
  },
  forgetDevice: {
    what: 'Forget a device',
    by: '`DELETE /auth/devices/{id}`',
    ends: 'every session that was opened on it',
    answer: 'invalid_token',
  },
  newPassword: {
    what: 'A new password',
    by: '`POST /auth/password/change`, `PATCH /auth/me`, `PUT /customers/{id}`',
    ends: 'every session but this one',
    answer: 'invalid_token',
  },
  reset: {
    what: 'A password reset',
    by: '`POST /auth/password/reset`',
    ends: 'every session',
    answer: 'invalid_token',
  },
  disowned: {
    what: '“This was not me”, from a notice',
    by: '`POST /auth/not-me`',
    ends: 'every session',
    answer: 'invalid_token',
  },
  undone: {
    what: 'A change of address that is undone',
    by: '`POST /auth/email/undo`',
    ends: 'every session',
    answer: 'invalid_token',
  },
  factorAdded: {
    what: 'A second factor that is added, or takes the place of another',
    by: '`POST /auth/mfa/totp/confirm`, `POST /auth/mfa/sms/confirm`',
    ends: 'every session but this one',
    answer: 'invalid_token',
  },
  factorRemoved: {
    what: 'A second factor that is removed',
    by: '`DELETE /auth/mfa/totp`, `DELETE /auth/mfa/sms`',
    ends: 'every session but this one',
    answer: 'invalid_token',
  },
  reuse: {
    what: 'A spent refresh token comes back after its grace time',
    by: '`POST /auth/refresh`',
    ends: 'that session, for whoever holds it',
    answer: 'invalid_token',
  },
  tooMany: {
    what: 'One session more than an account may have',
    by: 'any sign-in',
    ends: 'the session that was used longest ago',
    answer: 'invalid_token',
  },
  replaced: {
    what: 'Sign in again in the same browser, by cookies, as the same person',
    by: '`POST /auth/login`',
    ends: 'the session that the browser had',
    answer: 'invalid_token',
    holders: ['cookies'],
  },
  role: {
    what: 'A changed role',
    by: 'the database, whoever changes it',
    ends: 'every session',
    answer: 'invalid_token',
  },
  suspension: {
    what: 'A suspension; lifting it revives nothing',
    by: 'the database, whoever changes it',
    ends: 'every session',
    answer: 'invalid_token',
  },
  roleByAdmin: {
    what: 'An admin changes the role',
    by: '`PATCH /admin/accounts/{id}`',
    ends: 'every session',
    answer: 'invalid_token',
  },
  suspensionByAdmin: {
    what: 'An admin suspends the account; lifting it revives nothing',
    by: '`PATCH /admin/accounts/{id}`',
    ends: 'every session',
    answer: 'invalid_token',
  },
  factorReset: {
    what: 'An admin removes the second factors',
    by: '`POST /admin/accounts/{id}/reset-mfa`',
    ends: 'every session',
    answer: 'invalid_token',
  },
  endByAdmin: {
    what: 'An admin signs the account out',
    by: '`POST /admin/accounts/{id}/revoke-sessions`',
    ends: 'every session',
    answer: 'invalid_token',
  },
  deletionByAdmin: {
    what: 'An admin deletes the account',
    by: '`DELETE /admin/accounts/{id}`',
    ends: 'every session',
    answer: 'invalid_customer',
  },
  deletion: {
    what: 'Deletion of the account',
    by: '`DELETE /customers/{id}`',
    ends: 'every session',
    answer: 'invalid_customer',
  },
} as const satisfies Record<string, Revocation>

export type RevocationName = keyof typeof REVOCATIONS

/** docs/revocation.md, whole. */
export function revocationDocument(): string {
  const rows = Object.values(REVOCATIONS).map(
    ({ what, by, ends, answer }) => `| ${what} | ${by} | ${ends} | 401 \`${answer}\` |`,
  )
  return `# What ends a session, and how soon

After the answer to any of these, the very next request with an old token is refused, whatever edge location or isolate it reaches: with
the access token, with the refresh token (401 \`invalid_refresh_token\`), and with either in a cookie.

| what | by | ends | an access token then answers |
|---|---|---|---|
${rows.join('\n')}

Why it holds: a session is a row in D1, ending it deletes the row, and every request reads it. KV only speeds up a "no": a mark says that a session has
ended, lives as long as its access tokens, and spares the next request its wait for D1. So nothing here depends on KV. Each line is a test
(\`test/contract/revocation.test.ts\`) that runs three times: with KV as it should be, with a location that still serves what KV said a minute ago, and with KV
down. With D1 down there is no yes at all: a request is refused by a mark, or answered 503.

API tokens are no sessions and outlive them, but for “this was not me” and an undone change of address, which end all of them. One that is revoked or has expired, or
whose owner is suspended or deleted, is refused at the very next request as well; a changed role narrows it at once (\`test/threats/api-tokens.test.ts\`).

This file is made from the list that the test runs: \`npx vitest run --project node test/node/revocation-document.test.ts -u\`.
`
}
