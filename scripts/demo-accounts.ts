import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './checkout.mjs'

export const DEMO_ROLES = ['admin', 'mechanic', 'customer'] as const
export type DemoRole = (typeof DEMO_ROLES)[number]

export type DemoAccount = { email: string; password: string }
export type DemoAccounts = Record<DemoRole, DemoAccount>

/** What the person at the keyboard reads, whichever database is in use. */
const published = join(root, '.wrangler', 'demo-accounts.json')

const OWNER_ONLY = 0o600

/** `finished` is beside the database whose accounts it names; `unfinished` while they are being made. */
function pathsIn(stateDirectory: string) {
  return {
    finished: join(stateDirectory, 'demo-accounts.json'),
    unfinished: join(stateDirectory, 'demo-accounts.unfinished.json'),
  }
}

export function demoEmail(role: DemoRole): string {
  return `${role}@demo.mechanic-shop.test`
}

function inventAccount(role: DemoRole): DemoAccount {
  return { email: demoEmail(role), password: randomBytes(18).toString('base64url') }
}

function readAccounts(file: string): DemoAccounts | undefined {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

/** Renamed into place: a crash must not leave half a file, for the passwords are nowhere else. */
function writeAccounts(file: string, accounts: Partial<DemoAccounts>): void {
  mkdirSync(dirname(file), { recursive: true })
  const unfinished = `${file}.${process.pid}`
  writeFileSync(unfinished, `${JSON.stringify(accounts, null, 2)}\n`, { mode: OWNER_ONLY })
  renameSync(unfinished, file)
}

/** `present` are the roles whose demo account the database holds, `others` says if it holds any other account. */
export type Occupancy = { present: DemoRole[]; others: boolean }

/**
 * Decides what the demo needs: `show` the accounts that were made, `make` them (or the rest of them), or
 * `nothing`, because the database belongs to somebody. Files without the accounts they name are of a database
 * that was thrown away.
 */
export function decideDemo(
  files: { finished: boolean; unfinished: boolean },
  { present, others }: Occupancy,
  wanted: boolean,
): 'show' | 'make' | 'nothing' {
  const begun = present.length > 0
  if (begun && files.finished) return 'show'
  if (!wanted) return 'nothing'
  if (begun) return files.unfinished ? 'make' : 'nothing'
  return others ? 'nothing' : 'make'
}

/** Which of the two files this state directory has. */
export function findDemoFiles(stateDirectory: string) {
  const { finished, unfinished } = pathsIn(stateDirectory)
  return { finished: existsSync(finished), unfinished: existsSync(unfinished) }
}

/** Chooses the passwords and writes them down before the first account is made: a later start goes on with them. */
export function beginDemo(stateDirectory: string): DemoAccounts {
  const { finished, unfinished } = pathsIn(stateDirectory)
  rmSync(finished, { force: true })
  const begun = readAccounts(unfinished)
  if (begun !== undefined) return begun
  const accounts = {
    admin: inventAccount('admin'),
    mechanic: inventAccount('mechanic'),
    customer: inventAccount('customer'),
  }
  writeAccounts(unfinished, accounts)
  return accounts
}

export function finishDemo(stateDirectory: string): void {
  const { finished, unfinished } = pathsIn(stateDirectory)
  renameSync(unfinished, finished)
}

/** Copies the accounts that still exist to where people look for them, and returns them. */
export function publishDemoAccounts(stateDirectory: string, present: DemoRole[]): Partial<DemoAccounts> {
  const accounts = readAccounts(pathsIn(stateDirectory).finished) ?? {}
  const existing = Object.fromEntries(
    Object.entries(accounts).filter(([role]) => present.includes(role as DemoRole)),
  )
  writeAccounts(published, existing)
  return existing
}

/** Until the database in use is known to hold them, no demo account may be shown: they may be of another one. */
export function withdrawDemoAccounts(): void {
  rmSync(published, { force: true })
}
