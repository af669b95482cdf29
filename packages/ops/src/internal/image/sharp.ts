/** The only importer of sharp, and only when a picture is decoded or encoded: it is a native library and takes 60 ms. */
import * as Effect from "effect/Effect"
import type { Sharp, SharpOptions } from "sharp"
import type { Pixels } from "./pixels.ts"
import * as png from "./png.ts"

/** The library itself cannot be loaded: nothing is wrong with the picture. */
export class Unavailable {
  readonly cause: unknown
  constructor(cause: unknown) {
    this.cause = cause
  }
}

const sharp = Effect.tryPromise({
  try: () => import("sharp").then((module) => module.default),
  catch: (error) => new Unavailable(error)
})

export type Format = "png" | "jpeg" | "webp"

/** by the first bytes: nothing else reaches the decoders */
export const formatOf = (bytes: Uint8Array): Format | undefined => {
  const begins = (at: number, ...expected: ReadonlyArray<number>) => expected.every((byte, i) => bytes[at + i] === byte)
  if (begins(0, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return "png"
  if (begins(0, 0xff, 0xd8, 0xff)) return "jpeg"
  if (begins(0, 0x52, 0x49, 0x46, 0x46) && begins(8, 0x57, 0x45, 0x42, 0x50)) return "webp"
  return undefined
}

/** colours as they are stored (Pillow does not apply colour profiles either); a damaged file is an error, not a grey half */
const input: SharpOptions = { failOn: "error", ignoreIcc: true, limitInputPixels: false, autoOrient: true }

export interface Header {
  readonly width: number
  readonly height: number
  readonly channels: number
}

export const header = (bytes: Uint8Array): Effect.Effect<Header, unknown> =>
  Effect.flatMap(sharp, (sharp) =>
    Effect.tryPromise({ try: () => sharp(bytes, input).metadata(), catch: (error) => error })
  ).pipe(
    Effect.map(({ hasAlpha, height, space, width }) => {
      const gray = space === "b-w" || space === "grey16"
      return { width, height, channels: (gray ? 1 : 3) + (hasAlpha ? 1 : 0) }
    })
  )

export const decode = (bytes: Uint8Array): Effect.Effect<Pixels, unknown> =>
  Effect.flatMap(sharp, (sharp) =>
    Effect.tryPromise({
      try: () => sharp(bytes, input).raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true }),
      catch: (error) => error
    })
  ).pipe(
    Effect.map(({ data, info }) => ({
      width: info.width,
      height: info.height,
      channels: info.channels,
      data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    }))
  )

export const encode = (
  { channels, data, height, width }: Pixels,
  as: (picture: Sharp) => Sharp
): Effect.Effect<Uint8Array, unknown> =>
  Effect.flatMap(sharp, (sharp) =>
    Effect.tryPromise({
      try: () => {
        const picture = sharp(data, { raw: { width, height, channels: channels as 1 | 2 | 3 | 4 } })
        return as(channels < 3 ? picture.toColourspace("b-w") : picture).toBuffer()
      },
      catch: (error) => error
    })
  ).pipe(Effect.map((buffer) => new Uint8Array(buffer)))

/** a JPEG ends with the marker EOI, a WebP says its own length, a PNG ends with the chunk IEND */
export const isCutOff = (bytes: Uint8Array, format: Format): boolean => {
  switch (format) {
    case "png":
      return png.state(bytes) === "truncated"
    case "jpeg":
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).lastIndexOf(Buffer.from([0xff, 0xd9])) < 0
    case "webp":
      return bytes.length < 12 || new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true) + 8 > bytes.length
  }
}
