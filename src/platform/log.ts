/**
 * One JSON object a line, for Workers Logs. Callers pass codes, ids, counts and route patterns only:
 * never a token, password, key, e-mail address, name or a raw path.
 */
type LogFields = Record<string, string | number | boolean | null | undefined>

const MAX_FIELD_LENGTH = 512

export function logInfo(message: string, fields: LogFields = {}): void {
  write('info', message, fields)
}

/** For what a person must look at: `alert` is a stable code, listed in docs/security.md. */
export function logAlert(alert: string, fields: LogFields = {}): void {
  write('alert', alert, fields)
}

function write(level: 'info' | 'alert', message: string, fields: LogFields): void {
  const record: LogFields = { level, message }
  for (const [name, value] of Object.entries(fields)) {
    record[name] = typeof value === 'string' ? value.slice(0, MAX_FIELD_LENGTH) : value
  }
  // JSON leaves U+2028, U+2029 and DEL as they are; some log viewers break lines or colour at them.
  console.log(
    JSON.stringify(record).replace(
      /[\u007f-\u009f\u2028\u2029]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  )
}
