/** The link that an account has been mailed; no answer and no table tells it. */
import { hashToken } from '../../src/crypto/digest.ts'
import { mailsTo, tokenIn } from './mail-provider.ts'
import { testEnv } from './test-env.ts'

const WANTED = `SELECT a.email, l.token_hash FROM accounts AS a JOIN link_tokens AS l ON l.account_id = a.id WHERE a.id = ?`

/** The token that counts, once its mail is there: mails leave after the answer, and not always in their order. */
export async function linkTokenFor(accountId: number): Promise<string> {
  const row = await testEnv.DB.prepare(WANTED).bind(accountId).first<{ email: string; token_hash: string }>()
  for (let look = 0; look < 200; look++) {
    const links = mailsTo(row?.email ?? '').filter(({ text }) => text.includes('#token='))
    for (const mail of links) {
      const token = tokenIn(mail)
      if ((await hashToken(token)) === row?.token_hash) return token
    }
    await scheduler.wait(10)
  }
  throw new Error('no mail with the link that counts')
}
