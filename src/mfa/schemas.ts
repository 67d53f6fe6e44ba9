/** Codes as they come in, factors as they are shown. */
import * as z from 'zod'
import { TOTP_DIGITS } from '../crypto/totp.ts'
import { once } from '../platform/once.ts'
import { isPhoneNumber } from '../platform/phone-number.ts'
import { text } from '../platform/validate.ts'
import { MFA_METHODS, type MfaMethod } from './methods.ts'
import { readRecoveryCode } from './recovery-codes.ts'
import { FACTOR_METHODS } from './tables.ts'

const NOT_A_CODE = 'Not a valid code.'
const SIX_DIGITS = new RegExp(`^[0-9]{${TOTP_DIGITS}}$`)

/** The code of an app, or by SMS: ASCII digits and nothing else, so that no other spelling of it is a second code. */
const sixDigits = z
  .string()
  .refine((code) => SIX_DIGITS.test(code), NOT_A_CODE)
  .meta({ minLength: TOTP_DIGITS, maxLength: TOTP_DIGITS, example: '492039' })

export const sixDigitsSchema = z.strictObject({ code: sixDigits }).meta({ id: 'SixDigits' })

const anyCode = text().meta({
  maxLength: 64,
  example: '492039',
  description:
    'Six digits, of the app or the SMS, or a recovery code in any letter case, with or without dashes',
})

/** How a code is presented; further methods have fields of their own form. */
export const codeFields = { method: z.enum(MFA_METHODS).meta({ id: 'MfaMethod' }), code: anyCode }

/** Whether a code has the form that its method asks for. */
export function hasCodeForm(method: MfaMethod, code: string): boolean {
  if (code.length > 64) return false
  return method === 'recovery_code' ? readRecoveryCode(code) !== undefined : SIX_DIGITS.test(code)
}

/** Refuses a body whose code has not the form of its method. */
export function refineCode(
  { method, code }: { method?: MfaMethod | undefined; code?: string | undefined },
  context: z.RefinementCtx,
): void {
  if (method === undefined || code === undefined || hasCodeForm(method, code)) return
  context.addIssue({ code: 'custom', path: ['code'], message: NOT_A_CODE })
}

const mfaToken = text()
  .refine((token) => token.length <= 128, 'Longer than maximum length 128.')
  .meta({ maxLength: 128, description: 'Of the answer `mfa_required`' })

export const verifySchema = z
  .strictObject({
    mfa_token: mfaToken,
    ...codeFields,
    trust_device: z
      .boolean()
      .optional()
      .meta({ description: 'Do not ask for the second factor on this device for 30 days' }),
  })
  .superRefine(refineCode)
  .meta({ id: 'MfaVerification' })

export const smsOfferSchema = z
  .strictObject({
    phone_number: z.string().refine(isPhoneNumber, 'Not a valid phone number.').meta({
      maxLength: 16,
      example: '+4915112345678',
      description: 'E.164: a plus, the country, the number, no blanks',
    }),
  })
  .meta({ id: 'SmsNumber' })

/** A method whose code has to be sent first. */
const sentMethod = z.literal('sms')

export const smsStepUpSchema = z.strictObject({ method: sentMethod }).meta({ id: 'StepUpChallenge' })

export const challengeSchema = z
  .strictObject({ mfa_token: mfaToken, method: sentMethod })
  .meta({ id: 'MfaChallenge' })

export const recoveryCodesSchema = once(() =>
  z
    .object({ recovery_codes: z.array(z.string()).meta({ description: 'Shown here and never again' }) })
    .meta({ id: 'RecoveryCodes' }),
)

export const RECOVERY_CODES_EXAMPLE = {
  recovery_codes: ['7QX2-M9KD-4TPA-HW6C-1ZRB-8NEV', 'J3VG-0S5Y-CXF8-2KQM-WD7T-9PAH'],
}

export const offeredTotpSchema = once(() =>
  z
    .object({
      factor_id: z.string(),
      secret: z.string().meta({ description: 'Base32, for an app that cannot read the picture' }),
      otpauth_uri: z.string(),
      qr_svg: z.string().meta({ description: 'The same as a picture for the app to read' }),
    })
    .meta({ id: 'OfferedTotp' }),
)

export const OFFERED_TOTP_EXAMPLE = {
  factor_id: 'Q2mX8bV0yT7nKc4LwZ5sPg',
  secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
  otpauth_uri:
    'otpauth://totp/Mechanic%20Shop:john%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Mechanic%20Shop&algorithm=SHA1&digits=6&period=30',
  qr_svg: '<svg xmlns="http://www.w3.org/2000/svg" …',
}

export const secondFactorsSchema = once(() =>
  z
    .object({
      factors: z.array(
        z.object({
          id: z.string(),
          method: z.enum(FACTOR_METHODS),
          confirmed_at: z.iso.datetime(),
          disabled: z.boolean().meta({
            description: 'Whether too many wrong codes have disabled it; a recovery code ends that',
          }),
          phone_number: z
            .string()
            .nullable()
            .optional()
            .meta({ description: 'Of `sms`, all but its ends hidden; null if it cannot be read' }),
        }),
      ),
      recovery_codes_left: z.int(),
    })
    .meta({ id: 'SecondFactors' }),
)

export const SECOND_FACTORS_EXAMPLE = {
  factors: [
    {
      id: OFFERED_TOTP_EXAMPLE.factor_id,
      method: 'totp',
      confirmed_at: '2026-01-15T10:00:00.000Z',
      disabled: false,
    },
    {
      id: 'W8cR3nY6vK1xB5mT9qZ2Lg',
      method: 'sms',
      confirmed_at: '2026-01-15T10:05:00.000Z',
      disabled: false,
      phone_number: '+49•••••78',
    },
  ],
  recovery_codes_left: 10,
}

export const trustedDeviceSchema = once(() =>
  z
    .object({
      id: z.string(),
      current: z.boolean().meta({ description: 'Whether this session was opened on it' }),
      name: z.string().nullable(),
      browser: z.string().nullable(),
      os: z.string().nullable(),
      trusted_until: z.iso.datetime(),
    })
    .meta({ id: 'TrustedDevice' }),
)

export const TRUSTED_DEVICE_EXAMPLE = {
  id: 'p7Rk2nV0aXw9sD4fG6hJ1Q',
  current: true,
  name: 'Office computer',
  browser: 'Firefox',
  os: 'Linux',
  trusted_until: '2026-02-14T10:00:00.000Z',
}
