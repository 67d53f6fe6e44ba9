import { expect, it } from 'vitest'
import { canonicalEmail } from '../../src/accounts/email-address.ts'

const ATEXT = "abcxyzABCXYZ0123456789!#$%&'*+-/=?^_`{|}~"
const LABEL_63 = 'd'.repeat(63)
const DOMAIN_251 = `${LABEL_63}.${LABEL_63}.${LABEL_63}.${'d'.repeat(59)}`

it.each([
  ['a@example.com', 'a@example.com'],
  ['A@Example.COM', 'a@example.com'],
  ['First.Last@mail.example.com', 'first.last@mail.example.com'],
  ["O'Brien+tag@example.com", "o'brien+tag@example.com"],
  ['1@1.example', '1@1.example'],
  ['%65/b@example.com', '%65/b@example.com'],
  ['a@127.0.0.1.example', 'a@127.0.0.1.example'],
  ['a@0x7f.1-2.ab--cd.example', 'a@0x7f.1-2.ab--cd.example'],
  ['a@x.y', 'a@x.y'],
  [`${ATEXT}@example.com`, `${ATEXT.replace('ABCXYZ', 'abcxyz')}@example.com`],
])('S77: %j is the account of %j', (typed, canonical) => {
  expect(canonicalEmail(typed)).toBe(canonical)
})

it.each([
  ['xn--bcher-kva.example', 'bücher.example BÜCHER.EXAMPLE bu\u0308cher.example XN--BCHER-KVA.Example'],
  ['xn--fa-hia.example', 'faß.example FAß.Example fa\u1e9e.example'],
  ['fass.example', 'FASS.example ｆａｓｓ.example fa\u017f\u017f.example'],
  ['k.example', 'K.example \u212a.example'],
  ['xn--r8jz45g.xn--zckzah', '例え.テスト XN--R8JZ45G.xn--zckzah'],
  ['xn--mgbh0fb.example', 'مثال.example'],
  ['xn--i-7iq.ws', 'i❤.ws I❤.ws'],
])('S77: %s is one domain however it is typed', (ascii, spellings) => {
  expect(canonicalEmail(`a@${ascii}`)).toBe(`a@${ascii}`)
  expect(canonicalEmail(`a@${ascii.toUpperCase()}`)).toBe(`a@${ascii}`)
  for (const domain of spellings.split(' ')) expect(canonicalEmail(`a@${domain}`), domain).toBe(`a@${ascii}`)
})

it('S77: no character outside the dot-atom is accepted in the local part', () => {
  for (let code = 0; code <= 0xffff; code++) {
    const character = String.fromCharCode(code)
    if (character === '.' || ATEXT.includes(character) || /[d-wD-W]/.test(character)) continue
    expect(canonicalEmail(`b${character}c@example.com`), `U+${code.toString(16)}`).toBeUndefined()
  }
})

it.each([
  ['no mailbox', '| |@|a|a@|@example.com|example.com'],
  ['more than one @', 'a@b@example.com|a@@example.com|@a@example.com|a@example.com@|a@b@c@d.example'],
  ['misplaced dots', '.a@example.com|a.@example.com|a..b@example.com|.@example.com|...@example.com'],
  ['quoting', '"a"@example.com|"a b"@example.com|"a@b"@example.com|a\\b@example.com|"\\""@example.com'],
  ['display names and comments', 'A <a@example.com>|<a@example.com>|a(b)@example.com|a@example.com (b)'],
  ['lists and links', 'a@example.com,b@example.com|a@example.com;|mailto:a@example.com|a@example.com?x=y'],
  [
    'letters that fold to ASCII',
    '\u212a@example.com|ı@example.com|İ@example.com|ß@example.com|ſ@example.com',
  ],
  ['other letters', 'ü@example.com|а@example.com|用户@example.com|😀@example.com|ａ@example.com'],
  ['blanks', ' a@example.com|a@example.com |a b@example.com|a @example.com|a@ example.com|a@exa mple.com'],
  ['line breaks', 'a@example.com\n|a@example.com\r\n|\na@example.com|a\n@example.com|a@exam\nple.com'],
  ['header injection', 'a@example.com\r\nBcc: b@example.com|a\r\nBcc: b@example.com|a@example.com%0d%0aBcc:'],
  ['lone surrogates', '\ud800@example.com|a@\ud800.example|a@b\udc00.example|a@example.com\ud83d'],
])('S77: refuses %s', (_what, addresses) => {
  for (const typed of addresses.split('|')) expect(canonicalEmail(typed), typed).toBeUndefined()
})

it.each([
  ['a single label', 'x localhost bücher com xn--tda ü'],
  ['empty labels', '. .. .example.com example..com example.com. example.com.. a.b...c'],
  ['IPv4 addresses', '127.0.0.1 1.2.3 127.1 0x7f.1 0x7f.0.0.0x1 017700000001.0 1.2.3.4. 256.256.256.256'],
  ['last labels like numbers', 'example.1 example.0 example.0x example.0x1f example.123 example.1a a.08'],
  ['numbers in other scripts', '１２７.０.０.１ ①②⑦.⓪.⓪.① example.１ 𝟏.𝟐.𝟑.𝟒 example.² ١.٢'],
  ['IPv6 addresses', '[::1] [IPv6:::1] [127.0.0.1] ::1 [::1].example fe80::1%25eth0.example'],
  ['ports', 'example.com:25 example.com: example.com:443 example.com:80.example :25 :25.example'],
  ['credentials', 'u:p@example.com u@example.com @example.com :@example.com'],
  ['paths', 'example.com/ /example.com //example.com example.com/x.y example.com\\ \\example.com a/../b.com'],
  ['queries and fragments', 'example.com#a example.com?a ?a.b #a.b example.com?.b example.com#.b'],
  ['percent-encoding', '%65xample.com example%2ecom example.com%00 example%E3%80%82com ％65xample.com %.a'],
  [
    'characters of no host name',
    "a_b.example _dmarc.example a!b.com a*b.com *.example a'b.com a+b.com a~b.com",
  ],
  [
    'signs',
    'a&b.com a,b.com a;b.com a=b.com a$b.com a(b).com a`b.com a{b}.com a|b.com a^b.com a"b.com a<b>.com',
  ],
  ['what maps to signs', 'a＿b.com a\uff01b.com a／b.com a＠b.com a：b.com ℀.com ⑴.com a\u037eb.com ％.com'],
  ['misplaced hyphens', '-a.example a-.example -.example a.-example a.example- a.- －a.example'],
  ['other dots', 'a。example a．example a｡example b.com。 。b.com a․example a…example ⒈example.com a。b.com'],
  [
    'broken punycode',
    'xn--.com xn--a.com xn--a-.com xn--abc.com xn--zzzzzzzz99999.com xn--ü.com xn--bcher-kva-.com',
  ],
  [
    'punycode of what UTS 46 maps',
    'xn--bc-4fa.com xn--bc-5da.com xn--bc-g1t.com xn--bc-1qu.com xn--bucher-xyd.com xn--xn--bcher-kva-.com',
  ],
  ['mixed directions', 'aא.example אa.example 1א.example'],
])('S77: refuses domains with %s', (_what, domains) => {
  for (const domain of domains.split(' ')) expect(canonicalEmail(`a@${domain}`), domain).toBeUndefined()
})

it('S77: refuses white space and control characters anywhere, also those that URLs strip', () => {
  for (const character of '\0\b\t\n\v\f\r\x1f \x7f\u0085\u00a0\u1680\u2003\u2028\u2029\u202f\u3000') {
    for (const template of [
      '|a@b.example',
      'a|@b.example',
      'a@|b.example',
      'a@b|c.example',
      'a@b.example|',
    ]) {
      expect(canonicalEmail(template.replace('|', character)), JSON.stringify(character)).toBeUndefined()
    }
  }
})

it.each([
  ['zero-width space', '\u200b'],
  ['zero-width non-joiner', '\u200c'],
  ['zero-width joiner', '\u200d'],
  ['word joiner', '\u2060'],
  ['byte order mark', '\ufeff'],
  ['soft hyphen', '\u00ad'],
  ['combining grapheme joiner', '\u034f'],
  ['variation selector', '\ufe0f'],
  ['Mongolian vowel separator', '\u180e'],
  ['right-to-left override', '\u202e'],
  ['invisible times', '\u2062'],
  ['Hangul filler', '\u3164'],
  ['tag letter', '\u{e0061}'],
  ['supplementary variation selector', '\u{e0100}'],
])('S77: refuses a %s wherever it stands', (_name, hidden) => {
  const domains = 'a@x| a@x.example| a@|x.example a@x.exam|ple a@x|.example a@bü|cher.example a@क्|ष.example'
  for (const template of `|a@x.example a|@x.example ${domains}`.split(' ')) {
    expect(canonicalEmail(template.replace('|', hidden)), template).toBeUndefined()
  }
})

it('S77: nothing that UTS 46 drops from a domain is dropped here', () => {
  const ranges = [0x80, 0xd7ff, 0xe000, 0xffff, 0x1bca0, 0x1bcaf, 0x1d160, 0x1d18f, 0xe0000, 0xe0fff]
  const dropped: string[] = []
  for (let i = 0; i < ranges.length; i += 2) {
    for (let code = ranges[i] ?? 0; code <= (ranges[i + 1] ?? 0); code++) {
      const canonical = canonicalEmail(`a@b${String.fromCodePoint(code)}c.example`)
      if (canonical === 'a@bc.example') dropped.push(code.toString(16))
    }
  }
  expect(dropped).toEqual([])
})

it.each([
  ['64 octets of local part', `${'l'.repeat(64)}@example.com`],
  ['63 octets of label', `a@${LABEL_63}.example`],
  ['63 octets of last label', `a@example.${LABEL_63}`],
  ['63 octets of label as punycode', `a@${'ü'.repeat(57)}.example`],
  ['254 octets', `ab@${DOMAIN_251}`],
])('accepts %s', (_what, typed) => {
  expect(canonicalEmail(typed)).toBeDefined()
})

it.each([
  ['65 octets of local part', `${'l'.repeat(65)}@example.com`],
  ['64 octets of label', `a@${LABEL_63}d.example`],
  ['64 octets of last label', `a@example.${LABEL_63}d`],
  ['64 octets of label as punycode', `a@${'ü'.repeat(58)}.example`],
  ['255 octets', `abc@${DOMAIN_251}`],
  ['254 characters that end in a blank', `a@${DOMAIN_251} `],
  ['254 characters, more octets as punycode', `a@${`${'ü'.repeat(50)}.`.repeat(4)}${'d'.repeat(48)}`],
  ['a million characters', `${'a.'.repeat(500_000)}a@example.com`],
  ['a million signs', '@'.repeat(1_000_000)],
])('refuses %s', (_what, typed) => {
  expect(canonicalEmail(typed)).toBeUndefined()
})

it('the canonical form is ASCII and its own canonical form', () => {
  for (const typed of [
    'A@BÜCHER.example',
    'a@例え.テスト',
    'a@Straße.Example',
    'a@i❤.ws',
    'a@ＡＢ.example',
  ]) {
    const canonical = canonicalEmail(typed) ?? ''
    expect(canonical).toMatch(/^[!-~]+$/)
    expect(canonicalEmail(canonical)).toBe(canonical)
    expect(canonicalEmail(canonical.toUpperCase())).toBe(canonical)
  }
})
