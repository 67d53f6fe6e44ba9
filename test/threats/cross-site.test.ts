/** Cookies: who may send what with them, what they look like, and what other sites are told. */
import { describe, expect, it } from 'vitest'
import { forgetMarks } from '../../src/sessions/blacklist.ts'
import { type Browser, browser } from '../support/browser.ts'
import { type Answer, anonymous, caller, customer, ORIGIN, PASSWORD, type Person } from '../support/client.ts'
import { undocumentedAnswers } from '../support/openapi.ts'
import { d1, passTime } from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'
import { testEnv } from '../support/test-env.ts'

const COOKIE_MODE = { 'X-Auth-Mode': 'cookie' }
const ACCESS = '__Host-access_token'
const REFRESH = '__Host-refresh_token'
const DEVICE = '__Host-device_token'

const said = ({ status, body }: Answer) => [status, body.code]
const REFUSED = [403, 'csrf_failed']
const REFRESH_REFUSED = [401, 'invalid_refresh_token']

async function signedInBrowser(): Promise<{ person: Person; tab: Browser; csrf: string }> {
  const person = await customer()
  const tab = browser()
  return { person, tab, csrf: await tab.signIn(person) }
}

const login = (tab: Browser, person: Person, headers: Record<string, string | undefined> = {}) =>
  tab.fetch(
    'POST',
    '/auth/login',
    { email: person.email, password: person.password },
    { ...COOKIE_MODE, ...headers },
  )

describe('S95: cookie mode', () => {
  it('S95: puts tokens into __Host- cookies that no script reads and no other site sends, and nowhere else', async () => {
    const person = await customer()
    const tab = browser()
    const answer = await login(tab, person)
    expect(Object.keys(answer.body).sort()).toEqual(['account', 'expires_in', 'message'])
    const lines = answer.headers.getSetCookie()
    expect(lines.map((line) => line.replace(/=[^;]+/, '=…'))).toEqual([
      `${ACCESS}=…; Max-Age=86400; Path=/; HttpOnly; Secure; SameSite=Strict`,
      `${REFRESH}=…; Max-Age=2592000; Path=/; HttpOnly; Secure; SameSite=Strict`,
      `${DEVICE}=…; Max-Age=15552000; Path=/; HttpOnly; Secure; SameSite=Strict`,
    ])
    for (const value of tab.cookies.values()) expect(answer.text).not.toContain(value)
    const me = await tab.fetch('GET', '/auth/me')
    expect([me.status, me.body.account.email]).toEqual([200, person.email])
  })

  it('S95: refreshes with an empty body, and gives the next pair in cookies only', async () => {
    const { tab, csrf } = await signedInBrowser()
    const before = new Map(tab.cookies)
    const answer = await tab.fetch('POST', '/auth/refresh', {}, { 'X-CSRF-Token': csrf })
    expect([answer.status, answer.body]).toEqual([200, { message: 'Session refreshed', expires_in: 86_400 }])
    expect(answer.headers.getSetCookie()).toHaveLength(2)
    for (const name of [ACCESS, REFRESH]) expect(tab.cookies.get(name)).not.toBe(before.get(name))
    expect(tab.cookies.get(DEVICE)).toBe(before.get(DEVICE))
    expect((await tab.fetch('GET', '/auth/me')).status).toBe(200)
  })

  it('S95: a logout ends both tokens and takes the cookies back by the same attributes', async () => {
    const { tab, csrf } = await signedInBrowser()
    const old = new Map(tab.cookies)
    const answer = await tab.fetch('POST', '/auth/logout', {}, { 'X-CSRF-Token': csrf })
    expect(answer.status).toBe(200)
    expect(answer.headers.getSetCookie()).toEqual([
      `${ACCESS}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict`,
      `${REFRESH}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict`,
    ])
    expect([...tab.cookies.keys()]).toEqual([DEVICE])
    forgetMarks()
    for (const [name, value] of old) tab.cookies.set(name, value)
    expect(said(await tab.fetch('GET', '/auth/me'))).toEqual([401, 'invalid_token'])
    const refreshed = await tab.fetch('POST', '/auth/refresh', {}, { 'X-CSRF-Token': csrf })
    expect(said(refreshed)).toEqual([401, 'invalid_refresh_token'])
  })

  it.each(['is gone', 'is still sent'])(
    'S49: a logout is one when the access token has expired and its cookie %s',
    async (what) => {
      const { person, tab, csrf } = await signedInBrowser()
      passTime(86_401)
      if (what === 'is gone') tab.cookies.delete(ACCESS)
      const refresh = String(tab.cookies.get(REFRESH))
      for (const headers of [{}, { 'X-CSRF-Token': csrf, Origin: 'https://evil.example' }]) {
        expect(said(await tab.fetch('POST', '/auth/logout', {}, headers))).toEqual(REFUSED)
      }
      const answer = await tab.fetch('POST', '/auth/logout', {}, { 'X-CSRF-Token': csrf })
      expect([answer.status, [...tab.cookies.keys()]]).toEqual([200, [DEVICE]])
      tab.cookies.set(REFRESH, refresh)
      const after = [
        await tab.fetch('POST', '/auth/refresh', {}, { 'X-CSRF-Token': csrf }),
        await tab.fetch('POST', '/auth/logout', {}, { 'X-CSRF-Token': csrf }),
      ]
      expect(after.map(said)).toEqual([REFRESH_REFUSED, REFRESH_REFUSED])
      const { results } = await testEnv.DB.prepare(
        "SELECT actor_id, subject_id, details FROM audit_events WHERE event = 'session.ended' AND subject_id = ?",
      )
        .bind(person.id)
        .all()
      expect(results).toEqual([{ actor_id: person.id, subject_id: person.id, details: '{"by":"logout"}' }])
    },
  )

  it('keeps knowing the device: the next sign-in from this browser is no new device', async () => {
    const { person, tab } = await signedInBrowser()
    await login(tab, person)
    const devices = (await tab.fetch('GET', '/auth/devices')).body.items
    expect(
      Object.fromEntries(
        devices.map(({ current, sessions }: { current: boolean; sessions: number }) => [current, sessions]),
      ),
    ).toEqual({ true: 1, false: 1 })
  })

  it('S54: a sign-in never takes up what the browser came with, and cookies that somebody made up hinder nobody', async () => {
    const person = await customer()
    const tab = browser()
    for (const name of [ACCESS, REFRESH, DEVICE]) tab.cookies.set(name, 'made-up')
    await tab.signIn(person)
    for (const name of [ACCESS, REFRESH, DEVICE]) expect(tab.cookies.get(name)).not.toBe('made-up')
    expect((await tab.fetch('GET', '/auth/me')).status).toBe(200)
  })

  it('S54: a sign-in over another person’s session leaves that session to its owner', async () => {
    const { person, tab } = await signedInBrowser()
    const planted = tab.cookies.get(ACCESS)
    const victim = await customer()
    await login(tab, victim)
    expect(tab.cookies.get(ACCESS)).not.toBe(planted)
    expect((await tab.fetch('GET', '/auth/me')).body.account.id).toBe(victim.id)
    tab.cookies.set(ACCESS, String(planted))
    expect((await tab.fetch('GET', '/auth/me')).body.account.id).toBe(person.id)
  })

  it.each(['cookies', 'Cookie', ''])(
    'says that X-Auth-Mode: %j means nothing, before any password is tried',
    async (mode) => {
      const person = await customer()
      const calls = d1.calls
      const answer = await login(browser(), person, { 'X-Auth-Mode': mode })
      expect([...said(answer), Object.keys(answer.body.errors)]).toEqual([
        400,
        'validation_failed',
        ['x-auth-mode'],
      ])
      expect(d1.calls).toBe(calls)
    },
  )
})

const ELSEWHERE: [name: string, headers: Record<string, string | undefined>][] = [
  ['another site', { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }],
  ['another site, by Origin alone', { Origin: 'https://evil.example', 'Sec-Fetch-Site': undefined }],
  ['another site that forges no Sec-Fetch-Site', { 'Sec-Fetch-Site': 'cross-site' }],
  ['a sibling subdomain', { Origin: 'https://www.mechanic-shop.test', 'Sec-Fetch-Site': 'same-site' }],
  ['a subdomain', { Origin: 'https://x.api.mechanic-shop.test', 'Sec-Fetch-Site': 'same-site' }],
  ['the same host by plain http', { Origin: ORIGIN.replace('https', 'http'), 'Sec-Fetch-Site': undefined }],
  ['the same host at another port', { Origin: `${ORIGIN}:8443`, 'Sec-Fetch-Site': undefined }],
  ['an opaque origin', { Origin: 'null', 'Sec-Fetch-Site': undefined }],
  ['nowhere', { Origin: undefined, 'Sec-Fetch-Site': undefined }],
  ['a bookmark', { Origin: undefined, 'Sec-Fetch-Site': 'none' }],
]

describe('S96: what another site makes a browser send', () => {
  it.each(ELSEWHERE)('S96: from %s changes nothing, even with the CSRF token', async (_, headers) => {
    const { tab, csrf } = await signedInBrowser()
    const attack = { ...headers, 'X-CSRF-Token': csrf }
    expect(said(await tab.fetch('PATCH', '/auth/me', { first_name: 'Mallory' }, attack))).toEqual(REFUSED)
    expect(said(await tab.fetch('DELETE', '/auth/sessions', {}, attack))).toEqual(REFUSED)
    expect(said(await tab.fetch('POST', '/auth/logout', {}, attack))).toEqual(REFUSED)
    expect(said(await tab.fetch('POST', '/auth/refresh', {}, attack))).toEqual(REFUSED)
    const me = await tab.fetch('GET', '/auth/me')
    expect([me.status, me.body.account.first_name]).toEqual([200, 'Vera'])
  })

  it.each(ELSEWHERE)('S96: signs nobody in by cookies from %s', async (_, headers) => {
    const attacker = await customer()
    const tab = browser()
    const calls = d1.calls
    expect(said(await login(tab, attacker, headers))).toEqual(REFUSED)
    expect([tab.cookies.size, d1.calls]).toEqual([0, calls])
  })

  it('S96: needs the CSRF token of this very session', async () => {
    const { tab, csrf } = await signedInBrowser()
    const other = await signedInBrowser()
    const [keyId = '', mac = ''] = csrf.split('.')
    for (const token of [
      undefined,
      '',
      'x',
      other.csrf,
      `${keyId}.`,
      `.${mac}`,
      `00000000.${mac}`,
      `${csrf}.x`,
      `${csrf}A`,
    ]) {
      const answer = await tab.fetch(
        'PATCH',
        '/auth/me',
        { first_name: 'Mallory' },
        { 'X-CSRF-Token': token },
      )
      expect([token, ...said(answer)]).toEqual([token, ...REFUSED])
      const refresh = await tab.fetch('POST', '/auth/refresh', {}, { 'X-CSRF-Token': token })
      expect([token, ...said(refresh)]).toEqual([token, ...REFUSED])
    }
    const changed = await tab.fetch('PATCH', '/auth/me', { first_name: 'Mine' }, { 'X-CSRF-Token': csrf })
    expect([changed.status, changed.body.account.first_name]).toEqual([200, 'Mine'])
  })

  it('S96: is refused before its body is looked at, and after the session', async () => {
    const { tab, csrf } = await signedInBrowser()
    expect(
      said(await tab.fetch('PATCH', '/auth/me', { nonsense: 1 }, { Origin: 'https://evil.example' })),
    ).toEqual(REFUSED)
    tab.cookies.set(ACCESS, 'x')
    expect(said(await tab.fetch('PATCH', '/auth/me', {}, { 'X-CSRF-Token': csrf }))).toEqual([
      401,
      'invalid_token',
    ])
  })

  it('S96: bearer clients need none of it', async () => {
    const person = await customer()
    const answer = await person.patch(
      '/auth/me',
      { first_name: 'Far' },
      { Origin: 'https://elsewhere.example' },
    )
    expect(answer.status).toBe(200)
  })

  it('S96: works where a browser sends no Origin but says same-origin', async () => {
    const { tab, csrf } = await signedInBrowser()
    const headers = { Origin: undefined, 'X-CSRF-Token': csrf }
    expect((await tab.fetch('PATCH', '/auth/me', { first_name: 'Old' }, headers)).status).toBe(200)
  })
})

describe('S44: cookies and the Authorization header', () => {
  it('S44: are never mixed: with the header, cookies count for nothing', async () => {
    const { person, tab, csrf } = await signedInBrowser()
    const jane = await customer()
    const withHeader = (token: string) => ({ Authorization: token, 'X-CSRF-Token': csrf })
    const me = await tab.fetch('GET', '/auth/me', undefined, withHeader(`Bearer ${jane.token}`))
    expect(me.body.account.id).toBe(jane.id)
    for (const bad of ['Bearer x', 'Bearer', 'Basic eDp5']) {
      expect((await tab.fetch('GET', '/auth/me', undefined, withHeader(bad))).status).toBe(401)
    }
    const refresh = await tab.fetch('POST', '/auth/refresh', {}, withHeader(`Bearer ${person.token}`))
    expect(said(refresh)).toEqual([400, 'input_missing'])
    const logout = await tab.fetch('POST', '/auth/logout', {}, withHeader(`Bearer ${person.token}`))
    expect([logout.status, logout.headers.getSetCookie()]).toEqual([200, []])
    expect((await tab.fetch('GET', '/auth/me')).status).toBe(200)
  })

  it('S37: no cookie takes a token of another kind', async () => {
    const { tab } = await signedInBrowser()
    const { cookies } = tab
    const [access = '', refresh = '', device = ''] = [ACCESS, REFRESH, DEVICE].map(
      (name) => cookies.get(name) ?? '',
    )
    for (const wrong of [refresh, device]) {
      cookies.set(ACCESS, wrong)
      expect(said(await tab.fetch('GET', '/auth/me'))).toEqual([401, 'invalid_token'])
    }
    cookies.delete(ACCESS)
    for (const wrong of [access, device]) {
      cookies.set(REFRESH, wrong)
      expect(said(await tab.fetch('GET', '/auth/csrf'))).toEqual([401, 'invalid_refresh_token'])
      expect(said(await tab.fetch('POST', '/auth/refresh', {}))).toEqual([401, 'invalid_refresh_token'])
    }
  })

  it.each([
    ['before it', '%p; %o'],
    ['after it', '%o; %p'],
    ['that is no token', '%o; __Host-NAME=x'],
    ['with blanks', '%p ;a=b;\t%o'],
    ['with a blank in its name', '__Host-NAME =x; %o'],
  ])('S95: with another that a neighbour has planted %s none counts', async (_, pattern) => {
    const { tab, csrf } = await signedInBrowser()
    const planted = (await signedInBrowser()).tab
    const pair = (from: Browser, name: string) => `${name}=${from.cookies.get(name)}`
    const cookie = [ACCESS, REFRESH]
      .map((name) =>
        pattern
          .replace('%p', pair(planted, name))
          .replace('%o', pair(tab, name))
          .replace('__Host-NAME', name),
      )
      .join('; ')
    const headers = { Cookie: cookie, 'X-CSRF-Token': csrf }
    expect(said(await tab.fetch('GET', '/auth/me', undefined, headers))).toEqual([401, 'token_missing'])
    expect(said(await tab.fetch('GET', '/auth/csrf', undefined, headers))).toEqual([401, 'token_missing'])
    expect(said(await tab.fetch('POST', '/auth/logout', {}, headers))).toEqual([401, 'token_missing'])
    expect(said(await tab.fetch('POST', '/auth/refresh', {}, headers))).toEqual([400, 'input_missing'])
    expect((await tab.fetch('GET', '/auth/me')).status).toBe(200)
  })

  it.each(['\u00a0', '\u2000', '\ufeff', '='])(
    'S95: one that only looks like it, behind %j, changes nothing',
    async (sign) => {
      const { person, tab } = await signedInBrowser()
      const planted = (await signedInBrowser()).tab.cookies.get(ACCESS)
      const cookie = `${sign}${ACCESS}=${planted}; ${ACCESS}=${tab.cookies.get(ACCESS)}`
      const me = await tab.fetch('GET', '/auth/me', undefined, { Cookie: cookie })
      expect(me.body.account.id).toBe(person.id)
    },
  )

  it('a cookie of another name, or without its prefix, is none', async () => {
    const { tab } = await signedInBrowser()
    const cookie = `access_token=${tab.cookies.get(ACCESS)}; session=${tab.cookies.get(ACCESS)}`
    expect(said(await tab.fetch('GET', '/auth/me', undefined, { Cookie: cookie }))).toEqual([
      401,
      'token_missing',
    ])
  })
})

describe('GET /auth/csrf', () => {
  it('answers a browser whose access token has expired by the refresh cookie, which is not spent', async () => {
    const { tab } = await signedInBrowser()
    passTime(86_401)
    tab.cookies.delete(ACCESS)
    const { body, status } = await tab.fetch('GET', '/auth/csrf')
    expect(status).toBe(200)
    const refreshed = await tab.fetch('POST', '/auth/refresh', {}, { 'X-CSRF-Token': body.csrf_token })
    expect(refreshed.status).toBe(200)
    expect((await tab.fetch('GET', '/auth/csrf')).body.csrf_token).toBe(body.csrf_token)
  })

  it.each([
    ['has expired but is still sent', () => passTime(86_401), undefined],
    ['cannot be read any more', () => undefined, 'x'],
    ['is empty', () => undefined, ''],
  ])('answers by the refresh cookie when the access cookie %s', async (_, happen, access) => {
    const { tab, csrf } = await signedInBrowser()
    happen()
    if (access !== undefined) tab.cookies.set(ACCESS, access)
    const { body, status } = await tab.fetch('GET', '/auth/csrf')
    expect([status, body.csrf_token]).toEqual([200, csrf])
    expect((await tab.fetch('POST', '/auth/refresh', {}, { 'X-CSRF-Token': csrf })).status).toBe(200)
    expect((await tab.fetch('GET', '/auth/me')).status).toBe(200)
  })

  it('answers nobody without a live session', async () => {
    expect(said(await anonymous().get('/auth/csrf'))).toEqual([401, 'token_missing'])
    const { tab, csrf } = await signedInBrowser()
    await tab.fetch('POST', '/auth/logout', {}, { 'X-CSRF-Token': csrf, Cookie: cookieHeader(tab) })
    const ended = await signedInBrowser()
    const refresh = ended.tab.cookies.get(REFRESH)
    await ended.tab.fetch('POST', '/auth/logout', {}, { 'X-CSRF-Token': ended.csrf })
    forgetMarks()
    const answer = await caller().get('/auth/csrf', { Cookie: `${REFRESH}=${refresh}` })
    expect(said(answer)).toEqual([401, 'invalid_refresh_token'])
  })

  it('answers a bearer client as well', async () => {
    const person = await customer()
    expect((await person.get('/auth/csrf')).status).toBe(200)
  })
})

const cookieHeader = (tab: Browser) => [...tab.cookies].map(([name, value]) => `${name}=${value}`).join('; ')

describe('S97: other origins', () => {
  const ALLOWED = 'https://app.example'

  it.each([
    'https://app.example.evil',
    'http://app.example',
    'https://app.example:444',
    'https://xapp.example',
    'null',
    'https://evil',
  ])('S97: %s is told nothing by CORS', async (origin) => {
    const sendAs = await withSettings({ ALLOWED_ORIGINS: ALLOWED })
    const answer = await sendAs('GET', '/health', undefined, { Origin: origin })
    const preflight = await sendAs('OPTIONS', '/auth/login', undefined, {
      Origin: origin,
      'Access-Control-Request-Method': 'POST',
    })
    for (const { headers } of [answer, preflight]) {
      const cors = [...headers.keys()].filter((name) => name.startsWith('access-control-'))
      expect(cors).toEqual([])
      expect(headers.get('vary')).toContain('Origin')
    }
  })

  it('S97: a listed one may send bearer and device tokens, but never cookies', async () => {
    const sendAs = await withSettings({ ALLOWED_ORIGINS: ALLOWED })
    const { headers } = await sendAs('OPTIONS', '/auth/login', undefined, {
      Origin: ALLOWED,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'authorization,content-type,device-token',
    })
    expect(headers.get('access-control-allow-origin')).toBe(ALLOWED)
    expect(headers.get('access-control-allow-headers')?.toLowerCase().split(',')).toContain('device-token')
    expect(headers.get('access-control-allow-credentials')).toBeNull()
    const person = await customer()
    const body = { email: person.email, password: PASSWORD }
    const answer = await sendAs('POST', '/auth/login', body, { Origin: ALLOWED, ...COOKIE_MODE })
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []])
  })
})

it('S99: every answer of cookie mode is not to be stored', async () => {
  const { tab, csrf } = await signedInBrowser()
  for (const [method, path] of [
    ['GET', '/auth/me'],
    ['GET', '/auth/csrf'],
    ['POST', '/auth/refresh'],
  ] as const) {
    const answer = await tab.fetch(method, path, method === 'POST' ? {} : undefined, { 'X-CSRF-Token': csrf })
    expect([path, answer.status, answer.headers.get('cache-control')]).toEqual([path, 200, 'no-store'])
  }
})

it('answers nothing that the document does not tell', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
