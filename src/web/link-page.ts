/**
 * The pages that links in mails lead to. Opening one does nothing: programs that look into mail open links as well, so
 * a button sends the token, which stands behind `#` in the address and so reaches no server, log or Referer before.
 */
import { html, raw } from 'hono/html'
import { ICON } from './icon.ts'

interface LinkPage {
  readonly title: string
  readonly text: string
  /** What the button says. */
  readonly button: string
  /** Where the button sends the token. */
  readonly endpoint: string
  /** The page asks for a new password and sends it along. */
  readonly asksPassword: boolean
  /** The page has a field for a code of the second factor, which is shown when the endpoint asks for one. */
  readonly mayAskCode?: boolean
  /** What the page says when it is done. */
  readonly done: string
}

const SETS_PASSWORD = { endpoint: '/auth/password/reset', asksPassword: true }

/** By the last part of the path. A kind of link belongs here as soon as its endpoint exists. */
export const LINK_PAGES = {
  reset: {
    ...SETS_PASSWORD,
    title: 'Choose a new password',
    text: 'It signs you out everywhere. Sign in with it afterwards.',
    button: 'Set the password',
    done: 'Your password is set. You can sign in with it now.',
  },
  invite: {
    ...SETS_PASSWORD,
    title: 'Choose your password',
    text: 'Your account is ready. Choose the password that you will sign in with.',
    button: 'Set the password',
    done: 'Your password is set. You can sign in with it now.',
  },
  verify: {
    endpoint: '/auth/email/verify',
    asksPassword: false,
    title: 'Confirm your address',
    text: 'It shows that mail to this address reaches you.',
    button: 'Confirm this address',
    done: 'Your address is confirmed.',
  },
  undo: {
    endpoint: '/auth/email/undo',
    asksPassword: false,
    mayAskCode: true,
    title: 'Undo the change of your address',
    text: 'It brings your address back, signs you out everywhere, ends all API tokens, and removes the password.',
    button: 'Undo the change',
    done: 'Your address is back. Now ask for a new password where you sign in.',
  },
  'not-me': {
    endpoint: '/auth/not-me',
    asksPassword: false,
    title: 'This was not me',
    text: 'It signs you out everywhere, ends all API tokens, and removes the password.',
    button: 'Sign me out everywhere',
    done: 'You are signed out everywhere. Now ask for a new password where you sign in.',
  },
} as const satisfies Record<string, LinkPage>

export type LinkKind = keyof typeof LINK_PAGES

/** What a page tells of the settings. */
interface Shop {
  readonly shopName: string
  readonly passwordMinLength: number
}

export function writeLinkPage(kind: LinkKind, { shopName, passwordMinLength }: Shop): string {
  const page: LinkPage = LINK_PAGES[kind]
  const password = page.asksPassword
    ? html`<label for="password">New password</label>
<input id="password" name="password" type="password" autocomplete="new-password" required minlength="${passwordMinLength}" maxlength="256" aria-describedby="rule">
<p id="rule" class="hint">At least ${passwordMinLength} characters; a long sentence is best.</p>`
    : ''
  const code = page.mayAskCode
    ? html`<div id="factor" hidden>
<label for="code">Code of your second factor</label>
<input id="code" name="code" autocomplete="one-time-code" autocapitalize="off" spellcheck="false" maxlength="64" aria-describedby="kinds">
<p id="kinds" class="hint">The six digits that your app shows, or one of your recovery codes.</p>
</div>`
    : ''
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${page.title}: ${shopName}</title>
<link rel="icon" href="${raw(ICON)}">
<link rel="stylesheet" href="/links/theme.css">
<script src="/links/send.js" defer></script>
</head>
<body>
<main>
<p class="shop">${shopName}</p>
<h1>${page.title}</h1>
<p>${page.text}</p>
<form data-endpoint="${page.endpoint}" data-done="${page.done}">
${password}${code}
<button type="submit">${page.button}</button>
</form>
<p id="outcome" role="status" tabindex="-1"></p>
<noscript><p>This page needs JavaScript, which is off.</p></noscript>
</main>
</body>
</html>
`.toString()
}

/** Only files of this origin, nothing inline, and requests to this origin alone. */
export const LINK_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  'img-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')
