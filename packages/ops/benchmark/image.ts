/** Tensors and pictures: `node packages/ops/benchmark/image.ts`. Ratios within a group. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import sharp from "sharp"
import * as Image from "../src/Image.ts"
import * as ImageProcessor from "../src/ImageProcessor.ts"
import * as Rng from "../src/Rng.ts"
import * as Tensor from "../src/Tensor.ts"
import { measure, print } from "./support/rounds.ts"

const [noise] = Rng.integers(Rng.make(1), 0, 256, [1024, 1024, 3])
const large: Image.Image = Tensor.cast(noise, "uint8")
const smooth = Result.getOrThrow(ImageProcessor.blur(large, 3))
const raw = { raw: { width: 1024, height: 1024, channels: 3 } } as const
const small = { width: 512, height: 512 }

print(
  "1024 x 1024 to 512 x 512, Lanczos",
  await measure({
    "sharp (other bits than Pillow's)": () => sharp(large.data, raw).resize(512, 512).raw().toBuffer(),
    "Image.resize (Pillow's bits)": () => Image.resize(large, small),
    "ImageProcessor.preprocess": () => ImageProcessor.preprocess(large, small),
    "ImageProcessor.blur, 4 pixels": () => ImageProcessor.blur(large, 4)
  })
)

const png = await Effect.runPromise(Image.encodePng(smooth))
print(
  "PNG of 1024 x 1024",
  await measure({
    "sharp encode": () => sharp(smooth.data, raw).png().toBuffer(),
    "encodePng with parameters": () => Effect.runPromise(Image.encodePng(smooth, { parameters: { seed: 1 } })),
    "sharp decode": () => sharp(png).raw().toBuffer(),
    decode: () => Effect.runPromise(Image.decode(png))
  })
)

const [million] = Rng.normal(Rng.make(1), [2 ** 20])
const same = Tensor.fromBytes("float32", million.shape, Tensor.bytes(million))
const Json = Schema.toCodecJson(Tensor.float32("n"))
const encode = Schema.encodeSync(Json)
const decode = Schema.decodeUnknownSync(Json)
const json = encode(million)
print(
  "a tensor of 2^20 float32",
  await measure({
    "copy of its bytes": () => new Uint8Array(Tensor.bytes(million)),
    "base64 by Buffer": () => Buffer.from(Tensor.bytes(million)).toString("base64"),
    "encode to JSON": () => encode(million),
    "decode from JSON": () => decode(json),
    "equals, all equal": () => Tensor.equals(million, same),
    "cast to float16": () => Tensor.cast(million, "float16"),
    "concat of two": () => Tensor.concat([million, million])
  })
)
