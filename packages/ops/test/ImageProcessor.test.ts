import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Image from "../src/Image.ts"
import * as ImageProcessor from "../src/ImageProcessor.ts"
import * as Tensor from "../src/Tensor.ts"
import { cases, imageOf } from "./support/pillow.ts"

const picture = (height: number, width: number, channels = 3): Image.Image =>
  Tensor.make(
    "uint8",
    [height, width, channels],
    Uint8Array.from({ length: height * width * channels }, (_, i) => (i * 31) % 256)
  )

const mask = (height: number, width: number, marked: ReadonlyArray<readonly [x: number, y: number]>): Image.Image => {
  const data = new Uint8Array(height * width)
  for (const [x, y] of marked) data[y * width + x] = 255
  return Tensor.make("uint8", [height, width, 1], data)
}

const problemOf = <A>(result: Result.Result<A, Image.ImageError>): string => {
  assert.isTrue(Result.isFailure(result), "expected a failure")
  return Result.isFailure(result) ? result.failure.message : ""
}

describe("blur and applyOverlay, as Pillow does them", () => {
  for (const [i, given] of cases.entries()) {
    if (given.kind !== "blur" && given.kind !== "overlay") continue
    const image = imageOf(given.image)
    it(`${given.kind} ${i}: ${image}`, () => {
      const result =
        given.kind === "blur"
          ? ImageProcessor.blur(image, given.factor)
          : ImageProcessor.applyOverlay({ mask: imageOf(given.mask), original: image, image: imageOf(given.new) })
      assert.isTrue(Tensor.equals(Result.getOrThrow(result), imageOf(given.result)))
    })
  }
})

describe("preprocess", () => {
  it("rounds sizes down to whole latents", () => {
    const shape = (options: ImageProcessor.PreprocessOptions) =>
      Result.getOrThrow(ImageProcessor.preprocess(picture(37, 50), options)).shape
    assert.deepStrictEqual(shape({}), [1, 3, 32, 48])
    assert.deepStrictEqual(shape({ factor: 4 }), [1, 3, 36, 48])
    assert.deepStrictEqual(shape({ width: 31, height: 17 }), [1, 3, 16, 24])
    assert.deepStrictEqual(shape({ width: 16 }), [1, 3, 32, 16])
    assert.deepStrictEqual(shape({ resize: false }), [1, 3, 37, 50])
  })

  it("several pictures make one batch, at the size of the first", () => {
    const batch = Result.getOrThrow(ImageProcessor.preprocess([picture(16, 24), picture(40, 40)]))
    assert.deepStrictEqual(batch.shape, [2, 3, 16, 24])
    const alone = Result.getOrThrow(ImageProcessor.preprocess(picture(40, 40), { width: 24, height: 16 }))
    assert.isTrue(Tensor.equals(Tensor.slice(batch, 1, 2), alone))
  })

  it("levels become [-1, 1], or [0, 1]", () => {
    const levels = Tensor.fromArray("uint8", [1, 3, 1], [0, 51, 255])
    const values = (options: ImageProcessor.PreprocessOptions) =>
      Tensor.toArray(Result.getOrThrow(ImageProcessor.preprocess(levels, { resize: false, ...options })))
    assert.deepStrictEqual(values({}), [-1, Math.fround(Math.fround(2 * Math.fround(0.2)) - 1), 1])
    assert.deepStrictEqual(values({ normalize: false }), [0, Math.fround(0.2), 1])
    assert.deepStrictEqual(values({ normalize: false, binarize: true }), [0, 0, 1])
  })

  it("a tensor that was normalised before is not normalised again, latents are left alone", () => {
    const normalised = Tensor.fromArray("float32", [1, 1, 1, 2], [-0.5, 1])
    const same = Result.getOrThrow(ImageProcessor.preprocess(normalised, { resize: false }))
    assert.deepStrictEqual(Tensor.toArray(same), [-0.5, 1])
    const latents = Tensor.zeros("float32", [1, 4, 5, 5])
    assert.strictEqual(Result.getOrThrow(ImageProcessor.preprocess(latents)), latents)
    assert.deepStrictEqual(
      Result.getOrThrow(ImageProcessor.preprocess(Tensor.zeros("float32", [1, 4, 8, 8]), { latentChannels: 16 }))
        .data[0],
      -1
    )
  })

  it("a tensor may lack the batch axis, a mask the channel axis", () => {
    const shape = (tensor: Tensor.Tensor<"float32">, mask = false) =>
      Result.getOrThrow(mask ? ImageProcessor.preprocessMask(tensor) : ImageProcessor.preprocess(tensor)).shape
    assert.deepStrictEqual(shape(Tensor.zeros("float32", [3, 8, 16])), [1, 3, 8, 16])
    assert.deepStrictEqual(shape(Tensor.zeros("float32", [2, 8, 16]), true), [2, 1, 8, 16])
  })

  it("masks of any picture have one channel of zeros and ones", () => {
    for (const channels of [1, 2, 3, 4]) {
      const prepared = Result.getOrThrow(ImageProcessor.preprocessMask(picture(16, 16, channels)))
      assert.deepStrictEqual(prepared.shape, [1, 1, 16, 16])
      assert.isTrue(prepared.data.every((x) => x === 0 || x === 1))
    }
  })

  it("says what is wrong", () => {
    const { preprocess } = ImageProcessor
    assert.include(problemOf(preprocess(picture(7, 40))), "height is 7, less than one latent (8 pixels)")
    assert.include(problemOf(preprocess(picture(40, 40), { width: 0 })), "width must be a positive whole number, not 0")
    assert.include(problemOf(preprocess(picture(40, 40), { width: 12.5 })), "not 12.5")
    assert.include(
      problemOf(preprocess(picture(40, 40), { factor: 0 })),
      "factor must be a positive whole number, not 0"
    )
    assert.include(problemOf(preprocess([])), "no pictures")
    assert.include(
      problemOf(preprocess([picture(8, 8), picture(8, 9)], { resize: false })),
      "picture 1 is uint8[8, 9, 3]"
    )
    assert.include(problemOf(preprocess([picture(8, 8), picture(8, 8, 4)])), "picture 1 is uint8[8, 8, 4]")
    assert.include(
      problemOf(preprocess(Tensor.zeros("float32", [8, 8]))),
      "expected float32[batch, channels, height, width]"
    )
    assert.include(problemOf(preprocess(Tensor.zeros("uint8", [0, 8, 3]))), "got uint8[0, 8, 3]")
    assert.include(problemOf(preprocess(picture(8, 8), { crop: [0, 0, 0, 0] })), "0 x 0 is not a size")
    assert.include(problemOf(preprocess(picture(8, 8), { width: 2 ** 20, height: 2 ** 20 })), "is not a size")
  })
})

describe("postprocess", () => {
  it("is the way back of preprocess, level by level", () => {
    const levels = Tensor.make(
      "uint8",
      [16, 16, 1],
      Uint8Array.from({ length: 256 }, (_, i) => i)
    )
    const [back] = Result.getOrThrow(
      Result.flatMap(ImageProcessor.preprocess(levels), (tensor) => ImageProcessor.postprocess(tensor))
    )
    assert.isTrue(Tensor.equals(back!, levels))
  })

  it("cuts off what is out of range and makes NaN black", () => {
    const values = [-9, 9, NaN, -Infinity, Infinity]
    const [image] = Result.getOrThrow(
      ImageProcessor.postprocess(Tensor.fromArray("float32", [1, 1, 1, values.length], values))
    )
    assert.deepStrictEqual([...image!.data], [0, 255, 0, 0, 255])
  })

  it("rounds halves to the even level", () => {
    const f = Math.fround
    const halves = Array.from({ length: 255 }, (_, i) => i + 0.5).filter((x) => f(f(x / 255) * 255) === x)
    assert.isAbove(halves.length, 100)
    const tensor = Tensor.fromArray(
      "float32",
      [1, 1, 1, halves.length],
      halves.map((x) => x / 255)
    )
    const [image] = Result.getOrThrow(ImageProcessor.postprocess(tensor, { denormalize: false }))
    assert.deepStrictEqual(
      [...image!.data],
      halves.map((x) => 2 * Math.round(x / 2))
    )
  })

  it("gives a picture per item, and may leave items as they are", () => {
    const tensor = Tensor.fromArray("float32", [2, 1, 1, 1], [0, 0.5])
    const images = Result.getOrThrow(ImageProcessor.postprocess(tensor, { denormalize: [true, false] }))
    assert.deepStrictEqual(
      images.map((image) => image.data[0]),
      [128, 128]
    )
    assert.include(problemOf(ImageProcessor.postprocess(tensor, { denormalize: [true] })), "1 flags for a batch of 2")
    assert.include(problemOf(ImageProcessor.postprocess(Tensor.zeros("float32", [2]))), "got float32[2]")
    assert.strictEqual(Result.getOrThrow(ImageProcessor.denormalize(tensor, false)), tensor)
    assert.deepStrictEqual(Result.getOrThrow(ImageProcessor.postprocess(Tensor.zeros("float32", [0, 3, 8, 8]))), [])
  })
})

describe("resize modes", () => {
  const Side = Schema.Int.check(Schema.isBetween({ minimum: 8, maximum: 40 }))

  it.prop("crop and fill always give the size asked for, in RGB", [Side, Side, Side, Side], ([w, h, width, height]) => {
    for (const mode of ["crop", "fill"] as const) {
      const result = Result.getOrThrow(ImageProcessor.resize(picture(h, w, 1), { width, height, mode }))
      assert.deepStrictEqual(result.shape, [height, width, 3])
    }
  })

  it.prop("crop of a uniform picture leaves no border", [Side, Side, Side, Side], ([w, h, width, height]) => {
    const white = Tensor.make("uint8", [h, w, 3], new Uint8Array(w * h * 3).fill(255))
    for (const mode of ["crop", "fill"] as const) {
      const result = Result.getOrThrow(ImageProcessor.resize(white, { width, height, mode }))
      const black = result.data.reduce((count, level) => count + (level === 255 ? 0 : 1), 0)
      // rounding the inner size down can leave one line, as it does in diffusers
      assert.isAtMost(black, 3 * 2 * Math.max(width, height), mode)
    }
  })

  it("crop and fill use the filter that is asked for, also of an overlay", () => {
    const image = picture(16, 16, 3)
    const half = { width: 8, height: 8, filter: "nearest" } as const
    const wanted = Result.getOrThrow(Image.resize(image, half))
    for (const mode of ["crop", "fill"] as const)
      assert.isTrue(Tensor.equals(Result.getOrThrow(ImageProcessor.resize(image, { ...half, mode })), wanted), mode)
    const mask = Tensor.make("uint8", [8, 8, 1], new Uint8Array(64).fill(255))
    const overlay = { mask, original: wanted, image, box: [0, 0, 8, 8], filter: "nearest" } as const
    assert.isTrue(Tensor.equals(Result.getOrThrow(ImageProcessor.applyOverlay(overlay)), wanted))
    const unknown = ImageProcessor.resize(image, { ...half, mode: "stretch" as ImageProcessor.ResizeMode })
    assert.include(problemOf(unknown), "there is no mode 'stretch'")
  })

  it("reduces by whole factors first in mode default where a gap is given", () => {
    const image = picture(40, 40, 3)
    const options = { width: 8, height: 8, reducingGap: 1 } as const
    const reduced = Result.getOrThrow(Image.resize(image, options))
    assert.isFalse(
      Tensor.equals(reduced, Result.getOrThrow(Image.resize(image, { ...options, reducingGap: undefined })))
    )
    const prepared = ImageProcessor.preprocess(image, options)
    assert.isTrue(
      Tensor.equals(
        Result.getOrThrow(prepared),
        Result.getOrThrow(ImageProcessor.preprocess(reduced, { resize: false }))
      )
    )
  })

  it("a shape so extreme that nothing is left is refused", () => {
    assert.include(
      problemOf(ImageProcessor.resize(picture(1, 1000), { width: 8, height: 8, mode: "fill" })),
      "is not a size"
    )
  })
})

describe("cropRegion", () => {
  const Position = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 19 }))
  const Padding = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 }))
  const Side = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 64 }))

  it.prop(
    "holds what is marked and stays inside",
    [Position, Position, Position, Position, Padding, Side, Side],
    (given) => {
      const [x0, y0, x1, y1, padding, width, height] = given
      const marked = mask(20, 20, [
        [x0, y0],
        [x1, y1]
      ])
      const [left, top, right, bottom] = Result.getOrThrow(
        ImageProcessor.cropRegion(marked, { width, height, padding })
      )
      assert.isTrue(left >= 0 && top >= 0 && right <= 20 && bottom <= 20)
      assert.isTrue(left <= Math.min(x0, x1) && right > Math.max(x0, x1))
      assert.isTrue(top <= Math.min(y0, y1) && bottom > Math.max(y0, y1))
    }
  )

  it.prop(
    "has the target's shape as far as the picture allows",
    [Position, Position, Padding, Side, Side],
    (given) => {
      const [x, y, padding, width, height] = given
      const marked = mask(20, 20, [[x, y]])
      const [left, top, right, bottom] = Result.getOrThrow(
        ImageProcessor.cropRegion(marked, { width, height, padding })
      )
      const across = Math.min(x + 1 + padding, 20) - Math.max(x - padding, 0)
      const down = Math.min(y + 1 + padding, 20) - Math.max(y - padding, 0)
      const ratio = width / height
      const wide = across / down > ratio
      const extra = Math.trunc(wide ? across / ratio - down : down * ratio - across)
      assert.strictEqual(wide ? bottom - top : right - left, Math.min(20, (wide ? down : across) + extra))
      assert.strictEqual(wide ? right - left : bottom - top, wide ? across : down)
    },
    { arbitrary: { runs: 500 } }
  )

  it("refuses a mask that marks nothing, and sizes that are none", () => {
    assert.include(
      problemOf(ImageProcessor.cropRegion(mask(4, 4, []), { width: 8, height: 8 })),
      "the mask marks nothing"
    )
    const one = mask(4, 4, [[1, 1]])
    assert.include(problemOf(ImageProcessor.cropRegion(one, { width: 0, height: 8 })), "0 x 8 is not a size")
    assert.include(problemOf(ImageProcessor.cropRegion(one, { width: 8, height: 8, padding: -1 })), "padding")
  })
})

describe("applyOverlay", () => {
  it("refuses pictures that do not fit each other, saying which", () => {
    const original = picture(8, 8)
    const image = picture(8, 8)
    assert.include(
      problemOf(ImageProcessor.applyOverlay({ mask: mask(8, 9, []), original, image })),
      "the mask is 9 x 8, the original 8 x 8"
    )
    assert.include(
      problemOf(ImageProcessor.applyOverlay({ mask: mask(8, 8, []), original, image: picture(4, 8) })),
      "the image is 8 x 4, the original 8 x 8"
    )
    assert.include(
      problemOf(ImageProcessor.applyOverlay({ mask: mask(8, 8, []), original, image, box: [4, 4, 4, 8] })),
      "0 x 4 is not a size"
    )
  })

  it("with a box puts the new picture there only", () => {
    const original = picture(8, 8)
    const image = Tensor.make("uint8", [4, 4, 3], new Uint8Array(48).fill(200))
    const all = Tensor.make("uint8", [8, 8, 1], new Uint8Array(64).fill(255))
    const marked = mask(8, 8, [[2, 2]])
    const result = Result.getOrThrow(ImageProcessor.applyOverlay({ mask: marked, original, image, box: [1, 1, 5, 5] }))
    for (let i = 0; i < 64; i++) assert.strictEqual(result.data[3 * i], i === 18 ? 200 : original.data[3 * i])
    // where the mask is white outside the box there is nothing to show: black, as in diffusers
    const black = Result.getOrThrow(ImageProcessor.applyOverlay({ mask: all, original, image, box: [1, 1, 5, 5] }))
    assert.strictEqual(black.data[0], 0)
  })
})

describe("blur", () => {
  it("refuses factors that are none", () => {
    for (const factor of [-1, NaN, Infinity]) {
      assert.include(problemOf(ImageProcessor.blur(picture(4, 4), factor)), "the factor must be a number from 0 on")
    }
  })
})

describe("interpolateNearest", () => {
  it("takes the value at the scaled position, as torch does", () => {
    const tensor = Tensor.fromArray("float32", [1, 1, 1, 5], [0, 1, 2, 3, 4])
    const at = (width: number) =>
      Tensor.toArray(Result.getOrThrow(ImageProcessor.interpolateNearest(tensor, { width, height: 1 })))
    assert.deepStrictEqual(at(3), [0, 1, 3])
    assert.deepStrictEqual(at(10), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    assert.include(problemOf(ImageProcessor.interpolateNearest(tensor, { width: 0, height: 1 })), "is not a size")
  })
})
