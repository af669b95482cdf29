/** An error whose `code` says what went wrong: `errors.ts` turns codes into reasons. */
export class CodedError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}
