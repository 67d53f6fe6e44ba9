import mostCommon from '@zxcvbn-ts/language-common/src/passwords.json'
import { beforeAll, describe, expect, it } from 'vitest'
import { isCommonPassword } from '../../src/passwords/common-passwords.ts'
import { findPasswordFaults } from '../../src/passwords/policy.ts'
import { anonymous, caller, customer, type Person, registration } from '../support/client.ts'
import { derivations, forgetDerivations } from '../support/production-limits.ts'
import { withSettings } from '../support/settings.ts'

const register = (password: unknown, overrides: Record<string, unknown> = {}) =>
  anonymous().post('/customers/', { ...registration(), ...overrides, password })

const signIn = (email: string, password: string) => anonymous().post('/customers/login', { email, password })

describe('the length of a new password', () => {
  it('S01: counts code points: five emoji are too short, six are enough', async () => {
    const short = await register('🔧🔩🚗🛞⛽')
    expect([short.status, short.body.errors]).toEqual([400, { password: ['Shorter than minimum length 6.'] }])
    expect((await register('🔧🔩🚗🛞⛽🧰')).status).toBe(201)
    expect((await register('tqx%9')).body.errors).toEqual({ password: ['Shorter than minimum length 6.'] })
  })

  it('S01: has the floor that PASSWORD_MIN_LENGTH sets', async () => {
    const send = await withSettings({ PASSWORD_MIN_LENGTH: '15' })
    const answer = await send('POST', '/customers/', registration({ password: 'only-14-points' }))
    expect(answer.body.errors).toEqual({ password: ['Shorter than minimum length 15.'] })
    expect((await send('POST', '/customers/', registration({ password: 'fifteen-points!' }))).status).toBe(
      201,
    )
  })

  it('S02: may be 64 or 256, which sign in, but not 257, which costs no derivation', async () => {
    for (const length of [64, 256]) {
      const person = registration({ password: 'ü7'.repeat(length / 2) })
      expect((await anonymous().post('/customers/', person)).status).toBe(201)
      expect((await signIn(person.email, person.password)).status).toBe(200)
    }
    forgetDerivations()
    const long = await register(`${'x7'.repeat(128)}y`)
    expect([long.status, long.body.errors]).toEqual([400, { password: ['Longer than maximum length 256.'] }])
    expect(derivations).toEqual([])
  })
})

describe('the content of a new password', () => {
  it.each(['correct horse battery staple', '83920471650293847561', `${' '.repeat(12)}車検整備工場`])(
    'S03: follows no rules of composition: %j',
    async (password) => {
      expect((await register(password)).status).toBe(201)
    },
  )

  it.each(['\0secret77', 'secret\ud800secret', null, 12345678, true, ['secret77'], { $ne: null }])(
    'S06: is text that survives storage, not %j',
    async (password) => {
      forgetDerivations()
      const answer = await register(password)
      expect([answer.status, Object.keys(answer.body.errors)]).toEqual([400, ['password']])
      expect(derivations).toEqual([])
    },
  )

  it('S07: is none of the 10,000 most common ones of six or more characters, in any letter case', () => {
    const eligible = mostCommon.filter((entry) => [...entry].length >= 6).slice(0, 10_000)
    expect(eligible).toHaveLength(10_000)
    expect(eligible.filter((entry) => !isCommonPassword(entry))).toEqual([])
    expect(eligible.filter((entry) => !isCommonPassword(entry.toUpperCase()))).toEqual([])
  })

  it('S07: is refused with a message of its own when it is common', async () => {
    for (const password of ['123456789', 'QwErTyUiOp', 'baseball']) {
      const answer = await register(password)
      expect([answer.status, answer.body.errors]).toEqual([
        400,
        { password: ['This password is too common.'] },
      ])
    }
  })

  it.each([
    ['the e-mail address', 'torvald.lund@example.net'],
    ['its local part with digits', 'torvald.lund2024'],
    ['its local part in capitals', 'TORVALD.LUND!'],
    ['its local part without separators', 'torvaldlund99'],
    ['the first name with digits', 'Thorvaldur1984'],
    ['both names', 'Thorvaldur Lundgren'],
    ["the shop's name", 'Mechanic Shop 24'],
    ['a role', 'administrator1'],
    ['the product', 'mechanicshop!!'],
  ])('S08: is not %s', async (_, password) => {
    const answer = await register(password, {
      email: 'torvald.lund@example.net',
      first_name: 'Thorvaldur',
      last_name: 'Lundgren',
    })
    expect([answer.status, Object.keys(answer.body.errors)]).toEqual([400, ['password']])
  })

  it('S08: may contain such a word among others', () => {
    const context = { minLength: 6, shopName: 'Mechanic Shop', email: 'john@example.com', firstName: 'John' }
    expect(findPasswordFaults('securepassword123', context)).toEqual([])
    expect(findPasswordFaults('john rides a blue moped', context)).toEqual([])
  })

  it('is judged together with every other fault of the body', async () => {
    const answer = await anonymous().post('/customers/', {
      email: 'no address',
      password: 'short',
      role: 'admin',
    })
    expect(answer.body.errors).toEqual({
      first_name: ['Missing data for required field.'],
      last_name: ['Missing data for required field.'],
      email: ['Not a valid email address.'],
      password: ['Shorter than minimum length 6.'],
      role: ['Unknown field.'],
    })
  })
})

describe('a password that is tried', () => {
  const password = `${'Torque wrench '.repeat(7)}42`
  let person: Person

  beforeAll(async () => {
    person = await customer({ password })
  })

  it.each([
    ['its first 72 characters', password.slice(0, 72)],
    ['a trailing blank', `${password} `],
    ['a leading blank', ` ${password}`],
    ['swapped case', password.toUpperCase()],
  ])('S04: is compared whole and exactly: %s is refused', async (_, tried) => {
    expect((await signIn(person.email, tried)).status).toBe(401)
  })

  it('S05: is compared in NFC', async () => {
    const accented = await customer({ password: 'caf\u00e9-garage-2024' })
    expect((await signIn(accented.email, 'cafe\u0301-garage-2024')).status).toBe(200)
  })

  it('S05: is not folded as NFKC would', async () => {
    const ligature = await customer({ password: '\ufb01le\u00b2-cabinet' })
    expect((await signIn(ligature.email, '\ufb01le\u00b2-cabinet')).status).toBe(200)
    expect((await signIn(ligature.email, 'file2-cabinet')).status).toBe(401)
  })

  it('S06: with U+0000 or a lone surrogate is refused before any work', async () => {
    forgetDerivations()
    for (const tried of [`${password}\0`, `${password}\ud83d`]) {
      const answer = await signIn(person.email, tried)
      expect([answer.status, answer.body.errors]).toEqual([400, { password: ['Not a valid string.'] }])
    }
    expect(derivations).toEqual([])
  })

  it('is not measured by the rules of registration: 1 to 1,024 code points are tried, an empty one is not', async () => {
    const { email } = await customer()
    expect((await signIn(email, 'x')).status).toBe(401)
    expect((await signIn(email, '🔧'.repeat(1024))).status).toBe(401)
    const long = await signIn(person.email, '🔧'.repeat(1025))
    expect(long.body.errors).toEqual({ password: ['Longer than maximum length 1024.'] })
    const empty = await signIn(person.email, '')
    expect(empty.body.errors).toEqual({ password: ['Shorter than minimum length 1.'] })
  })

  it('S24: costs no derivation when the address has spent its attempts', async () => {
    const flooder = caller(undefined, '10.9.9.9')
    for (let i = 0; i < 30; i++) await flooder.post('/auth/login', {})
    forgetDerivations()
    const answer = await flooder.post('/auth/login', { email: person.email, password })
    expect([answer.status, answer.body.code]).toEqual([429, 'too_many_requests'])
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(derivations).toEqual([])
  })
})
