/** /auth/mfa: getting a second factor, signing in with it, stepping up, trusting a device, giving it up. */
import { describe, expect, it } from 'vitest'
import {
  challengeOf,
  enrol,
  type Guarded,
  guarded,
  nextStep,
  signInWithCode,
  verify,
  wrongCode,
} from '../support/authenticator.ts'
import { browser } from '../support/browser.ts'
import {
  admin,
  anonymous,
  caller,
  customer,
  issueLinkToken,
  mechanic,
  PASSWORD,
  type Person,
  program,
} from '../support/client.ts'
import { codeOf } from '../support/one-time-code.ts'
import { undocumentedAnswers } from '../support/openapi.ts'
import { passTime } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

const login = ({ email, password }: Person, headers: Record<string, string> = {}) =>
  anonymous().post('/auth/login', { email, password }, headers)
const sql = (text: string, ...values: unknown[]) =>
  testEnv.DB.prepare(text)
    .bind(...values)
    .all()
const sessionsOf = async ({ id }: Person) =>
  (await sql('SELECT id FROM sessions WHERE account_id = ?', id)).results.length
const eventsOf = async ({ id }: Person) =>
  (await sql('SELECT event FROM audit_events WHERE subject_id = ? ORDER BY id', id)).results.map(
    ({ event }) => String(event),
  )
const factorsOf = async (person: Pick<Person, 'get'>) => (await person.get('/auth/mfa')).body

describe('an authenticator app', () => {
  it('is offered as a secret of 160 bits, an address and a picture, and nothing changes by that', async () => {
    const john = await customer()
    const { status, body } = await john.post('/auth/mfa/totp')
    expect(status).toBe(201)
    expect(Object.keys(body)).toEqual(['factor_id', 'secret', 'otpauth_uri', 'qr_svg'])
    expect(body.secret).toMatch(/^[A-Z2-7]{32}$/)
    const uri = new URL(body.otpauth_uri)
    expect([uri.protocol, uri.host]).toEqual(['otpauth:', 'totp'])
    expect(decodeURIComponent(uri.pathname)).toBe(`/Mechanic Shop:${john.email}`)
    expect(Object.fromEntries(uri.searchParams)).toEqual({
      secret: body.secret,
      issuer: 'Mechanic Shop',
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    })
    expect(body.qr_svg).toMatch(/^<svg [\s\S]*<\/svg>$/)
    expect(body.qr_svg).not.toMatch(/script|href|on\w+=/)
    expect(await factorsOf(john)).toEqual({ factors: [], recovery_codes_left: 0 })
    expect((await login(john)).status).toBe(200)
  })

  it('S61: counts once a code of it is confirmed, which gives ten recovery codes', async () => {
    const john = await customer()
    const { secret, factor_id: id } = (await john.post('/auth/mfa/totp')).body
    const wrong = await john.post('/auth/mfa/totp/confirm', { code: wrongCode(secret) })
    expect([wrong.status, wrong.body.code]).toEqual([401, 'factor_code_invalid'])
    expect((await login(john)).status).toBe(200)
    const { status, body } = await john.post('/auth/mfa/totp/confirm', { code: codeOf(secret) })
    expect([status, body.recovery_codes.length]).toEqual([200, 10])
    for (const code of body.recovery_codes)
      expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}$/)
    expect(new Set(body.recovery_codes).size).toBe(10)
    expect((await login(john)).body.code).toBe('mfa_required')
    expect(await factorsOf(john)).toEqual({
      factors: [{ id, method: 'totp', confirmed_at: expect.any(String), disabled: false }],
      recovery_codes_left: 10,
    })
    const events = await eventsOf(john)
    expect(events).toEqual(expect.arrayContaining(['factor.offered', 'factor.check_failed', 'factor.added']))
  })

  it('S61: stays until the one in its place is confirmed; then only the new one and its recovery codes count', async () => {
    const john = await guarded()
    const { secret } = (await john.post('/auth/mfa/totp')).body
    expect((await verify(await challengeOf(john), codeOf(secret))).body.code).toBe('factor_code_invalid')
    const again = await signInWithCode(john)
    const confirmed = await again.post('/auth/mfa/totp/confirm', { code: codeOf(secret) })
    expect(confirmed.status).toBe(200)
    nextStep()
    expect((await verify(await challengeOf(john), codeOf(john.secret))).status).toBe(401)
    const [old = ''] = john.recoveryCodes
    const method = 'recovery_code'
    expect((await verify(await challengeOf(john), old, { method })).status).toBe(401)
    expect((await verify(await challengeOf(john), codeOf(secret))).status).toBe(200)
    expect((await factorsOf(again)).factors).toHaveLength(1)
  })

  it('S61: that is offered is good for an hour, and only the newest offer', async () => {
    const john = await customer()
    const first = (await john.post('/auth/mfa/totp')).body
    const second = (await john.post('/auth/mfa/totp')).body
    const old = await john.post('/auth/mfa/totp/confirm', { code: codeOf(first.secret) })
    expect(old.body.code).toBe('factor_code_invalid')
    passTime(3_600)
    await john.post('/auth/step-up', { password: PASSWORD })
    const late = await john.post('/auth/mfa/totp/confirm', { code: codeOf(second.secret) })
    expect([late.status, late.body.code]).toEqual([404, 'factor_not_found'])
  })

  it('S53: is got, given up and given new recovery codes by a fresh session only, and by no program', async () => {
    const john = await guarded()
    const changes = [
      () => john.post('/auth/mfa/totp'),
      () => john.post('/auth/mfa/totp/confirm', { code: '123456' }),
      () => john.delete('/auth/mfa/totp'),
      () => john.post('/auth/mfa/recovery-codes'),
    ]
    const till = await program(john, 'profile:read', 'profile:write')
    for (const [method, path] of [
      ['post', '/auth/mfa/totp'],
      ['post', '/auth/mfa/totp/confirm'],
      ['delete', '/auth/mfa/totp'],
      ['post', '/auth/mfa/recovery-codes'],
      ['get', '/auth/mfa'],
      ['get', '/auth/mfa/trusted-devices'],
    ] as const) {
      const answer = await (method === 'get' ? till.get(path) : till[method](path, { code: '123456' }))
      expect([path, answer.body.code]).toEqual([path, 'session_required'])
    }
    passTime(600)
    for (const change of changes) {
      const { status, body, headers } = await change()
      expect([status, body.code]).toEqual([401, 'reauthentication_required'])
      expect(headers.get('www-authenticate')).toContain(
        'error="insufficient_user_authentication", max_age=600',
      )
    }
    expect((await factorsOf(john)).recovery_codes_left).toBe(10)
    const step = await john.post('/auth/step-up', { method: 'totp', code: codeOf(john.secret) })
    expect(step.status).toBe(200)
    expect((await john.post('/auth/mfa/recovery-codes')).status).toBe(201)
  })

  it('S51: that is added or removed ends every other session and keeps this one', async () => {
    const john = await customer()
    const other = caller((await login(john)).body.token)
    const safe = await enrol(john)
    expect([(await other.get('/auth/me')).status, (await john.get('/auth/me')).status]).toEqual([401, 200])
    const second = await signInWithCode(safe)
    expect((await second.delete('/auth/mfa/totp')).status).toBe(200)
    expect([(await john.get('/auth/me')).status, (await second.get('/auth/me')).status]).toEqual([401, 200])
  })

  it('S66: once removed, is asked for no more, and its recovery codes are gone', async () => {
    const john = await guarded()
    const mfaToken = await challengeOf(john)
    expect((await john.delete('/auth/mfa/totp')).status).toBe(200)
    expect(await factorsOf(john)).toEqual({ factors: [], recovery_codes_left: 0 })
    expect((await login(john)).status).toBe(200)
    expect((await verify(mfaToken, codeOf(john.secret))).body.code).toBe('mfa_token_invalid')
    expect((await eventsOf(john)).at(-3)).toBe('factor.removed')
    for (const again of [await john.delete('/auth/mfa/totp'), await john.post('/auth/mfa/recovery-codes')])
      expect([again.status, again.body.code]).toEqual([404, 'factor_not_found'])
  })
})

describe('a sign-in with a second factor', () => {
  it('S27: opens no session before the code, at both doors, for staff too', async () => {
    const john = await guarded()
    const maria = await enrol(await mechanic())
    for (const [person, path] of [
      [john, '/customers/login'],
      [john, '/auth/login'],
      [maria, '/auth/login'],
    ] as const) {
      const before = await sessionsOf(person)
      const { email, password } = person
      const { status, body, headers } = await anonymous().post(path, { email, password })
      expect([status, body.code, body.methods]).toEqual([401, 'mfa_required', ['totp', 'recovery_code']])
      expect(body.mfa_token).toMatch(/^[A-Za-z0-9_-]{43}$/)
      expect(headers.get('www-authenticate')).toBe('Bearer realm="mechanic-shop"')
      expect([body.token, body.refresh_token, body.device_token]).toEqual([undefined, undefined, undefined])
      expect(await sessionsOf(person)).toBe(before)
      const answer = await verify(body.mfa_token, codeOf(person.secret))
      expect([answer.status, answer.body.account.id]).toEqual([200, person.id])
      expect(await sessionsOf(person)).toBe(before + 1)
      nextStep()
    }
  })

  it('S18: says nothing of the second factor as long as the password is wrong', async () => {
    const [john, jane] = [await guarded(), await customer()]
    const strip = async (person: Person) => {
      const { email } = person
      const { status, body, headers } = await anonymous().post('/auth/login', { email, password: 'wrong' })
      return { status, ...body, request_id: '', limit: headers.get('ratelimit') }
    }
    expect(await strip(john)).toEqual(await strip(jane))
  })

  it('answers as a sign-in does, and the session knows by what it was opened and when', async () => {
    const john = await guarded()
    const visitor = anonymous()
    const { body } = await verify(await challengeOf(john, visitor), codeOf(john.secret), { from: visitor })
    expect(Object.keys(body).sort()).toEqual(
      ['message', 'token', 'token_type', 'expires_in', 'refresh_token', 'device_token', 'account'].sort(),
    )
    const { items } = (await caller(body.token).get('/auth/sessions')).body
    const current = items.find((one: { current: boolean }) => one.current)
    expect(current.methods).toEqual(['password', 'totp'])
    expect(current.authenticated_at).toBe(current.created_at)
    const { results } = await sql(
      "SELECT event, details FROM audit_events WHERE subject_id = ? AND event LIKE 'sign_in.%' ORDER BY id DESC LIMIT 2",
      john.id,
    )
    expect(results.map(({ event, details }) => [event, JSON.parse(String(details))])).toEqual([
      ['sign_in.succeeded', { methods: ['password', 'totp'] }],
      ['sign_in.challenged', { methods: ['password'], offered: ['totp', 'recovery_code'] }],
    ])
  })

  it('S95: in cookie mode sets the cookies at the second half, from a page of this origin only', async () => {
    const john = await guarded()
    const tab = browser()
    const byCookies = { 'X-Auth-Mode': 'cookie' }
    const { email, password } = john
    const first = await tab.fetch('POST', '/auth/login', { email, password }, byCookies)
    expect([first.body.code, first.headers.getSetCookie()]).toEqual(['mfa_required', []])
    const body = { mfa_token: first.body.mfa_token, method: 'totp', code: codeOf(john.secret) }
    const evil = await tab.fetch('POST', '/auth/mfa/verify', body, {
      ...byCookies,
      Origin: 'https://evil.example',
    })
    expect([evil.status, evil.body.code]).toEqual([403, 'csrf_failed'])
    const second = await tab.fetch('POST', '/auth/mfa/verify', body, byCookies)
    expect([second.status, Object.keys(second.body)]).toEqual([200, ['message', 'expires_in', 'account']])
    expect([...tab.cookies.keys()].sort()).toEqual([
      '__Host-access_token',
      '__Host-device_token',
      '__Host-refresh_token',
    ])
    expect((await tab.fetch('GET', '/auth/me')).body.account.id).toBe(john.id)
  })

  it('S54: ends, in cookie mode, the session of the same person that the browser came with', async () => {
    const john = await guarded()
    const tab = browser()
    const byCookies = { 'X-Auth-Mode': 'cookie' }
    const { email, password } = john
    const ids = []
    for (let i = 0; i < 2; i++) {
      const { mfa_token } = (await tab.fetch('POST', '/auth/login', { email, password }, byCookies)).body
      await tab.fetch(
        'POST',
        '/auth/mfa/verify',
        { mfa_token, method: 'totp', code: codeOf(john.secret) },
        byCookies,
      )
      ids.push((await tab.fetch('GET', '/auth/me')).body.session.id)
      nextStep()
    }
    const { results } = await sql('SELECT id FROM sessions WHERE account_id = ?', john.id)
    expect(results.map(({ id }) => id)).toContain(ids[1])
    expect(results.map(({ id }) => id)).not.toContain(ids[0])
  })

  it('S64: is to be completed within ten minutes', async () => {
    const john = await guarded()
    const mfaToken = await challengeOf(john)
    passTime(600)
    const late = await verify(mfaToken, codeOf(john.secret))
    expect([late.status, late.body.code]).toEqual([401, 'mfa_token_invalid'])
  })

  it('S65: is asked for the code after a reset as well, and a sign-in that began before the reset is over', async () => {
    const john = await guarded()
    const mfaToken = await challengeOf(john)
    const password = 'left-hand-thread-9-mm'
    const reset = await anonymous().post('/auth/password/reset', {
      token: await issueLinkToken(john.email),
      password,
    })
    expect([reset.status, reset.body.token]).toEqual([200, undefined])
    expect((await verify(mfaToken, codeOf(john.secret))).body.code).toBe('mfa_token_invalid')
    expect((await login({ ...john, password })).body.code).toBe('mfa_required')
  })

  it('of a suspended account is refused, in its second half too', async () => {
    const john = await guarded()
    const mfaToken = await challengeOf(john)
    await sql("UPDATE accounts SET status = 'suspended' WHERE id = ?", john.id)
    expect((await login(john)).body.code).toBe('account_suspended')
    expect((await verify(mfaToken, codeOf(john.secret))).body.code).toBe('mfa_token_invalid')
  })
})

describe('S62: recovery codes', () => {
  const byCode = { method: 'recovery_code' }

  it('S62: stand in for the app once each, typed in any way, and leave their event', async () => {
    const john = await guarded()
    const [first = '', second = ''] = john.recoveryCodes
    const answer = await verify(await challengeOf(john), first, byCode)
    expect(answer.status).toBe(200)
    const { items } = (await caller(answer.body.token).get('/auth/sessions')).body
    expect(items[0].methods).toEqual(['password', 'recovery_code'])
    expect((await verify(await challengeOf(john), first, byCode)).body.code).toBe('factor_code_invalid')
    const typed = second.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')
    expect((await verify(await challengeOf(john), typed, byCode)).status).toBe(200)
    expect((await factorsOf(john)).recovery_codes_left).toBe(8)
    expect((await eventsOf(john)).filter((event) => event === 'recovery_code.used')).toHaveLength(2)
  })

  it('S62: are replaced as a whole, and belong to one account', async () => {
    const [john, jane] = [await guarded(), await guarded()]
    const [old = ''] = john.recoveryCodes
    const { status, body } = await john.post('/auth/mfa/recovery-codes')
    expect([status, body.recovery_codes.length]).toEqual([201, 10])
    const [fresh = ''] = body.recovery_codes
    expect((await verify(await challengeOf(john), old, byCode)).status).toBe(401)
    expect((await verify(await challengeOf(jane), fresh, byCode)).status).toBe(401)
    expect((await verify(await challengeOf(john), fresh, byCode)).status).toBe(200)
    expect(await eventsOf(john)).toContain('recovery_codes.replaced')
  })

  it('are not offered once all are used', async () => {
    const john = await guarded()
    await sql('DELETE FROM recovery_codes WHERE account_id = ?', john.id)
    expect((await login(john)).body.methods).toEqual(['totp'])
  })
})

describe('stepping up', () => {
  it('S53: with a factor takes its code or a recovery code, and the password no more', async () => {
    const john = await guarded()
    passTime(600)
    const byPassword = await john.post('/auth/step-up', { password: PASSWORD })
    expect([byPassword.status, byPassword.body.code]).toEqual([401, 'reauthentication_required'])
    const wrong = await john.post('/auth/step-up', { method: 'totp', code: wrongCode(john.secret) })
    expect([wrong.status, wrong.body.code]).toEqual([401, 'factor_code_invalid'])
    expect((await john.post('/auth/mfa/recovery-codes')).status).toBe(401)
    const right = await john.post('/auth/step-up', { method: 'totp', code: codeOf(john.secret) })
    expect([right.status, right.body.message]).toEqual([200, 'Step-up successful'])
    expect((await john.post('/auth/mfa/recovery-codes')).status).toBe(201)
    passTime(600)
    const { recovery_codes: codes } = (await (await signInWithCode(john)).post('/auth/mfa/recovery-codes'))
      .body
    const [code] = codes
    expect((await john.post('/auth/step-up', { method: 'recovery_code', code })).status).toBe(200)
    expect((await john.post('/auth/step-up', { method: 'recovery_code', code })).status).toBe(401)
  })

  it('S53: the current password in the same request is not enough either, nor is it looked at', async () => {
    const john = await guarded()
    passTime(600)
    for (const current_password of [PASSWORD, 'not-this-one']) {
      const change = await john.patch('/auth/me', { password: 'left-hand-thread-9-mm', current_password })
      expect([change.status, change.body.code]).toEqual([401, 'reauthentication_required'])
      expect(change.body.detail).toContain('second factor')
      const deletion = await john.delete(`/customers/${john.id}`, { current_password })
      expect(deletion.body.code).toBe('reauthentication_required')
    }
    const { results } = await sql('SELECT key FROM throttles WHERE account_id = ?', john.id)
    expect(results).toEqual([])
    const { results: places } = await sql("SELECT id FROM throttle_attempts WHERE subject LIKE 'session:%'")
    expect(places).toEqual([])
  })

  it('in a fresh session a current password that is sent is checked all the same', async () => {
    const john = await guarded()
    const wrong = await john.patch('/auth/me', { password: 'left-hand-thread-9-mm', current_password: 'x' })
    expect(wrong.body.code).toBe('invalid_credentials')
    const right = await john.patch('/auth/me', {
      password: 'left-hand-thread-9-mm',
      current_password: PASSWORD,
    })
    expect(right.status).toBe(200)
  })

  it('without a factor takes no code', async () => {
    const john = await customer()
    const answer = await john.post('/auth/step-up', { method: 'totp', code: '123456' })
    expect([answer.status, answer.body.code]).toEqual([401, 'factor_code_invalid'])
  })

  it('takes the password or a code, and says what is missing', async () => {
    const john = await customer()
    const errorsOf = async (body: unknown) => (await john.post('/auth/step-up', body)).body.errors
    const missing = ['Missing data for required field.']
    expect((await john.post('/auth/step-up', {})).body.code).toBe('input_missing')
    expect(await errorsOf({ method: 'totp' })).toEqual({ code: missing })
    expect(await errorsOf({ code: '123456' })).toEqual({ method: missing })
    expect(await errorsOf({ password: 'x', method: 'totp', code: '1' })).toEqual({
      password: ['Send either the password or a code.'],
      code: ['Not a valid code.'],
    })
  })
})

describe('a trusted device', () => {
  const byDevice = (person: Guarded) => login(person, { 'Device-Token': person.deviceToken ?? '' })

  it('is not asked for the code for 30 days, is listed, and can be ended', async () => {
    const john = await signInWithCode(await guarded(), true)
    const answer = await byDevice(john)
    expect(answer.status).toBe(200)
    const onDevice = caller(answer.body.token)
    const { items } = (await onDevice.get('/auth/mfa/trusted-devices')).body
    expect(items).toEqual([
      {
        id: expect.any(String),
        current: true,
        name: null,
        browser: null,
        os: null,
        trusted_until: expect.any(String),
      },
    ])
    const [session] = (await onDevice.get('/auth/sessions')).body.items
    expect([session.methods, session.authenticated_at]).toEqual([['password', 'trusted_device'], null])
    expect((await onDevice.delete(`/auth/mfa/trusted-devices/${items[0].id}`)).status).toBe(200)
    const again = await onDevice.delete(`/auth/mfa/trusted-devices/${items[0].id}`)
    expect([again.status, again.body.code]).toEqual([404, 'device_not_found'])
    expect((await onDevice.get('/auth/mfa/trusted-devices')).body.items).toEqual([])
    const next = await byDevice({ ...john, deviceToken: answer.body.device_token })
    expect(next.body.code).toBe('mfa_required')
    expect(await eventsOf(john)).toEqual(expect.arrayContaining(['device.trusted', 'device.untrusted']))
  })

  it('is one because the person asks for it, and for 30 days whatever is signed in there meanwhile', async () => {
    const plain = await signInWithCode(await guarded())
    expect((await byDevice(plain)).body.code).toBe('mfa_required')
    const john = await signInWithCode(plain, true)
    passTime(2_592_000 - 300)
    const inTime = await byDevice(john)
    expect(inTime.status).toBe(200)
    passTime(301)
    expect((await byDevice({ ...john, deviceToken: inTime.body.device_token })).body.code).toBe(
      'mfa_required',
    )
  })

  it('S53: opens no session that is fresh: a code is still asked for what needs one', async () => {
    const john = await signInWithCode(await guarded(), true)
    const onDevice = caller((await byDevice(john)).body.token)
    expect((await onDevice.delete('/auth/mfa/totp')).body.code).toBe('reauthentication_required')
    const step = await onDevice.post('/auth/step-up', { method: 'totp', code: codeOf(john.secret) })
    expect(step.status).toBe(200)
    const [session] = (await onDevice.get('/auth/sessions')).body.items.filter(
      (one: { current: boolean }) => one.current,
    )
    expect(session.methods).toEqual(['password', 'trusted_device', 'totp'])
    expect((await onDevice.delete('/auth/mfa/totp')).status).toBe(200)
  })

  it('is trusted by one account only, and by its token only', async () => {
    const [john, jane] = [await signInWithCode(await guarded(), true), await guarded()]
    expect((await byDevice({ ...jane, deviceToken: john.deviceToken ?? '' })).body.code).toBe('mfa_required')
    expect((await login(john)).body.code).toBe('mfa_required')
    const { items } = (await john.get('/auth/mfa/trusted-devices')).body
    expect((await jane.delete(`/auth/mfa/trusted-devices/${items[0].id}`)).status).toBe(404)
    expect((await byDevice(john)).status).toBe(200)
  })

  it.each([
    ['a new password', (john: Guarded) => john.patch('/auth/me', { password: 'left-hand-thread-9-mm' })],
    [
      'a reset',
      async (john: Guarded) =>
        anonymous().post('/auth/password/reset', {
          token: await issueLinkToken(john.email),
          password: 'left-hand-thread-9-mm',
        }),
    ],
    [
      'another app',
      async (john: Guarded) => {
        const { secret } = (await john.post('/auth/mfa/totp')).body
        return john.post('/auth/mfa/totp/confirm', { code: codeOf(secret) })
      },
    ],
    [
      'forgetting it',
      async (john: Guarded) => {
        const [device] = (await john.get('/auth/mfa/trusted-devices')).body.items
        return john.delete(`/auth/devices/${device.id}`)
      },
    ],
  ])('is trusted no more after %s', async (what, act) => {
    const john = await signInWithCode(await guarded(), true)
    expect((await act(john)).status).toBe(200)
    const password = /password|reset/.test(what) ? 'left-hand-thread-9-mm' : PASSWORD
    expect((await byDevice({ ...john, password })).body.code).toBe('mfa_required')
  })
})

describe('S66: an admin', () => {
  it('S66: removes the factors of somebody who has lost them: sessions end, the event says who, the person begins anew', async () => {
    const [boss, john] = [await admin(), await signInWithCode(await guarded(), true)]
    const mfaToken = await challengeOf(john)
    const { status, body } = await boss.post(`/admin/accounts/${john.id}/reset-mfa`)
    expect([status, body]).toEqual([200, { message: 'Second factors removed', removed: 1 }])
    expect((await john.get('/auth/me')).status).toBe(401)
    expect((await verify(mfaToken, codeOf(john.secret))).body.code).toBe('mfa_token_invalid')
    const again = caller((await login(john)).body.token)
    expect(await factorsOf(again)).toEqual({ factors: [], recovery_codes_left: 0 })
    expect((await again.get('/auth/mfa/trusted-devices')).body.items).toEqual([])
    const { results } = await sql(
      "SELECT actor_id, subject_id FROM audit_events WHERE event = 'factor.reset' AND subject_id = ?",
      john.id,
    )
    expect(results).toEqual([{ actor_id: boss.id, subject_id: john.id }])
    const none = await boss.post(`/admin/accounts/${john.id}/reset-mfa`)
    expect([none.status, none.body.removed]).toEqual([200, 0])
    expect((await again.get('/auth/me')).status).toBe(200)
  })

  it('S66: does so with a recent sign-in, as a person', async () => {
    const [boss, john] = [await admin(), await guarded()]
    const till = await program(boss, 'accounts:admin')
    const path = `/admin/accounts/${john.id}/reset-mfa`
    expect((await till.post(path)).body.code).toBe('session_required')
    expect((await boss.post('/admin/accounts/999999/reset-mfa')).body.code).toBe('account_not_found')
    passTime(600)
    expect((await boss.post(path)).body.code).toBe('reauthentication_required')
    expect((await login(john)).body.code).toBe('mfa_required')
  })
})

describe('S67: what is no code', () => {
  it.each([
    ['a number', 123456],
    ['digits of another script', '１２３４５６'],
    ['a blank in between', '123 456'],
    ['five digits', '12345'],
    ['seven digits', '1234567'],
    ['a list', ['123456']],
    ['nothing', null],
    ['an object', { $ne: null }],
    ['a line break after it', '123456\n'],
    ['text with U+0000', '12345\u0000'],
    ['much text', '1'.repeat(10_000)],
  ])('S67: %s is refused before anything is counted', async (_, code) => {
    const john = await customer()
    await john.post('/auth/mfa/totp')
    for (const answer of [
      await anonymous().post('/auth/mfa/verify', { mfa_token: 'x', method: 'totp', code }),
      await anonymous().post('/auth/mfa/verify', { mfa_token: 'x', method: 'recovery_code', code }),
      await john.post('/auth/mfa/totp/confirm', { code }),
      await john.post('/auth/step-up', { method: 'totp', code }),
    ]) {
      expect([answer.status, answer.body.code]).toEqual([400, 'validation_failed'])
      expect(Object.keys(answer.body.errors)).toEqual(['code'])
    }
  })

  it('and of methods there are those that are listed', async () => {
    const body = { mfa_token: 'x', method: 'email', code: '123456' }
    const answer = await anonymous().post('/auth/mfa/verify', body)
    expect(answer.body.errors).toEqual({ method: ['Must be one of: totp, sms, recovery_code.'] })
  })
})

it('every answer provoked here is documented for its operation', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
