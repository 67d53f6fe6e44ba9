import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isEntryPoint, root } from './checkout.mjs'

const source = join(root, 'node_modules', '@zxcvbn-ts', 'language-common', 'src', 'passwords.json')
const target = join(root, 'src', 'passwords', 'common-passwords.generated.txt')

const SHORTEST_CODE_POINTS = 6
const LONGEST_CODE_POINTS = 64
const MOST_COMMON = 10_000
const MOST_COMMON_PER_LENGTH = 3_000

/**
 * Chooses the passwords to refuse, sorted. PASSWORD_MIN_LENGTH can be raised, and among the 10,000 most
 * common few are long: so every possible minimum gets the 3,000 most common that reach it as well.
 *
 * @param {string[]} passwords most common first
 */
export function chooseBlocked(passwords) {
  const room = new Map([[SHORTEST_CODE_POINTS, MOST_COMMON]])
  for (let length = SHORTEST_CODE_POINTS + 1; length <= LONGEST_CODE_POINTS; length += 1) {
    room.set(length, MOST_COMMON_PER_LENGTH)
  }
  const blocked = new Set()
  for (const password of new Set(passwords.map((typed) => typed.normalize('NFC').toLowerCase()))) {
    const codePoints = [...password].length
    for (const [minimum, left] of room) {
      if (minimum > codePoints) break
      if (left === 0) continue
      room.set(minimum, left - 1)
      blocked.add(password)
    }
  }
  return [...blocked].sort()
}

/** Compares the time of change, not of modification: npm gives every file of a package the same old one. */
function isUpToDate() {
  const made = statSync(target, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return [source, fileURLToPath(import.meta.url)].every((file) => statSync(file).ctimeMs < made)
}

/** Writes the list that the Worker bundles as text. A list that is up to date is left alone. */
export function generateBlocklist() {
  if (isUpToDate()) return
  const blocked = chooseBlocked(JSON.parse(readFileSync(source, 'utf8')))
  mkdirSync(dirname(target), { recursive: true })
  // Renamed into place: a test run must not read half of what a dev server is writing.
  const unfinished = `${target}.${process.pid}`
  writeFileSync(unfinished, `${blocked.join('\n')}\n`)
  renameSync(unfinished, target)
}

if (isEntryPoint(import.meta.url)) generateBlocklist()
