import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { HubError } from "../../HubError.ts"

/** What a download reports. */
export type Event =
  | {
      readonly _tag: "Started"
      readonly repo: string
      readonly commit: string
      /** files that are not in the cache yet, and their bytes as far as the hub says */
      readonly files: number
      readonly bytes: number
    }
  | {
      readonly _tag: "Received"
      readonly repo: string
      readonly file: string
      /** bytes of this file that are here, those of earlier runs among them */
      readonly received: number
      readonly size: number | undefined
    }
  | {
      readonly _tag: "Retrying"
      readonly repo: string
      readonly file: string | undefined
      readonly error: HubError
      readonly delay: Duration.Duration
    }
  | { readonly _tag: "Finished"; readonly repo: string; readonly file: string }

/** Told of downloads; they go on when its effect has ended. */
export type Listener = (event: Event) => Effect.Effect<void>
