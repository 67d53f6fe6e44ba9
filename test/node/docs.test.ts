/** S117: the documents say what the code does. */
import { globSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CALLS, ITERATIONS_PER_CALL } from '../../src/crypto/password-hash.ts'

const read = (path: string) => readFileSync(path, 'utf8')
const security = read('docs/security.md')

/** The cells of every table row of a document. */
const rows = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )

const rowOf = (label: string) => rows(security).find(([first]) => first === label)

/** A constant as it stands in a file; some of the files run in workerd only. */
function constant(path: string, name: string): number {
  const [, value] = new RegExp(`const ${name} = ([\\d_]+)`).exec(read(path)) ?? []
  if (value === undefined) throw new Error(`${name} is not in ${path}`)
  return Number(value.replaceAll('_', ''))
}

describe('docs/security.md', () => {
  it.each([
    'Timeouts',
    'Throttle',
    'Second factor',
    'Roles',
    'Passwords',
    'Log inventory',
    'Deviations from the standards',
  ])('S117: has the heading %s', (heading) => {
    expect(security).toContain(`\n## ${heading}\n`)
  })

  it('S117: tells the timeouts that the code has', () => {
    expect(rowOf('access token')?.[1]).toBe(
      `${constant('src/sessions/access-token.ts', 'ACCESS_TOKEN_SECONDS')} s`,
    )
    expect(rowOf('session, since its last refresh')?.[1]).toBe(
      `${constant('src/sessions/queries.ts', 'SESSION_IDLE_SECONDS')} s`,
    )
    expect(rowOf('session, since the sign-in')?.[1]).toBe(
      `${constant('src/sessions/queries.ts', 'SESSION_ABSOLUTE_SECONDS')} s`,
    )
    expect(rowOf('grace of a spent refresh token')?.[1]).toBe(
      `${constant('src/sessions/refresh.ts', 'REFRESH_GRACE_SECONDS')} s`,
    )
    expect(rowOf('memory of what KV said')?.[1]).toBe(
      `${constant('src/sessions/blacklist.ts', 'RECALL_SECONDS')} s`,
    )
    expect(constant('src/limits/block-mark.ts', 'RECALL_SECONDS')).toBe(
      constant('src/sessions/blacklist.ts', 'RECALL_SECONDS'),
    )
    const link = constant('src/passwords/queries.ts', 'RESET_LINK_SECONDS')
    expect(constant('scripts/staff-accounts.ts', 'RESET_TOKEN_SECONDS')).toBe(link)
    expect(rowOf('one-time link')?.[1]).toBe(`${link} s`)
    const links = 'src/notices/link-mail.ts'
    for (const [what, path, name] of [
      ['link that confirms an address', links, 'VERIFY_LINK_SECONDS'],
      ['link that undoes a change of address', links, 'UNDO_LINK_SECONDS'],
      ['the same, once the new address is verified', 'src/notices/queries.ts', 'UNDO_AFTER_VERIFIED_SECONDS'],
      ['link that says "this was not me"', links, 'NOT_ME_LINK_SECONDS'],
    ] as const)
      expect(rowOf(what)?.[1]).toBe(`${constant(path, name)} s`)
    expect(rowOf('lease of a message that is being sent')?.[1]).toBe(
      `${constant('src/outbox/send.ts', 'LEASE_SECONDS')} s`,
    )
    for (const path of ['src/platform/mail.ts', 'src/platform/sms.ts'])
      expect(rowOf('patience with who sends mail or SMS')?.[1]).toBe(
        `${constant(path, 'SEND_WITHIN_MS') / 1000} s`,
      )
    expect(rowOf('invitation')?.[1]).toBe(`${constant('src/admin/invite.ts', 'INVITATION_SECONDS')} s`)
    for (const [label, path, name] of [
      ['sign-in that awaits its second factor', 'src/mfa/challenge-queries.ts', 'CHALLENGE_SECONDS'],
      ['authenticator app that is offered', 'src/mfa/queries.ts', 'FACTOR_OFFER_SECONDS'],
      ['code by SMS', 'src/mfa/sms-code.ts', 'SMS_CODE_SECONDS'],
      ['trusted device, since the code', 'src/sessions/device-queries.ts', 'DEVICE_TRUSTED_SECONDS'],
    ] as const)
      expect(rowOf(label)?.[1]).toBe(`${constant(path, name)} s`)
    const [, fresh] =
      /FRESH_AUTH_SECONDS: wholeNumber\(0, 86_400, (\d+)\)/.exec(read('src/platform/settings.ts')) ?? []
    expect(rowOf('fresh sign-in, by default')?.[1]).toBe(`${fresh} s`)
  })

  it('S117: tells the limits that wrangler.toml has', () => {
    const limits = [
      ...read('wrangler.toml').matchAll(
        /name = "(\w+_RING)"\n.*\nsimple = \{ limit = (\d+), period = (\d+) \}/g,
      ),
    ]
    expect(limits).toHaveLength(2)
    for (const [, name, limit, period] of limits) {
      const row = rows(security).find((cells) => cells[2] === `\`${name}\``)
      expect(row?.[1]).toBe(`${limit} in ${period} s`)
    }
  })

  it('S117: tells the limits that the code has', () => {
    const settings = read('src/platform/settings.ts')
    const fallback = (name: string) =>
      new RegExp(`${name}: (?:wholeNumber\\(.*, |minutesList\\(\\[)([\\d, ]+?)\\]?\\)`).exec(settings)?.[1]
    const limitOf = (where: string) => rows(security).find(([, , last]) => last === where)?.[1]
    expect(limitOf('`REGISTRATIONS_PER_MINUTE`')).toBe(`${fallback('REGISTRATIONS_PER_MINUTE')} in 60 s`)
    expect(limitOf('`SIGN_IN_ADDRESS_FAILURES`, `SIGN_IN_ADDRESS_SECONDS`')).toBe(
      `${fallback('SIGN_IN_ADDRESS_FAILURES')} in ${fallback('SIGN_IN_ADDRESS_SECONDS')} s`,
    )
    for (const name of [
      'SIGN_IN_ACCOUNT_FAILURES',
      'PASSWORD_MAX_FAILURES',
      'DEVICE_MAX_FAILURES',
      'SMS_DAILY_LIMIT',
    ]) {
      expect(limitOf(`\`${name}\``), name).toBe(fallback(name))
    }
    expect(limitOf('`SIGN_IN_WAIT_MINUTES`')).toBe(`${fallback('SIGN_IN_WAIT_MINUTES')} min`)
    const policy = 'src/limits/policy.ts'
    expect(limitOf('`SESSION_MAX_FAILURES`')).toBe(String(constant(policy, 'SESSION_MAX_FAILURES')))
    const invitations = constant(policy, 'INVITATIONS_PER_MINUTE')
    expect(limitOf('`INVITATIONS_PER_MINUTE`')).toBe(`${invitations} in 60 s`)
    expect(limitOf('`FACTOR_MAX_FAILURES`')).toBe(String(constant(policy, 'FACTOR_MAX_FAILURES')))
    expect(limitOf('`SMS_PER_HOUR`')).toBe(
      `${constant(policy, 'SMS_PER_HOUR')} in ${constant(policy, 'HOUR_SECONDS')} s`,
    )
    expect(limitOf('`CHALLENGE_MAX_FAILURES`')).toBe(
      String(constant('src/mfa/challenge-queries.ts', 'CHALLENGE_MAX_FAILURES')),
    )
    expect(limitOf('`PLACE_SECONDS`')).toBe(`${constant(policy, 'PLACE_SECONDS')} s`)
    const ring = `${constant(policy, 'RING_REQUESTS')} in ${constant(policy, 'RING_SECONDS')} s`
    expect(limitOf('`SIGN_IN_RING`')).toBe(ring)
    const kept = constant('src/housekeeping/keep-house.ts', 'STRAY_THROTTLES_KEPT_DAYS')
    expect(security).toContain(`goes ${kept} days after its last failure`)
    expect(limitOf('`ANSWER_WITHIN_MS`')).toBe(
      `${constant('src/limits/block-mark.ts', 'ANSWER_WITHIN_MS')} ms`,
    )
  })

  it('S117: tells the password rules that the code has', () => {
    const [, shortest] =
      /PASSWORD_MIN_LENGTH: wholeNumber\(\d+, \d+, (\d+)\)/.exec(read('src/platform/settings.ts')) ?? []
    expect(rowOf('minimum length by default')?.[1]).toBe(`${shortest} code points`)
    expect(rowOf('maximum length')?.[1]).toBe(
      `${constant('src/passwords/policy.ts', 'PASSWORD_MAX_LENGTH')} code points`,
    )
    expect(rowOf('iterations per call')?.[1]).toBe(String(ITERATIONS_PER_CALL))
    expect(rowOf('calls')?.[1]).toBe(String(CALLS))
  })

  it('S117: tells how many may wait for a derivation', () => {
    const queue = read('src/crypto/derivation-queue.ts')
    const [, waiting, ms] =
      /nativeLane = createLane\(\{ quietRow: 6, maxWaiting: (\d+), maxWaitMs: ([\d_]+)/.exec(queue) ?? []
    const seconds = Number(ms?.replace('_', '')) / 1000
    expect(rowOf('derivations in one isolate')?.[1]).toBe(`1 at a time, ${waiting} waiting, ${seconds} s`)
  })

  it('S117: lists every line that the log can hold', () => {
    const sources = globSync('src/**/*.ts').map(read).join('\n')
    const written = [...sources.matchAll(/log(?:Alert|Info)\(\s*'([\w ]+)'/g)].map(([, name]) => name)
    expect(written.length).toBeGreaterThan(5)
    for (const name of written) expect(security).toContain(`\`${name}\``)
  })

  it('names tests that exist', () => {
    const named = [
      ...security.matchAll(
        /`((?:threats|access|crypto|contract|sessions|node|passwords|limits|routes)\/[\w-]+)`/g,
      ),
    ].map(([, name]) => name)
    expect(named.length).toBeGreaterThan(8)
    const present = globSync('test/**/*.test.ts')
    for (const name of named) expect(present, name).toContain(`test/${name}.test.ts`)
  })
})

describe('docs/security.md, on keys', () => {
  it('S117: tells the times that the code has', () => {
    const settings = read('src/platform/settings.ts')
    const [, days] = /KEY_MAX_AGE_DAYS: wholeNumber\(1, 3_650, (\d+)\)/.exec(settings) ?? []
    expect(rowOf('before the cron reports a key that makes what is new')?.[1]).toBe(`${days} days`)
    const token = constant('src/sessions/access-token.ts', 'ACCESS_TOKEN_SECONDS')
    const spread = constant('scripts/key-usage.ts', 'SPREAD_SECONDS')
    expect(constant('scripts/key-usage.ts', 'TOKEN_SECONDS')).toBe(token)
    expect(rowOf('before an old `SECRET_KEY` may go, since a newer one was seen')?.[1]).toBe(
      `${token} s and ${spread} s`,
    )
    expect(rowOf('before an old `DATA_KEY` may go, if nothing names it')?.[1]).toBe(`${spread} s`)
    const [, kept] = /AUDIT_RETENTION_DAYS: wholeNumber\(0, 3_650, (\d+)\)/.exec(settings) ?? []
    for (const document of [security, read('docs/storage.md')]) {
      expect(document).toContain(`\`AUDIT_RETENTION_DAYS\``)
      expect(document).toContain(`${kept} by default`)
    }
  })
})

describe('docs/operations.md', () => {
  const operations = read('docs/operations.md')
  const sources = globSync('src/**/*.ts').map(read).join('\n')
  const sections = new Map(
    operations
      .split(/^### /m)
      .slice(1)
      .flatMap((section) => {
        const [, code] = /^`(\w+)`\n/.exec(section) ?? []
        return code === undefined ? [] : [[code, section] as const]
      }),
  )

  it('S117: has a section for every alert that the code writes, and for no other', () => {
    const written = [...sources.matchAll(/logAlert\(\s*'(\w+)'/g)].map(([, code]) => code)
    expect(written.length).toBeGreaterThan(8)
    expect([...sections.keys()].sort()).toEqual([...new Set(written)].sort())
    // Each code stands where it is written: one that is put together elsewhere would be missed here.
    expect(sources.match(/logAlert\((?!\s*'|alert: string)/g)).toBeNull()
  })

  it('tells of each how to find it, what it means, what to do first and then', () => {
    for (const [code, section] of sections) {
      expect(section, code).toContain(`Filters: \`level\` equals \`alert\`, \`message\` equals \`${code}\`.`)
      for (const part of ['**It means**', '**First**', '**Next**']) expect(section, code).toContain(part)
    }
  })

  it('names the fields that the lines have', () => {
    const calls = [...sources.matchAll(/logAlert\(\s*'(\w+)'(?:,\s*\{([^}]*)\})?/g)]
    for (const [, code = '', fields = ''] of calls) {
      for (const [, field] of fields.matchAll(/(\w+):/g)) {
        expect(sections.get(code)?.split('Filters:')[0], code).toContain(`\`${field}\``)
      }
    }
  })

  it('knows every reason for which the audit log can be found wrong', () => {
    const section = sections.get('audit_verification_failed')
    const whole = [...sources.matchAll(/reason: '((?:row|rows|seal|stub|mark)_\w+)'/g)].map(
      ([, reason]) => reason,
    )
    const made = ['row', 'seal', 'stub', 'mark'].flatMap((what) => [`${what}_changed`, `${what}_key_unknown`])
    expect(whole.length).toBeGreaterThan(5)
    for (const reason of [...whole, ...made]) expect(section).toContain(`\`${reason}\``)
  })
})

describe('docs/storage.md', () => {
  it('has a row for every table', () => {
    const tables = globSync('migrations/*.sql').flatMap((path) =>
      [...read(path).matchAll(/CREATE TABLE (\w+)/g)].map(([, name]) => name),
    )
    expect(tables.length).toBeGreaterThan(5)
    for (const table of tables) expect(read('docs/storage.md')).toContain(`| \`${table}\` |`)
  })
})

describe('every document', () => {
  it('links to files that exist', () => {
    const documents = [...globSync('*.md'), ...globSync('docs/**/*.md'), 'migrations/README.md']
    for (const path of documents) {
      for (const [, target = ''] of read(path).matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
        const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : ''
        expect(() => read(`${folder}${target}`), `${path}: ${target}`).not.toThrow()
      }
    }
  })
})
