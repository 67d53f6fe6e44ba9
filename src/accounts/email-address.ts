/**
 * Owns the canonical form of an e-mail address, which decides whether two addresses are one account.
 * Invariant: the form is ASCII, at most 254 octets, and its own canonical form; an address without one is
 * refused, never repaired, so what the owner typed and what was compared name the same mailbox.
 * RFC 5321 sections 4.1.2 and 4.5.3.1; domains through UTS 46 as the URL standard's host parser applies it.
 */

/**
 * Returns the canonical form: the local part with A-Z lower-cased, the domain as lower-case ASCII (punycode).
 * Returns undefined for what is not a plain mailbox at a DNS name, or longer than 254 characters (UTF-16 units
 * as typed, octets as canonical). Never throws.
 *
 * Local parts are ASCII dot-atoms without quoting, at most 64 octets. Domains have two labels or more, a last
 * label that begins with a letter, and no IP address. Only U+002E separates labels: UTS 46 also maps
 * ideographic full stops to it, but RFC 6531 does not, so mail servers would disagree about the address.
 */
export function canonicalEmail(typed: string): string | undefined {
  if (typed.length > MAX_ADDRESS_LENGTH) return undefined
  const [local = '', domain = '', ...more] = typed.split('@')
  if (more.length > 0 || local.length > MAX_LOCAL_OCTETS || !DOT_ATOM.test(local)) return undefined
  const host = canonicalDomain(domain)
  if (host === undefined) return undefined
  const canonical = `${foldAsciiCase(local)}@${host}`
  return canonical.length > MAX_ADDRESS_LENGTH ? undefined : canonical
}

// With a local part and "@" in front, this also keeps a domain within its 253 octets.
const MAX_ADDRESS_LENGTH = 254
const MAX_LOCAL_OCTETS = 64

// RFC 5321 Dot-string of RFC 5322 atext. A dot is in no atom, so the expression cannot backtrack.
const DOT_ATOM = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(?:\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*$/

// Anything else in ASCII means something to a URL parser: ports, credentials, paths, percent-encoding, IPv6,
// and the tabs and line breaks that it removes.
const FOREIGN_ASCII = /[^A-Za-z0-9.\-\u0080-\u{10ffff}]/u

// Zero-width characters, soft hyphens and variation selectors, which UTS 46 drops: two addresses that look
// alike would silently be one, and mail would go to neither as typed.
const DROPPED_BY_UTS46 = /\p{Default_Ignorable_Code_Point}/u

// RFC 1123 section 2.1. A last label that begins with a letter rules out every form of IPv4 address.
const DNS_NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/

// The URL standard lets a host of ASCII letters pass unexamined, ill-formed punycode included. A last label
// that is not ASCII makes the parser examine every label by UTS 46.
const EXAMINED_LABEL = { typed: '.\u00fc', ascii: '.xn--tda' }

function canonicalDomain(domain: string): string | undefined {
  if (FOREIGN_ASCII.test(domain) || DROPPED_BY_UTS46.test(domain)) return undefined
  const examined = URL.parse(`http://${domain}${EXAMINED_LABEL.typed}`)?.hostname
  if (!examined?.endsWith(EXAMINED_LABEL.ascii)) return undefined
  const host = examined.slice(0, -EXAMINED_LABEL.ascii.length)
  return DNS_NAME.test(host) && countLabels(host) === countLabels(domain) ? host : undefined
}

function countLabels(name: string): number {
  return name.split('.').length
}

// toLowerCase would also turn U+212A into "k" and U+0130 into two characters, should either ever get here.
function foldAsciiCase(ascii: string): string {
  return ascii.replace(/[A-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0x20))
}
