/**
 * Telephone numbers in their one spelling, E.164, and the country that one is of. No library: all that is asked is
 * whether an SMS to it may be paid for, and theirs is larger than everything else about a second factor.
 */
import { once } from './once.ts'

const FORM = /^\+[1-9]\d{7,14}$/

/** Of the North American plan: area codes and exchanges begin with 2 to 9. */
const NORTH_AMERICAN = /^\+1[2-9]\d{2}[2-9]\d{6}$/

/** What begins so is of no country: personal, shared-cost and premium numbers within a plan. */
const BARRED = '--'

/**
 * Countries of ISO 3166 with the calling codes of ITU-T E.164; the longest prefix that fits decides. Satellites, global
 * services and premium networks (+800, +808, +870, +878, +881, +882, +883, +888, +979) are no country, so never allowed.
 */
const PLAN = `AC247 AD376 AE971 AF93 AG1268 AI1264 AL355 AM374 AO244 AR54 AS1684 AT43 AU61 AW297 AX35818 AZ994 BA387
BB1246 BD880 BE32 BF226 BG359 BH973 BI257 BJ229 BL590 BM1441 BN673 BO591 BQ599 BR55 BS1242 BT975 BW267 BY375 BZ501
CA1 CD243 CF236 CG242 CH41 CI225 CK682 CL56 CM237 CN86 CO57 CR506 CU53 CV238 CW5999 CY357 CZ420 DE49 DJ253 DK45
DM1767 DO1809 DO1829 DO1849 DZ213 EC593 EE372 EG20 ER291 ES34 ET251 FI358 FJ679 FK500 FM691 FO298 FR33 GA241 GB44
GD1473 GE995 GF594 GG441481 GG447781 GG447839 GH233 GI350 GL299 GM220 GN224 GP590 GQ240 GR30 GT502 GU1671 GW245
GY592 HK852 HN504 HR385 HT509 HU36 ID62 IE353 IL972 IM441624 IM447624 IN91 IO246 IQ964 IR98 IS354 IT39 JE441534
JE447509 JE447797 JE447829 JE447937 JM1658 JM1876 JO962 JP81 KE254 KG996 KH855 KI686 KM269 KN1869 KP850 KR82 KW965
KY1345 KZ76 KZ77 LA856 LB961 LC1758 LI423 LK94 LR231 LS266 LT370 LU352 LV371 LY218 MA212 MC377 MD373 ME382 MF590
MG261 MH692 MK389 ML223 MM95 MN976 MO853 MP1670 MQ596 MR222 MS1664 MT356 MU230 MV960 MW265 MX52 MY60 MZ258 NA264
NC687 NE227 NF672 NG234 NI505 NL31 NO47 NP977 NR674 NU683 NZ64 OM968 PA507 PE51 PF689 PG675 PH63 PK92 PL48 PM508
PR1787 PR1939 PS970 PT351 PW680 PY595 QA974 RE262 RO40 RS381 RU7 RW250 SA966 SB677 SC248 SD249 SE46 SG65 SH290 SI386
SJ4779 SK421 SL232 SM378 SN221 SO252 SR597 SS211 ST239 SV503 SX1721 SY963 SZ268 TC1649 TD235 TG228 TH66 TJ992 TK690
TL670 TM993 TN216 TO676 TR90 TT1868 TV688 TW886 TZ255 UA380 UG256 US1 UY598 UZ998 VA379 VC1784 VE58 VG1284 VI1340
VN84 VU678 WF681 WS685 XK383 YE967 YT262269 YT262639 ZA27 ZM260 ZW263
--1900 --31900 --31906 --31909 --3290 --338 --34803 --34806 --34807 --34905 --34907 --3989 --39199 --41900 --41901
--41906 --43810 --43820 --43821 --43900 --43901 --43930 --43931 --43939 --4470 --4476 --448 --449 --4870 --49118
--49137 --49180 --49700 --49900`

/** Where a number goes on with a zero; elsewhere that is a second spelling of another one. */
const WITH_ZERO = ['BJ', 'CG', 'CI', 'GA', 'IT', 'SM', 'VA']

/** The longest prefix. */
const MAX_PREFIX = 6

interface Plan {
  readonly countries: ReadonlySet<string>
  /** Several countries can share one. */
  readonly byPrefix: ReadonlyMap<string, readonly string[]>
}

const plan = once((): Plan => {
  const byPrefix = new Map<string, string[]>()
  const entries = PLAN.split(/\s+/).map((entry) => [entry.slice(0, 2), entry.slice(2)] as const)
  for (const [country, prefix] of entries) byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), country])
  const countries = new Set(entries.map(([country]) => country).filter((country) => country !== BARRED))
  return { countries, byPrefix }
})

/** Whether it is a country of this list, in two capital letters. */
export function isCountry(country: string): boolean {
  return plan().countries.has(country)
}

/** Whether it is a number in E.164, which has no blanks: `+4915112345678`. */
export function isPhoneNumber(text: string): boolean {
  return FORM.test(text) && (!text.startsWith('+1') || NORTH_AMERICAN.test(text))
}

/** Whether a number is of one of these countries, in its one spelling. */
export function isNumberOf(number: string, countries: readonly string[]): boolean {
  const digits = number.slice(1)
  const lengths = Array.from({ length: MAX_PREFIX }, (_, index) => index + 1)
  const fitting = lengths.filter((length) => plan().byPrefix.has(digits.slice(0, length)))
  const [callingCode, longest] = [fitting[0], fitting.at(-1)]
  if (callingCode === undefined || longest === undefined) return false
  const found = plan().byPrefix.get(digits.slice(0, longest)) ?? []
  const hasZero = digits[callingCode] === '0'
  return found.some((country) => countries.includes(country) && (!hasZero || WITH_ZERO.includes(country)))
}

/** A number as its owner recognizes it, and nobody else: `+49•••••78`. */
export function maskPhoneNumber(number: string): string {
  return `${number.slice(0, 3)}•••••${number.slice(-2)}`
}
