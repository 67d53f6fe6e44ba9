/**
 * The steps of `npm run deploy`, run against a program that plays wrangler and a Cloudflare account, which no
 * test can have. It answers in the words of the real one. What it "deploys" is the built Worker.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { activeMilliseconds, judgeSize, judgeStartup } from '../../scripts/deploy-budgets.ts'
import { type Deployment, showCommand } from '../../scripts/deploy-commands.ts'
import { readDeployConfig, withId, withVariable } from '../../scripts/deploy-config.ts'
import { planSecret } from '../../scripts/deploy-secrets.ts'
import { judgeSettings } from '../../scripts/deploy-settings.ts'
import { explainFault, smokeTest } from '../../scripts/deploy-smoke-test.ts'
import { readAddresses, runSteps, STEPS } from '../../scripts/deploy-steps.ts'
import { NEWEST_MIGRATION } from '../../src/platform/version.ts'
import { type RunningWorker, startWorker } from './running-worker.ts'

const DATABASE_ID = '11111111-2222-4333-8444-555555555555'
const NAMESPACE_ID = 'b'.repeat(32)

/** What the played account has. `secrets` is undefined while it has no Worker. */
interface Account {
  signedIn: boolean
  databases: { name: string; uuid: string }[]
  namespaces: { title: string; id: string }[]
  secrets?: Record<string, string>
  accounts?: number
  target: string
  fails?: string
}

interface Call {
  readonly args: string[]
  readonly stdin: string
}

/** wrangler.toml as in a fresh checkout, whatever a deployment or its owner has written into it since. */
const FRESH_CONFIG = readFileSync('wrangler.toml', 'utf8')
  .replace(/^name = .*/m, 'name = "mechanic-shop-api"')
  .replace(/^database_name = .*/m, 'database_name = "mechanic-shop"')
  .replace(/^((?:database_)?id = )"[^"]*"/gm, '$1"00000000000000000000000000000000"')
  .replace(/^(?=[A-Z_]+ = ")/gm, '# ')

const PLAYED_WRANGLER = `
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
const [folder, ...args] = process.argv.slice(2)
const command = args.join(' ')
const account = JSON.parse(readFileSync(folder + '/account.json', 'utf8'))
const stdin = command.startsWith('secret put') ? readFileSync(0, 'utf8') : ''
appendFileSync(folder + '/calls.ndjson', JSON.stringify({ args, stdin }) + '\\n')
const refuse = (text) => { console.error(text); process.exit(1) }
const say = (value) => console.log(JSON.stringify(value))
if (account.fails && command.startsWith(account.fails)) process.exit(1)
if (command === 'whoami --json') {
  say(account.signedIn ? { loggedIn: true, email: 'boss@shop.test' } : { loggedIn: false })
  if (!account.signedIn) process.exit(1)
} else if (command === 'login') account.signedIn = true
else if (command === 'd1 list --json') say(account.databases)
else if (command.startsWith('d1 create ')) account.databases.push({ name: args[2], uuid: '${DATABASE_ID}' })
else if (command === 'kv namespace list') say(account.namespaces)
else if (command.startsWith('kv namespace create ')) account.namespaces.push({ title: args[3], id: '${NAMESPACE_ID}' })
else if (command === 'secret list') {
  if (!account.secrets) refuse('X [ERROR] Worker "mechanic-shop-api" not found.')
  say(Object.keys(account.secrets).map((name) => ({ name, type: 'secret_text' })))
} else if (command.startsWith('secret put ')) account.secrets = { ...account.secrets, [args[2]]: stdin }
else if (command.startsWith('d1 execute ')) {
  const rows = command.includes('sqlite_master') ? Number(account.accounts !== undefined) : account.accounts
  say([{ results: [{ rows }], success: true }])
} else if (command === 'deploy') {
  const entry = { type: 'deploy', version: 1, targets: [account.target, 'schedule: */5 * * * *'] }
  appendFileSync(process.env.WRANGLER_OUTPUT_FILE_PATH, JSON.stringify(entry) + '\\n')
} else if (command !== 'd1 migrations apply DB --remote') refuse('Unknown command: ' + command)
writeFileSync(folder + '/account.json', JSON.stringify(account))
`

const ORDER = [
  'whoami --json',
  'd1 list --json',
  'd1 create mechanic-shop',
  'd1 list --json',
  'kv namespace list',
  'kv namespace create mechanic-shop-api-kv',
  'kv namespace list',
  'secret list',
  expect.stringContaining('sqlite_master'),
  'secret put SECRET_KEY',
  'secret put DATA_KEY',
  'd1 migrations apply DB --remote',
  'deploy',
  // Once more, with the address that is known now.
  'deploy',
]

const WITHOUT_SMOKE_TEST = STEPS.slice(0, -1)

/** What `wrangler d1 migrations apply` notes, and /ready reads. */
async function migrateTo(name: string): Promise<void> {
  await worker.database.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name).run()
}

let worker: RunningWorker
let folder: string
let printed: string[]

beforeAll(async () => {
  worker = await startWorker()
  const columns = 'id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT'
  await worker.database.prepare(`CREATE TABLE IF NOT EXISTS d1_migrations (${columns})`).run()
  await migrateTo(NEWEST_MIGRATION)
})

afterAll(() => worker.stop())

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'deploy-'))
  printed = []
  writeFileSync(join(folder, 'wrangler.mjs'), PLAYED_WRANGLER)
  writeFileSync(join(folder, 'wrangler.toml'), FRESH_CONFIG)
  writeFileSync(join(folder, 'calls.ndjson'), '')
  giveAccount({})
})

afterEach(() => rmSync(folder, { recursive: true }))

const inFolder = (name: string) => readFileSync(join(folder, name), 'utf8')
const readAccount = () => JSON.parse(inFolder('account.json')) as Account
const calls = () =>
  inFolder('calls.ndjson')
    .split('\n')
    .filter(Boolean)
    .map((line): Call => JSON.parse(line))
const commands = () => calls().map(({ args }) => args.join(' '))

function giveAccount(part: Partial<Account>): void {
  const empty: Account = { signedIn: true, databases: [], namespaces: [], target: worker.url.origin }
  writeFileSync(join(folder, 'account.json'), JSON.stringify({ ...empty, ...part }))
}

function open(part: Partial<Deployment> = {}): Deployment {
  return {
    start: (args, options) =>
      spawn(process.execPath, [join(folder, 'wrangler.mjs'), folder, ...args], options),
    check: async () => true,
    configPath: join(folder, 'wrangler.toml'),
    secretsPath: join(folder, 'secrets.production'),
    ask: undefined,
    print: (line) => printed.push(line),
    patience: 0,
    addresses: [],
    ...part,
  }
}

/** The lines of the temporary wrangler.toml that differ from a fresh one's. */
function changedLines(): (string | undefined)[] {
  const before = FRESH_CONFIG.split('\n')
  const after = inFolder('wrangler.toml').split('\n')
  expect(after).toHaveLength(before.length)
  return after.filter((line, index) => line !== before[index])
}

describe('a first deployment', () => {
  it('does everything in order, and every command is one that --dry-run names', async () => {
    const deployment = open()
    const named = STEPS.flatMap(({ describe: list }) => list(readDeployConfig(deployment.configPath)))
    await runSteps(deployment)
    expect(commands()).toEqual(ORDER)
    expect(deployment.addresses).toEqual([worker.url.origin])
    const unnoted = named.map((line) => line.replace(/, [\w ]+$/, ''))
    expect(unnoted).toEqual(expect.arrayContaining(calls().map(({ args }) => showCommand(args))))
  })

  it('writes both ids, and the address that links lead to, into wrangler.toml and changes no other line', async () => {
    await runSteps(open())
    expect(changedLines()).toEqual([
      `database_id = "${DATABASE_ID}"`,
      `id = "${NAMESPACE_ID}"`,
      expect.stringMatching(`^APP_URL = "${worker.url.origin}" `),
    ])
  })

  it('gives the Worker two different random secrets, and shows them to nobody but their owner', async () => {
    await runSteps(open())
    const { SECRET_KEY = '', DATA_KEY = '' } = readAccount().secrets ?? {}
    for (const secret of [SECRET_KEY, DATA_KEY]) {
      expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
      expect(JSON.stringify(calls().map(({ args }) => args))).not.toContain(secret)
      expect(printed.join('\n')).not.toContain(secret)
      expect(inFolder('wrangler.toml')).not.toContain(secret)
    }
    expect(SECRET_KEY).not.toBe(DATA_KEY)
    expect(inFolder('secrets.production')).toBe(`SECRET_KEY=${SECRET_KEY}\nDATA_KEY=${DATA_KEY}\n`)
    expect(statSync(join(folder, 'secrets.production')).mode & 0o777).toBe(0o600)
    expect(readFileSync('.gitignore', 'utf8').split('\n')).toContain('secrets.production')
  })
})

describe('a second deployment', () => {
  it('makes nothing again and draws nothing again, even without secrets.production', async () => {
    await runSteps(open())
    const before = { toml: inFolder('wrangler.toml'), account: readAccount() }
    rmSync(join(folder, 'secrets.production'))
    writeFileSync(join(folder, 'calls.ndjson'), '')
    await runSteps(open())
    expect(commands()).toEqual(['whoami --json', 'secret list', 'd1 migrations apply DB --remote', 'deploy'])
    expect({ toml: inFolder('wrangler.toml'), account: readAccount() }).toEqual(before)
    expect(existsSync(join(folder, 'secrets.production'))).toBe(false)
  })

  it.each([...new Set(ORDER)].filter((command) => typeof command === 'string'))(
    'goes on where `%s` failed, with the same secrets, and nothing had been done after it',
    async (command) => {
      giveAccount({ fails: command })
      await expect(runSteps(open(), WITHOUT_SMOKE_TEST)).rejects.toThrow('Nothing after this step was done')
      expect(commands()).toEqual(ORDER.slice(0, ORDER.indexOf(command) + 1))
      const kept = existsSync(join(folder, 'secrets.production')) ? inFolder('secrets.production') : ''
      const { fails: _, ...mended } = readAccount()
      giveAccount(mended)
      await runSteps(open(), WITHOUT_SMOKE_TEST)
      const { databases, namespaces, secrets } = readAccount()
      expect([databases.length, namespaces.length]).toEqual([1, 1])
      expect(inFolder('secrets.production').startsWith(kept)).toBe(true)
      expect(inFolder('secrets.production')).toContain(`DATA_KEY=${secrets?.['DATA_KEY']}\n`)
    },
  )

  it('finds by its name what was made before its id was written', async () => {
    giveAccount({
      databases: [
        { name: 'other', uuid: NAMESPACE_ID },
        { name: 'mechanic-shop', uuid: DATABASE_ID },
      ],
      namespaces: [
        { title: 'KV', id: 'c'.repeat(32) },
        { title: 'mechanic-shop-api-kv', id: NAMESPACE_ID },
      ],
    })
    await runSteps(open())
    expect(commands().filter((command) => command.includes('create'))).toEqual([])
    expect(changedLines().slice(0, 2)).toEqual([`database_id = "${DATABASE_ID}"`, `id = "${NAMESPACE_ID}"`])
  })
})

describe('DATA_KEY', () => {
  const secrets = { SECRET_KEY: 'present' }

  it('is never drawn anew while the database holds accounts', async () => {
    giveAccount({ secrets, accounts: 3 })
    await expect(runSteps(open())).rejects.toThrow(/3 account\(s\)[\s\S]*everybody would be locked out/)
    expect(readAccount().secrets).toEqual(secrets)
    expect(existsSync(join(folder, 'secrets.production'))).toBe(false)
    expect(commands().at(-1)).toContain('SELECT COUNT(*) AS rows FROM accounts')
  })

  it('is drawn when the tables are there and empty', async () => {
    giveAccount({ secrets, accounts: 0 })
    await runSteps(open())
    expect(Object.keys(readAccount().secrets ?? {})).toEqual(['SECRET_KEY', 'DATA_KEY'])
  })

  it('comes back from secrets.production, whatever the database holds', async () => {
    const kept = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')
    writeFileSync(join(folder, 'secrets.production'), `DATA_KEY=${kept}`, { mode: 0o600 })
    giveAccount({ secrets, accounts: 3 })
    await runSteps(open())
    expect(readAccount().secrets).toEqual({ ...secrets, DATA_KEY: kept })
    expect(printed.join('\n')).not.toContain(kept)
  })

  it('is not taken from secrets.production when the Worker would refuse it', async () => {
    writeFileSync(join(folder, 'secrets.production'), 'DATA_KEY=too-short\n')
    giveAccount({ secrets, accounts: 3 })
    await expect(runSteps(open())).rejects.toThrow('DATA_KEY in secrets.production is too short')
    expect(readAccount().secrets).toEqual(secrets)
  })

  it('is there when only a numbered one is', () => {
    expect(planSecret('DATA_KEY', ['DATA_KEY_2'], undefined)).toBe('present')
    expect(planSecret('DATA_KEY', ['DATA_KEYS', 'MY_DATA_KEY', 'DATA_KEY_x'], undefined)).toBe('draw')
    expect(planSecret('SECRET_KEY', ['DATA_KEY'], 'kept')).toBe('kept')
  })
})

describe('before anything is made', () => {
  it('a failing check ends it', async () => {
    await expect(runSteps(open({ check: async () => false }))).rejects.toThrow(
      'npm run check found something',
    )
    expect(calls()).toEqual([])
  })

  it('somebody has to be signed in, which only a terminal can mend', async () => {
    giveAccount({ signedIn: false })
    await expect(runSteps(open())).rejects.toThrow(/npx wrangler login[\s\S]*CLOUDFLARE_API_TOKEN/)
    expect(commands()).toEqual(['whoami --json'])
    await runSteps(open({ ask: async () => '' }))
    expect(commands().slice(1, 4)).toEqual(['whoami --json', 'login', 'whoami --json'])
  })

  it('settings that the Worker would refuse end it', async () => {
    const toml = withVariable(inFolder('wrangler.toml'), 'PASSWORD_MIN_LENGTH', '5')
    writeFileSync(join(folder, 'wrangler.toml'), toml)
    await expect(runSteps(open())).rejects.toThrow('PASSWORD_MIN_LENGTH: not valid')
    expect(commands()).toEqual(['whoami --json'])
  })
})

describe('the settings', () => {
  const typing = (...answers: string[]) => {
    const questions: string[] = []
    const ask = async (question: string) => {
      questions.push(question)
      return answers.shift() ?? ''
    }
    return { questions, ask }
  }

  it('are asked for in a terminal until they are valid, on the first deployment only', async () => {
    const first = typing('Joe\'s "Garage"', 'five', '5', '15', 'joe', 'joe@garage.test')
    await runSteps(open({ ask: first.ask }))
    expect(first.questions).toHaveLength(6)
    expect(readDeployConfig(join(folder, 'wrangler.toml')).variables).toEqual({
      SHOP_NAME: 'Joe\'s "Garage"',
      PASSWORD_MIN_LENGTH: '15',
      MAIL_FROM: 'joe@garage.test',
      APP_URL: worker.url.origin,
    })
    expect(changedLines()).toHaveLength(6)
    const second = typing()
    await runSteps(open({ ask: second.ask }))
    expect(second.questions).toEqual([])
  })

  it('stay as they are with Enter, and are shown with their defaults', async () => {
    const { ask, questions } = typing('', '', '')
    await runSteps(open({ ask }))
    expect(questions).toHaveLength(3)
    expect(changedLines()).toHaveLength(3)
    expect(printed.join('\n')).toMatch(/PASSWORD_MIN_LENGTH +6 +\(default\)/)
  })

  it('are all judged by the code that reads them', () => {
    const { bindings, variables } = readDeployConfig(join(folder, 'wrangler.toml'))
    const names = judgeSettings({ bindings, variables }).settings.map(({ name }) => name)
    const commented = [...inFolder('wrangler.toml').matchAll(/^# ([A-Z_]+) = "/gm)].map(([, name]) => name)
    expect(commented.length).toBeGreaterThanOrEqual(6)
    expect(names).toEqual(expect.arrayContaining(commented))
  })
})

describe('wrangler.toml', () => {
  it('gets only ids, and only in place of zeros', () => {
    const done = withId('database_id = "00-00" # ours\nid = "000"', 'database_id', DATABASE_ID)
    expect(done).toBe(`database_id = "${DATABASE_ID}" # ours\nid = "000"`)
    expect(() => withId(done, 'database_id', DATABASE_ID)).toThrow('no line')
    expect(() => withId('id = "000"', 'id', '"\nmain = "evil.js')).toThrow('Not an id')
  })

  it('keeps the comment beside a setting, and gets one that it did not have', () => {
    expect(withVariable('[vars]\n# A = "x"   # why', 'A', 'say "$&"')).toBe(
      '[vars]\nA = "say \\"$&\\""   # why',
    )
    expect(withVariable('[vars]\nA = "x \\" y"', 'A', 'z')).toBe('[vars]\nA = "z"')
    expect(withVariable('[vars]\n', 'A', 'z')).toBe('[vars]\nA = "z"\n')
  })
})

describe('the smoke test', () => {
  it('finds the address in what wrangler deployed', () => {
    expect(
      readAddresses([
        'https://mechanic-shop-api.joes-garage.workers.dev',
        'api.joes-garage.example (custom domain)',
        'joes-garage.example/* (zone name: joes-garage.example)',
        'joes-garage.example/only-here (zone name: joes-garage.example)',
        'schedule: */5 * * * *',
      ]),
    ).toEqual([
      'https://mechanic-shop-api.joes-garage.workers.dev',
      'https://api.joes-garage.example',
      'https://joes-garage.example',
    ])
  })

  it('fails loudly when the deployed Worker is not ready, and says how to go back', async () => {
    await migrateTo('an-older-one.sql')
    await expect(runSteps(open())).rejects.toThrow(
      /GET \/ready[\s\S]*Migrations are missing[\s\S]*npx wrangler rollback/,
    )
    expect(commands()).toEqual(ORDER)
    await migrateTo(NEWEST_MIGRATION)
  })

  it('knows what an unreachable address and a Free plan look like', async () => {
    const fault = await smokeTest('http://127.0.0.1:9', () => undefined, 0)
    expect(explainFault(fault ?? '')).toContain('does not answer from here yet')
    expect(explainFault('POST /auth/login: got 503 error code: 1102')).toContain('Workers Paid')
  })
})

describe('the budgets', () => {
  it('are those of the check', () => {
    const limit = (path: string) => /MAX_BUNDLE_KIB = (\d+)/.exec(readFileSync(path, 'utf8'))?.[1]
    expect(limit('scripts/deploy-budgets.ts')).toBe(limit('scripts/check.ts'))
  })

  it('judge the gzipped size, and anything unreadable as too big', () => {
    expect(judgeSize('Total Upload: 813.82 KiB / gzip: 218.40 KiB').failed).toBe(false)
    expect(judgeSize('Total Upload: 813.82 KiB / gzip: 240.01 KiB').failed).toBe(true)
    expect(judgeSize('all is well').failed).toBe(true)
  })

  it('count as start-up what is not idle, show the median and judge the shortest run', () => {
    const node = (id: number, functionName: string) => ({ id, callFrame: { functionName } })
    const nodes = [node(1, '(idle)'), node(2, '(program)'), node(3, 'parse')]
    expect(activeMilliseconds({ nodes, samples: [1, 2, 3, 1], timeDeltas: [9000, 1500, 2500, 9000] })).toBe(4)
    expect(judgeStartup([70, 300, 65])).toEqual({ line: expect.stringContaining('70 ms'), failed: false })
    expect(judgeStartup([170, 300, 165]).failed).toBe(true)
    expect(judgeStartup([]).failed).toBe(true)
  })
})
