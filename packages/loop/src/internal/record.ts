/**
 * One checkpoint as bytes that tell whether they are whole:
 * "EBCK" | version (u32) | length of the rest (u64) | SHA-256 of the rest | length of the JSON (u32) | JSON | snapshot
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** What is known of a checkpoint without its block. */
export const Info = Schema.Struct({
  key: Schema.String,
  sequence: Schema.Int,
  /** milliseconds since 1970 */
  time: Schema.Number,
  at: Schema.Literals(["start", "leaf", "iteration"]),
  path: Schema.String,
  index: Schema.Int,
  /** a digest of the inputs */
  source: Schema.String
})
export type Info = typeof Info.Type

const magic = 0x4b434245
const version = 1
const head = 48

export const sha256 = (bytes: Uint8Array): Effect.Effect<Uint8Array> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)),
    (digest) => new Uint8Array(digest)
  )
export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

export const encode = (info: Info, snapshot: Uint8Array): Effect.Effect<Uint8Array> => {
  const text = new TextEncoder().encode(JSON.stringify(info))
  const out = new Uint8Array(head + 4 + text.byteLength + snapshot.byteLength)
  const view = new DataView(out.buffer)
  const rest = out.subarray(head)
  view.setUint32(0, magic, true)
  view.setUint32(4, version, true)
  view.setBigUint64(8, BigInt(rest.byteLength), true)
  view.setUint32(head, text.byteLength, true)
  out.set(text, head + 4)
  out.set(snapshot, head + 4 + text.byteLength)
  return Effect.map(sha256(rest), (digest) => {
    out.set(digest, 16)
    return out
  })
}

export interface Stored {
  readonly info: Info
  readonly snapshot: Uint8Array
}
/** `undefined`: these bytes are not a whole checkpoint. */
export const decode = (bytes: Uint8Array): Effect.Effect<Stored | undefined> =>
  Effect.gen(function* () {
    if (bytes.byteLength < head + 4) return undefined
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const rest = bytes.subarray(head)
    if (view.getUint32(0, true) !== magic || view.getUint32(4, true) !== version) return undefined
    if (view.getBigUint64(8, true) !== BigInt(rest.byteLength)) return undefined
    const digest = yield* sha256(rest)
    if (digest.some((byte, i) => byte !== bytes[16 + i])) return undefined
    const length = view.getUint32(head, true)
    const json = new TextDecoder().decode(rest.subarray(4, 4 + length))
    const info = yield* Effect.option(Schema.decodeUnknownEffect(Schema.fromJsonString(Info))(json))
    return info._tag === "None" ? undefined : { info: info.value, snapshot: rest.subarray(4 + length) }
  })
