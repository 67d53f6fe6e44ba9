/** The list of commonly used passwords; generated at build time from a published list by frequency. */
import list from './common-passwords.generated.txt'

let common: ReadonlySet<string> | undefined

/** Whether the whole password, letter case ignored, is on the list. */
export function isCommonPassword(password: string): boolean {
  // Made at first use: start-up time is paid by every isolate, registration by few.
  common ??= new Set(list.split('\n'))
  return common.has(password.normalize('NFC').toLowerCase())
}
