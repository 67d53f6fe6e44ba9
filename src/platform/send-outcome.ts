/** What came of handing a message to whoever sends it. `reason` is for the log: a code, and nothing of the message. */
export type SendOutcome = { readonly isSent: true } | { readonly isSent: false; readonly reason: string }
