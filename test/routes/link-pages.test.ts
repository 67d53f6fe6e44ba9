/** The Worker's part of /links: pages that do nothing by being opened. test/browser has what a browser makes of them. */
import { describe, expect, it } from 'vitest'
import { LINK_PAGES } from '../../src/web/link-page.ts'
import { anonymous, customer, issueLinkToken, ORIGIN, send, uniqueEmail } from '../support/client.ts'
import { mailTo, tokenIn } from '../support/mail-provider.ts'
import { d1 } from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'

const KINDS = Object.keys(LINK_PAGES)

describe('the page of a link', () => {
  it.each(KINDS)(
    '/links/%s sends its token to an endpoint that exists, and holds nothing inline',
    async (kind) => {
      const answer = await anonymous().get(`/links/${kind}`)
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=UTF-8'])
      expect(answer.text).toMatch(/^<!doctype html>\n<html lang="en">/)
      const [, endpoint = ''] = /data-endpoint="([^"]+)"/.exec(answer.text) ?? []
      const asksPassword = answer.text.includes('type="password"')
      const sent = { token: 'x', ...(asksPassword && { password: 'torque-wrench-43' }) }
      const { status, body } = await anonymous().post(endpoint, sent)
      expect([status, body.code]).toEqual([400, 'link_token_invalid'])
      for (const [, address] of answer.text.matchAll(/ (?:href|src)="([^"]*)"/g))
        expect(address).toMatch(/^(?:\/links\/|data:image\/svg\+xml,)/)
      expect(answer.text).not.toMatch(/<style|<script>| style=| on\w+=|<form[^>]*action/)
    },
  )

  it.each(KINDS)(
    'S75: /links/%s is stored nowhere, sends no Referer, and lets in only what is ours',
    async (kind) => {
      const { headers } = await anonymous().get(`/links/${kind}`)
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('content-security-policy')?.split('; ')).toEqual([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        'img-src data:',
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
      ])
    },
  )

  it('of an undo link alone has a field for a code, which is not seen at first', async () => {
    for (const kind of KINDS) {
      const { text } = await anonymous().get(`/links/${kind}`)
      expect(text.includes('<div id="factor" hidden>\n<label for="code">'), kind).toBe(kind === 'undo')
    }
  })

  it('S75: GET and HEAD do not use a token up, wherever it stands in the address', async () => {
    const person = await customer()
    const token = await issueLinkToken(person.email)
    const calls = d1.calls
    for (const method of ['GET', 'HEAD', 'GET', 'HEAD'])
      for (const address of [`/links/reset?token=${token}`, `/links/reset/#token=${token}`])
        expect((await send(new Request(ORIGIN + address, { method }))).status).toBe(200)
    expect(d1.calls).toBe(calls)
    const reset = { token, password: 'camshaft-lobe-profile' }
    expect((await anonymous().post('/auth/password/reset', reset)).status).toBe(200)
  })

  it.each([
    ['verify', '/auth/email/verify'],
    ['undo', '/auth/email/undo'],
    ['not-me', '/auth/not-me'],
  ])('S75: nor is a link to /links/%s, by page or by endpoint', async (kind, endpoint) => {
    const person = await customer()
    await person.patch('/auth/me', { password: 'camshaft-lobe-profile' })
    if (kind === 'undo') await person.patch('/auth/me', { email: uniqueEmail('moved') })
    const subjects = { verify: /^Confirm/, undo: /^Your address/, 'not-me': /^Your password/ }
    const token = tokenIn(await mailTo(person.email, 1, subjects[kind as 'verify']))
    for (const method of ['GET', 'HEAD'])
      for (const [path, expected] of [
        [`/links/${kind}`, 200],
        [endpoint, 405],
      ] as const)
        expect((await send(new Request(`${ORIGIN}${path}?token=${token}`, { method }))).status).toBe(expected)
    expect((await anonymous().post(endpoint, { token })).status).toBe(200)
  })

  it('shows the name of the shop as text, and the rule for passwords that holds', async () => {
    const env = { SHOP_NAME: '<b onclick="x">Joe</b>', PASSWORD_MIN_LENGTH: '15' }
    const ask = await withSettings(env)
    const { text } = await ask('GET', '/links/reset')
    expect(text).toContain('&lt;b onclick=&quot;x&quot;&gt;Joe&lt;/b&gt;')
    expect(text).not.toContain('<b ')
    expect(text).toContain('minlength="15"')
  })

  it('answers 405 to everything else, and 404 to links that nobody sends', async () => {
    expect((await anonymous().post('/links/reset', {})).status).toBe(405)
    expect((await anonymous().get('/links/anything')).status).toBe(404)
  })
})
