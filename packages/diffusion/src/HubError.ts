import * as Schema from "effect/Schema"

/**
 * A repository could not be had from a hub or from the cache. The token is never in it.
 *
 * - `Invalid`: an option or a setting (`HF_ENDPOINT`, ...) is not what it must be
 * - `Unauthorized`: the hub answered 401 or 403
 * - `NotFound`: no such repository, revision or file
 * - `RateLimited`: the hub answered 429; `retryAfter` says, in seconds, when it will listen again
 * - `Server`: the hub or its storage answered 5xx or something that is no answer to what was asked
 * - `Network`: no connection, or one that broke; `code` is the system's name of why, where it gives one: `ENOTFOUND`
 * - `TimedOut`: nothing came for longer than `stallTimeout`
 * - `Truncated`: the body ended early; what came is kept and continued by the next run
 * - `Corrupt`: size or checksum is not what the hub lists; what came is thrown away
 * - `TooLarge`: more bytes than `maxBytes`
 * - `NoSpace`: the cache's disk is full
 * - `Unsafe`: a path that leaves the folder, a redirect that must not be followed, a token that would go unencrypted, or
 *   a certificate that nobody vouches for
 * - `Offline`: offline, and the cache lacks what `detail` names
 * - `FileSystem`: the operating system refuses a file of the cache
 *
 * ```ts
 * import { HubError } from "@effect-blocks/diffusion/HubError"
 * import assert from "node:assert"
 *
 * const error = new HubError({
 *   repo: "org/name",
 *   reason: "NotFound",
 *   detail: "there is no revision 'v9'",
 *   advice: "look at the repository's branches and tags"
 * })
 * assert.equal(error.message, "org/name: there is no revision 'v9'; look at the repository's branches and tags")
 * ```
 */
export class HubError extends Schema.TaggedError<HubError>()("HubError", {
  repo: Schema.String,
  /** relative to the repository, where one file is meant */
  file: Schema.optionalKey(Schema.String),
  reason: Schema.Literals([
    "Invalid",
    "Unauthorized",
    "NotFound",
    "RateLimited",
    "Server",
    "Network",
    "TimedOut",
    "Truncated",
    "Corrupt",
    "TooLarge",
    "NoSpace",
    "Unsafe",
    "Offline",
    "FileSystem"
  ]),
  detail: Schema.String,
  /** what to do about it */
  advice: Schema.String,
  /** the operating system's name of what failed, where it gave one */
  code: Schema.optionalKey(Schema.String),
  /** the HTTP status, where there was one */
  status: Schema.optionalKey(Schema.Int),
  /** seconds, from the answer's `Retry-After` */
  retryAfter: Schema.optionalKey(Schema.Finite)
}) {
  override get message(): string {
    const where = this.file === undefined ? this.repo : `${this.repo}/${this.file}`
    return `${where}: ${this.detail}; ${this.advice}`
  }
}
