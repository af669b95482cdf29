import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Schema from "effect/Schema"
import { Cache } from "../Cache.ts"
import { isBlock } from "./block.ts"
import { Blobs } from "./blobs.ts"
import { canonical, isPlain } from "./canonical.ts"
import { Trigger } from "./fields.ts"
import type { Compiled, Rec, Run } from "./node.ts"
import { around } from "./policy.ts"
import { components } from "./resolve.ts"
import { outlineOf } from "./snapshot-outline.ts"
import { merger, picker } from "./state.ts"

const hex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (b) => b.toString(16).padStart(2, "0")).join("")
const sha256 = (bytes: Uint8Array): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)),
    hex
  )
/** large arrays go into the key by their digest, without a detour through text */
const digests: Blobs = { put: sha256, get: () => Effect.die(new Error("a key is only written")) }

const uncacheable = (reason: string) => Effect.fail({ _tag: "Uncacheable" as const, reason })
const fingerprintOf = (service: any): Effect.Effect<string> | undefined => {
  const own: unknown =
    service !== null && (typeof service === "object" || typeof service === "function") ? service.fingerprint : undefined
  return typeof own === "string"
    ? Effect.succeed(own)
    : Effect.isEffect(own)
      ? (own as Effect.Effect<string>)
      : undefined
}

const keyOf = (
  self: Compiled,
  only: ReadonlyArray<any> | undefined
): ((state: Rec, run: Run) => Effect.Effect<string, any>) => {
  const names = Object.keys(self.inputs).toSorted()
  const codecs: Rec = Object.fromEntries(
    names.map((k) => {
      // a trigger that a branch writes comes out as it went in where another one is taken
      const field = self.inputs[k] === Trigger && Object.hasOwn(self.outputs, k) ? self.outputs[k]! : self.inputs[k]!
      return [k, Schema.toCodecJson(Schema.Struct({ value: field })) as any]
    })
  )
  const references = (components(self) as ReadonlyArray<{ key: any }>)
    .map((c) => c.key)
    .filter((key) => "defaultValue" in key)
  const inputs = (state: Rec) =>
    Effect.forEach(
      names.filter((k) => state[k] !== undefined),
      (k) =>
        self.inputs[k] === Trigger && !Object.hasOwn(self.outputs, k)
          ? Effect.succeed([k, true])
          : Effect.map(
              Schema.encodeUnknownEffect(codecs[k])({ value: state[k] }) as Effect.Effect<any>,
              ({ value }) => [k, value]
            )
    )
  const fingerprints = (context: Context.Context<never>) => {
    const services: Array<readonly [string, unknown]> =
      only === undefined
        ? [...context.mapUnsafe].filter(([, service]) => fingerprintOf(service) !== undefined)
        : only.map((key) => [key.key, Context.getUnsafe(context, key)])
    for (const key of references) services.push([key.key, Context.getUnsafe(context, key)])
    const all = new Map(services)
    return Effect.forEach([...all.keys()].toSorted(), (key): Effect.Effect<readonly [string, unknown], any> => {
      const service = all.get(key),
        own = fingerprintOf(service)
      if (own !== undefined) return Effect.map(own, (text) => [key, text])
      return isPlain(service) ? Effect.succeed([key, service]) : uncacheable(`component '${key}' has no fingerprint`)
    })
  }
  const bytes = new TextEncoder()
  return (state, run) =>
    Effect.flatMap(
      Effect.provideService(Effect.all([inputs(state), fingerprints(run.context)]), Blobs, digests),
      ([values, prints]) =>
        sha256(bytes.encode(canonical([outlineOf(self).digest, self.version ?? null, values, prints])))
    )
}

const cachedWith = (self: Compiled, options: any): Compiled => {
  const key = keyOf(self, options?.components)
  const codec = Schema.toCodecJson(Schema.Struct(self.outputs)) as any
  const result = picker(Object.keys(self.outputs))
  const compute = (state: Rec, run: Run): Effect.Effect<Rec, any, any> =>
    Effect.suspend(() => {
      // what the block wrote, and nothing that was there before
      const own = self.enter(state)
      const e = self.exec(own, run)
      if (e === null) return Effect.succeed(result(own))
      return Effect.map(e, (value) => {
        self.finish(own, value)
        return result(own)
      })
    })
  return around(self, "cached", (b) => cachedWith(b, options), {
    exec: (state, run) =>
      Effect.matchCauseEffect(key(state, run), {
        onFailure: (cause) =>
          Effect.andThen(Effect.logWarning(`block '${self.name}' cannot be cached`, cause), compute(state, run)),
        onSuccess: (key) => {
          const cache = Context.getUnsafe(run.context, Cache)
          return Effect.flatMap(cache.get(key, codec), (hit) =>
            hit !== undefined
              ? Effect.succeed(hit)
              : Effect.tap(compute(state, run), (value) => cache.set(key, codec, value))
          )
        }
      }),
    finish: merger(Object.keys(self.outputs))
  })
}
export const cached: any = dual((args) => isBlock(args[0]), cachedWith)
