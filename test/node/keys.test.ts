/**
 * `npm run keys`, locally and against a program that plays wrangler with a deployed Worker: its secrets can be listed,
 * put and deleted, but not read, and its database is SQLite with this project's migrations.
 */
import { spawn } from 'node:child_process'
import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { retire, rotate, type Session, showStatus } from '../../scripts/key-commands.ts'
import { type KeyStore, localStore, remoteStore } from '../../scripts/key-stores.ts'
import {
  forceResetStatements,
  SPREAD_SECONDS,
  statusStatements,
  TOKEN_SECONDS,
} from '../../scripts/key-usage.ts'

const NOW = 1_800_000_000
const DAY = 86_400

const PLAYED_WRANGLER = `
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
const [folder, ...args] = process.argv.slice(2)
const stdin = args[1] === 'put' ? readFileSync(0, 'utf8') : ''
appendFileSync(folder + '/calls.ndjson', JSON.stringify(args) + '\\n')
const secrets = JSON.parse(readFileSync(folder + '/secrets.json', 'utf8'))
if (args.join(' ').startsWith(process.env.FAILS ?? '\\0')) { console.error('X [ERROR] fails'); process.exit(1) }
if (args[0] === 'secret' && args[1] === 'list') console.log(JSON.stringify(Object.keys(secrets).map((name) => ({ name, type: 'secret_text' }))))
else if (args[0] === 'secret') {
  if (args[1] === 'put') secrets[args[2]] = stdin
  else delete secrets[args[2]]
  writeFileSync(folder + '/secrets.json', JSON.stringify(secrets))
} else {
  const database = new DatabaseSync(folder + '/database.sqlite')
  const command = args.find((arg) => arg.startsWith('--command=')).slice(10, -1)
  database.exec('BEGIN')
  const answers = command.split(';\\n').map((sql) => ({ results: database.prepare(sql).all(), success: true }))
  database.exec('COMMIT')
  console.log(JSON.stringify(answers))
}
`

let folder: string
let database: DatabaseSync
let printed: string[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keys-'))
  printed = []
  writeFileSync(join(folder, 'wrangler.mjs'), PLAYED_WRANGLER)
  writeFileSync(join(folder, 'calls.ndjson'), '')
  writeFileSync(join(folder, 'secrets.json'), '{}')
  database = new DatabaseSync(join(folder, 'database.sqlite'))
  const files = readdirSync('migrations').filter((name) => name.endsWith('.sql'))
  for (const name of files.sort()) database.exec(readFileSync(`migrations/${name}`, 'utf8'))
})

afterEach(() => {
  database.close()
  rmSync(folder, { recursive: true })
})

const inFolder = (name: string) => readFileSync(join(folder, name), 'utf8')
const rows = (query: string) =>
  database
    .prepare(query)
    .all()
    .map((row) => ({ ...row }))
const secrets = () => JSON.parse(inFolder('secrets.json')) as Record<string, string>
const calls = () =>
  inFolder('calls.ndjson')
    .split('\n')
    .filter(Boolean)
    .map((line): string[] => JSON.parse(line))
const said = () => printed.join('\n')

function remote(fails?: string): KeyStore {
  return remoteStore({
    start: (args, options) =>
      spawn(process.execPath, [join(folder, 'wrangler.mjs'), folder, ...args], {
        ...options,
        env: { ...process.env, ...(fails && { FAILS: fails }) },
      }),
    print: (line) => printed.push(line),
    secretsPath: join(folder, 'secrets.production'),
  })
}

function local(): KeyStore {
  const query = async (statements: string[]) => statements.map((sql) => rows(sql)) as never
  return localStore(join(folder, '.dev.vars'), query)
}

const session = (store: KeyStore, part: Partial<Session> = {}): Session => ({
  store,
  now: NOW,
  print: (line) => printed.push(line),
  confirm: async () => true,
  ...part,
})

/** As the Worker derives it. */
const idOf = (value = '') =>
  Buffer.from(hkdfSync('sha256', Buffer.from(value, 'base64url'), '', 'mechanic-shop-api kid', 4)).toString(
    'hex',
  )

/** What the Worker's cron writes down, when each key was first seen by it. */
function see(name: string, firstSeenAt: number, value = secrets()[name], lastSeenAt = NOW - 60): string {
  const ring = name.startsWith('SECRET') ? 'secret' : 'data'
  database
    .prepare('INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?, NULL)')
    .run(ring, idOf(value), name, firstSeenAt, lastSeenAt)
  return idOf(value)
}

/** A Worker with the first keys, which its cron has known for 100 days. */
async function deployed(): Promise<void> {
  const draw = () => randomBytes(32).toString('base64url')
  writeFileSync(
    join(folder, 'secrets.json'),
    JSON.stringify({ SECRET_KEY: draw(), DATA_KEY: draw(), OTHER: 'x' }),
  )
  for (const name of ['SECRET_KEY', 'DATA_KEY']) see(name, NOW - 100 * DAY)
}

/** A second key of each ring, which the cron has known for `age` seconds. */
async function rotated(age: number): Promise<{ old: string; newest: string }> {
  await deployed()
  await rotate(session(remote()), ['secret', 'data'])
  see('SECRET_KEY_2', NOW - age)
  const newest = see('DATA_KEY_2', NOW - age)
  printed = []
  return { old: idOf(secrets()['DATA_KEY']), newest }
}

function account(id: number, passwordHash: string | null): void {
  database
    .prepare(
      `INSERT INTO accounts (id, role, email, email_canonical, first_name, last_name, password_hash, created_at, updated_at)
       VALUES (?, 'customer', ?, ?, 'A', 'B', ?, 1, 1)`,
    )
    .run(id, `${id}@b.c`, `${id}@b.c`, passwordHash)
}

const hashUnder = (keyId: string) =>
  `$pbkdf2-sha256-chain$v=1$i=50000,n=12,k=${keyId}$${'A'.repeat(22)}$${'B'.repeat(43)}`

function openSession(id: string, accountId: number, keyId: string, expiresAt = NOW + DAY): void {
  database
    .prepare(
      `INSERT INTO sessions (id, account_id, created_at, authenticated_at, expires_at, refresh_key_id) VALUES (?, ?, 1, 1, ?, ?)`,
    )
    .run(id, accountId, expiresAt, keyId)
}

const messageUnder = (keyId: string) =>
  database.exec(
    `INSERT INTO outbox_messages VALUES (1, 'm', 'mail', 'reset', NULL, 'b', '${keyId}', 'queued', 0, 1, 0, 1, 2, NULL)`,
  )

function auditRow(keyId: string): void {
  database
    .prepare(
      `INSERT INTO audit_events (event_id, occurred_at, event, outcome, details, key_id, mac) VALUES (?, 1, 'x', 'success', '{}', ?, 'm')`,
    )
    .run(createHmac('sha256', 'x').update(randomBytes(8)).digest('hex'), keyId)
}

describe('rotate', () => {
  it('S42: adds the next number of each ring, or of one, and shows the value to nobody', async () => {
    await deployed()
    const before = secrets()
    await rotate(session(remote()), ['secret', 'data'])
    await rotate(session(remote()), ['data'])
    const { SECRET_KEY_2 = '', DATA_KEY_2 = '', DATA_KEY_3 = '', ...others } = secrets()
    expect(others).toEqual(before)
    expect(calls().filter(([, verb]) => verb === 'put')).toEqual(
      ['SECRET_KEY_2', 'DATA_KEY_2', 'DATA_KEY_3'].map((name) => ['secret', 'put', name]),
    )
    expect(new Set([SECRET_KEY_2, DATA_KEY_2, DATA_KEY_3]).size).toBe(3)
    for (const value of [SECRET_KEY_2, DATA_KEY_2, DATA_KEY_3]) {
      expect(Buffer.from(value, 'base64url')).toHaveLength(32)
      expect(inFolder('secrets.production')).toContain(`=${value}\n`)
      expect(said() + inFolder('calls.ndjson')).not.toContain(value)
    }
    expect(statSync(join(folder, 'secrets.production')).mode & 0o777).toBe(0o600)
  })

  it('goes on with the same value where it was interrupted', async () => {
    await deployed()
    await expect(rotate(session(remote('secret put')), ['data'])).rejects.toThrow(
      'secret put DATA_KEY_2 failed',
    )
    expect(Object.keys(secrets())).not.toContain('DATA_KEY_2')
    const kept = inFolder('secrets.production')
    await rotate(session(remote()), ['data'])
    expect(inFolder('secrets.production')).toBe(`${kept}# DATA_KEY_2 has been given to the Worker\n`)
    expect(kept).toBe(`DATA_KEY_2=${secrets()['DATA_KEY_2']}\n`)
  })

  it('S42: never brings back a key that was deleted because it had leaked', async () => {
    await deployed()
    await rotate(session(remote()), ['secret'])
    const { SECRET_KEY_2: leaked = '', ...others } = secrets()
    // In a hurry: the key goes first, and secrets.production still has its value.
    writeFileSync(join(folder, 'secrets.json'), JSON.stringify(others))
    await rotate(session(remote()), ['secret'])
    expect(Object.keys(secrets())).toContain('SECRET_KEY_3')
    expect(Object.values(secrets())).not.toContain(leaked)
  })

  it('says what to do next where the keys are', async () => {
    await deployed()
    await rotate(session(remote()), ['secret'])
    expect(printed.at(-1)).toMatch(/^Put secrets\.production into .* npm run keys -- status --remote shows/)
    const leak = retire(session(local()), 'SECRET_KEY', { forceReset: false })
    await expect(leak).rejects.toThrow('There is no key')
    writeFileSync(join(folder, '.dev.vars'), inFolder('secrets.production').replace(/^/, 'SECRET_KEY=x\n'))
    const old = retire(session(local()), 'SECRET_KEY', { forceReset: false })
    await expect(old).rejects.toThrow('do not wait: remove the line of SECRET_KEY from .dev.vars')
  })

  it.each([
    ['keys', 'status', '--remote and --force-reset'],
    ['account', 'reset', '--remote'],
  ])('npm run %s does nothing when npm has taken --remote for itself', async (script, command, taken) => {
    const env = { ...process.env, npm_config_remote: 'true', npm_config_force_reset: 'true' }
    const child = spawn(process.execPath, [`scripts/${script}.ts`, command], { env })
    const said = text(child.stderr)
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(1)
    expect(await said).toContain(`npm took ${taken} for itself; nothing was done`)
  })

  it('locally adds lines to .dev.vars, which stays readable for its owner alone', async () => {
    const value = randomBytes(32).toString('base64url')
    writeFileSync(join(folder, '.dev.vars'), `SECRET_KEY_2=${value}\nDATA_KEY_9="${value}"`)
    await rotate(session(local()), ['secret', 'data'])
    const lines = inFolder('.dev.vars').split('\n')
    expect(lines.map((line) => line.split('=')[0])).toEqual([
      'SECRET_KEY_2',
      'DATA_KEY_9',
      'SECRET_KEY_3',
      'DATA_KEY_10',
      '',
    ])
    expect(statSync(join(folder, '.dev.vars')).mode & 0o777).toBe(0o600)
    expect([...(await local().readIds(['DATA_KEY_9']))]).toEqual([['DATA_KEY_9', idOf(value)]])
  })

  it('does not make the first key, which is for npm start and npm run deploy', async () => {
    await expect(rotate(session(local()), ['secret'])).rejects.toThrow('There is no SECRET_KEY yet')
    expect(existsSync(join(folder, '.dev.vars'))).toBe(false)
  })
})

describe('status', () => {
  it('tells of each key its age, what names it and what keeps it', async () => {
    const { old, newest } = await rotated(2 * DAY)
    account(1, hashUnder(old))
    account(2, hashUnder(newest))
    account(3, 'scrypt:32768:8:1$salt$00')
    account(4, null)
    openSession('a', 1, old)
    openSession('b', 2, newest)
    openSession('expired', 2, old, NOW)
    for (const keyId of [old, old, old, newest]) auditRow(keyId)
    const mac = `'${old}', 'm'`
    database.exec(
      `INSERT INTO audit_seals VALUES (1, 2, 2, '', 'h', 1, ${mac}), (3, 3, 1, 'h', 'i', 1, '${newest}', 'm')`,
    )
    database.exec(`INSERT INTO audit_stubs VALUES (2, 'h', 2, 1, ${mac})`)
    database.exec(
      `INSERT INTO factors VALUES ('f', 1, 'totp', '${old}.box', 1, 1, 1), ('g', 1, 'totp', '${old}.box', 1, NULL, NULL)`,
    )
    await showStatus(session(remote()))
    expect(printed).toEqual([
      `SECRET_KEY     ${idOf(secrets()['SECRET_KEY'])}  100 day(s)           may go`,
      `SECRET_KEY_2   ${idOf(secrets()['SECRET_KEY_2'])}  2 day(s)             newest`,
      `DATA_KEY       ${old}  100 day(s)           stays`,
      '    named by: accounts 1, sessions 1, factors 2, audit_events 0, audit_seals 1, audit_stubs 1, outbox_messages 0',
      expect.stringContaining('1 password(s) in accounts: each moves to the newest key'),
      expect.stringContaining('1 session(s) in sessions: each moves when it is refreshed'),
      expect.stringContaining('2 second factor(s) in factors: the cron encrypts them anew'),
      expect.stringContaining('1 audit seal(s) in audit_seals: the cron signs them anew'),
      expect.stringContaining('1 audit stub(s) in audit_stubs: the cron signs them anew'),
      `DATA_KEY_2     ${newest}  2 day(s)             newest`,
      '    named by: accounts 1, sessions 1, factors 0, audit_events 1, audit_seals 1, audit_stubs 0, outbox_messages 0',
    ])
  })

  it('S42: counts in every table that has a column for the id of a key', () => {
    const tables = rows(
      `SELECT DISTINCT t.name FROM sqlite_master AS t, pragma_table_info(t.name) AS c
       WHERE t.type = 'table' AND (c.name LIKE '%key_id' OR c.name LIKE '%kid')`,
    ).map(({ name }) => String(name))
    expect(tables.length).toBeGreaterThan(3)
    // Its boxes begin with the id.
    tables.push('factors')
    const statements = statusStatements(NOW).join('\n')
    for (const table of tables) expect(statements).toContain(`count(*) AS uses FROM ${table} `)
  })

  it('names a key that is not there and that something still needs', async () => {
    await rotated(DAY)
    account(1, hashUnder('00c0ffee'))
    openSession('a', 1, '00c0ffee')
    await showStatus(session(remote()))
    expect(said()).toContain(
      'A DATA_KEY that is not there, 00c0ffee, is named by: accounts 1, sessions 1, factors 0, audit_events 0, audit_seals 0, audit_stubs 0, outbox_messages 0',
    )
    database.exec('DELETE FROM keys')
    printed = []
    await showStatus(session(remote()))
    expect(said()).not.toContain('00c0ffee')
  })

  it('says that there are no keys where there are none', async () => {
    await showStatus(session(local()))
    expect(printed).toEqual([expect.stringContaining('There are no keys yet')])
  })

  it('locally knows the ids from .dev.vars, and says that the cron has not run', async () => {
    const value = randomBytes(32).toString('base64url')
    writeFileSync(join(folder, '.dev.vars'), `export DATA_KEY=${value}\nSHOP_NAME="x"\n`)
    await rotate(session(local()), ['data'])
    printed = []
    await showStatus(session(local()))
    expect(printed[0]).toBe(`DATA_KEY       ${idOf(value)}  not seen by the cron stays`)
    expect(said()).toContain("the Worker's cron, which runs every five minutes, has not seen DATA_KEY yet")
  })
})

describe('retire', () => {
  const names = () => Object.keys(secrets()).filter((name) => name !== 'OTHER')

  it('S42: removes an old SECRET_KEY a day after the newer one was seen, and not before', async () => {
    const wait = TOKEN_SECONDS + SPREAD_SECONDS
    await rotated(wait - 1)
    await expect(retire(session(remote()), 'SECRET_KEY', { forceReset: false })).rejects.toThrow(
      /SECRET_KEY stays:\n {2}something may still be made or checked with it until .*Z\nIf it has leaked.*\nThe key was not removed/,
    )
    expect(names()).toHaveLength(4)
    const later = session(remote(), { now: NOW + 1 })
    await expect(retire(later, 'SECRET_KEY', { forceReset: true })).rejects.toThrow(
      '--force-reset is for a DATA_KEY',
    )
    await retire(later, 'SECRET_KEY', { forceReset: false })
    expect(names()).toEqual(['DATA_KEY', 'SECRET_KEY_2', 'DATA_KEY_2'])
    await rotate(session(remote()), ['secret'])
    expect(names()).toEqual(['DATA_KEY', 'SECRET_KEY_2', 'DATA_KEY_2', 'SECRET_KEY_3'])
  })

  it('never removes the newest, nor a name that is no key', async () => {
    await rotated(30 * DAY)
    for (const name of ['SECRET_KEY_2', 'DATA_KEY_2']) {
      await expect(retire(session(remote()), name, { forceReset: true })).rejects.toThrow()
      await expect(retire(session(remote()), name, { forceReset: false })).rejects.toThrow(
        'makes what is new',
      )
    }
    for (const name of ['OTHER', 'SECRET_KEY_7', 'data_key']) {
      await expect(retire(session(remote()), name, { forceReset: false })).rejects.toThrow(
        `There is no key ${name}`,
      )
    }
    expect(names()).toHaveLength(4)
  })

  it('waits for the cron to have seen the newer key, and for a cron that runs', async () => {
    await deployed()
    await rotate(session(remote()), ['secret', 'data'])
    for (const name of ['SECRET_KEY', 'DATA_KEY']) {
      await expect(retire(session(remote()), name, { forceReset: false })).rejects.toThrow(
        `has not seen ${name}_2 yet`,
      )
    }
    see('SECRET_KEY_2', NOW - 9 * DAY, undefined, NOW - DAY)
    await expect(retire(session(remote()), 'SECRET_KEY', { forceReset: false })).rejects.toThrow(
      `has not seen SECRET_KEY_2 since ${new Date((NOW - DAY) * 1000).toISOString().replace('.000', '')}`,
    )
    expect(names()).toHaveLength(4)
  })

  it.each<[string, (old: string) => void, RegExp]>([
    ['a password', (old) => account(1, hashUnder(old)), /1 password\(s\) in accounts/],
    [
      'a session',
      (old) => {
        account(1, null)
        openSession('a', 1, old)
      },
      /1 session\(s\) in sessions/,
    ],
    ['an unsealed audit row', auditRow, /1 unsealed audit event\(s\)/],
    ['a message that waits', messageUnder, /1 message\(s\) in outbox_messages/],
    [
      'a seal',
      (old) => database.exec(`INSERT INTO audit_seals VALUES (1, 2, 2, '', 'h', 1, '${old}', 'm')`),
      /1 audit seal\(s\)/,
    ],
  ])('S42: keeps an old DATA_KEY that %s names, and lets it go when nothing does', async (_, name, why) => {
    const { old, newest } = await rotated(DAY)
    name(old)
    await expect(retire(session(remote()), 'DATA_KEY', { forceReset: false })).rejects.toThrow(why)
    expect(names()).toHaveLength(4)
    database.exec(`DROP TRIGGER audit_events_refuse_update; UPDATE accounts SET password_hash = NULL;
      UPDATE sessions SET refresh_key_id = '${newest}'; UPDATE audit_events SET key_id = '${newest}';
      UPDATE audit_seals SET key_id = '${newest}'; UPDATE outbox_messages SET sealed = NULL, key_id = NULL`)
    await retire(session(remote()), 'DATA_KEY', { forceReset: false })
    expect(names()).toEqual(['SECRET_KEY', 'SECRET_KEY_2', 'DATA_KEY_2'])
    expect(said()).toContain('Keep its value')
  })

  it('locally leaves every other line of .dev.vars as it was', async () => {
    const value = () => randomBytes(32).toString('base64url')
    const [first, second] = [value(), value()]
    const others = `# ours\nSECRET_KEY=${value()}\nSHOP_NAME="A = B"\n`
    writeFileSync(join(folder, '.dev.vars'), `${others}DATA_KEY=${first}\nDATA_KEY_2=${second}\n`)
    see('DATA_KEY', NOW - DAY, first)
    see('DATA_KEY_2', NOW - DAY, second)
    await retire(session(local()), 'DATA_KEY', { forceReset: false })
    expect(inFolder('.dev.vars')).toBe(`${others}DATA_KEY_2=${second}\n`)
    expect(statSync(join(folder, '.dev.vars')).mode & 0o777).toBe(0o600)
  })
})

describe('retire --force-reset', () => {
  const questions: string[] = []
  const answering = (yes: boolean) => ({
    confirm: async (question: string) => {
      questions.push(question)
      return yes
    },
  })
  const force = { forceReset: true }

  async function threePeople(): Promise<{ old: string; newest: string }> {
    const ids = await rotated(DAY)
    account(1, hashUnder(ids.old))
    account(2, hashUnder(ids.newest))
    account(3, hashUnder(ids.newest))
    account(4, 'scrypt:32768:8:1$salt$00')
    openSession('owner', 1, ids.newest)
    openSession('old-refresh', 2, ids.old)
    openSession('untouched', 3, ids.newest)
    questions.length = 0
    return ids
  }
  const state = () =>
    rows(`SELECT (SELECT group_concat(id) FROM accounts WHERE password_hash IS NOT NULL) AS passwords,
      (SELECT group_concat(id) FROM sessions) AS sessions,
      (SELECT group_concat(event || ' ' || account_id) FROM operator_actions) AS actions`)[0]

  it('S42: says how many lose their password, asks, and tells the audit log of each', async () => {
    await threePeople()
    const before = state()
    await retire(session(remote(), answering(false)), 'DATA_KEY', force)
    expect(questions).toEqual([
      expect.stringMatching(/^1 password\(s\) that only DATA_KEY can check .* 1 session\(s\)/),
    ])
    expect([state(), Object.keys(secrets())]).toEqual([before, expect.arrayContaining(['DATA_KEY'])])
    await retire(session(remote(), answering(true)), 'DATA_KEY', force)
    expect(state()).toEqual({
      passwords: '2,3,4',
      sessions: 'untouched',
      actions: 'account.password_removed 1,account.signed_out 2',
    })
    expect(Object.keys(secrets())).not.toContain('DATA_KEY')
  })

  it('can be interrupted before the key is removed, and goes on without asking again', async () => {
    await threePeople()
    await expect(
      retire(session(remote('secret delete'), answering(true)), 'DATA_KEY', force),
    ).rejects.toThrow('secret delete DATA_KEY failed')
    const between = state()
    expect(between?.['passwords']).toBe('2,3,4')
    questions.length = 0
    await retire(session(remote(), answering(true)), 'DATA_KEY', force)
    expect([state(), questions]).toEqual([between, []])
    expect(Object.keys(secrets())).not.toContain('DATA_KEY')
  })

  it('gives up the messages that it sealed, also where nothing else needs it', async () => {
    const { old } = await rotated(DAY)
    messageUnder(old)
    questions.length = 0
    await retire(session(remote(), answering(true)), 'DATA_KEY', force)
    expect(questions).toEqual([expect.stringContaining('1 message(s) that wait will not be sent')])
    expect(rows('SELECT status, sealed, key_id FROM outbox_messages')).toEqual([
      { status: 'failed', sealed: null, key_id: null },
    ])
    expect(Object.keys(secrets())).not.toContain('DATA_KEY')
  })

  it('takes no password away while something else still keeps the key', async () => {
    const { old } = await threePeople()
    auditRow(old)
    const before = state()
    await expect(retire(session(remote(), answering(true)), 'DATA_KEY', force)).rejects.toThrow('unsealed')
    expect([state(), questions]).toEqual([before, []])
  })

  it('writes no id into SQL that is not one', () => {
    expect(() => forceResetStatements("0' OR 1=1 --", NOW)).toThrow('Not the id of a key')
  })
})
