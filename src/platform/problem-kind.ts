/** What the catalogue says of a code. */
export interface ProblemKind {
  readonly status: 400 | 401 | 403 | 404 | 405 | 408 | 409 | 413 | 415 | 429 | 500 | 503
  readonly title: string
  readonly detail?: string
  readonly explanation: string
}
