/** A process of its own that downloads, and may be killed: `node downloadOnce.ts ENDPOINT CACHE`. Prints the folder. */
import * as Hub from "@effect-blocks/diffusion/Hub"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"

const [endpoint, cache] = process.argv.slice(2)
const folder = Hub.download({ repo: "org/name", endpoint, cache }).pipe(Effect.provide(FetchHttpClient.layer))
process.stdout.write(await Effect.runPromise(folder))
