// Prints the links of the mails that `wrangler dev` writes to files, so that nobody has to look for the file.
import { mkdirSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { root } from './checkout.mjs'

/** Where `wrangler dev` puts each mail that is sent: its text in a folder `email-text`. */
const MAIL_FOLDER = join(root, '.wrangler', 'tmp', 'email')

const LINK = /https?:\/\/\S+\/links\/\S+#token=\S+/

/** Prints each link once, with the file that it stands in, until the process ends. */
export function printMailLinks(): void {
  mkdirSync(MAIL_FOLDER, { recursive: true })
  const printed = new Set<string>()
  watch(MAIL_FOLDER, { recursive: true }, (_, file) => {
    const link = file?.endsWith('.txt') ? findLink(join(MAIL_FOLDER, file)) : undefined
    if (link === undefined || printed.has(link)) return
    printed.add(link)
    process.stdout.write(`\n  Link of a mail  ${link}\n\n`)
  }).unref()
}

function findLink(path: string): string | undefined {
  try {
    return LINK.exec(readFileSync(path, 'utf8'))?.[0]
  } catch {
    // Removed meanwhile, as wrangler does when it ends.
    return undefined
  }
}
