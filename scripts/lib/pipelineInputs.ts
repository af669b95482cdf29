/** The table of docs/pipelines.md: what the pipelines that ship take, as `Block.describe` says it. */
import * as Block from "@effect-blocks/core/Block"
import * as LatentConsistency from "@effect-blocks/diffusion/pipelines/LatentConsistency"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"

const letters = { text2image: "T", image2image: "I", latents2image: "L", inpainting: "M" } as const

const { latents2image, image2image, inpainting, text2image } = StableDiffusionXL
const families: ReadonlyArray<Readonly<Record<string, Block.Any>>> = [
  {
    text2image: StableDiffusion.text2image,
    image2image: StableDiffusion.image2image,
    inpainting: StableDiffusion.inpainting
  },
  { text2image, image2image, latents2image, inpainting },
  { text2image: LatentConsistency.text2image, image2image: LatentConsistency.image2image }
]

interface Input {
  readonly takes: string
  readonly says: string
  /** its default; what is neither needed nor has one may be left out */
  readonly default: string
}

/** the section `Inputs:` of a description: names at four spaces, what they are at eight */
const inputsOf = (block: Block.Any): ReadonlyMap<string, Input> => {
  const [, section = ""] = /\n {2}Inputs:\n([^]*?)\n\n/.exec(Block.describe(block)) ?? []
  const rows = section.matchAll(/^ {4}(\w+)(\??): (.*?)(?: = ([^=\n]*))?((?:\n {8}.*)*)$/gm)
  return new Map(
    [...rows].map(([, name, optional, takes, value, says]) => [
      name!,
      { takes: takes!, says: says!.trim(), default: value ?? (optional === "?" ? "" : "needed") }
    ])
  )
}

const takes = (text: string): string =>
  text
    .replaceAll(" | ", " or ")
    .replaceAll("-9223372036854775808n", "-2^63")
    .replaceAll("18446744073709551615n", "2^64 - 1")
    .replaceAll("integer or bigint between", "integer between")
    .replaceAll(" with a length between", " of length")
    .replaceAll(/between (\S+) and (2\^64 - 1|\S+?)(?=$|[ ,>\]])/g, "$1..$2")
    .replaceAll("of length 1 and 64", "of length 1..64")

/** `all 50`; `I 0.8, M 1`; workflows with the same default together */
const cell = (workflows: Readonly<Record<string, ReadonlyMap<string, Input>>>, name: string): string => {
  const groups = new Map<string, Array<string>>()
  for (const [workflow, inputs] of Object.entries(workflows)) {
    const input = inputs.get(name)
    if (input === undefined) continue
    const group = groups.get(input.default) ?? []
    groups.set(input.default, [...group, letters[workflow as keyof typeof letters]])
  }
  const count = Object.keys(workflows).length
  return [...groups]
    .map(([value, group]) => `${group.length === count ? "all" : group.join(" ")}${value === "" ? "" : ` ${value}`}`)
    .join(", ")
}

/** One line an input: in the order of Stable Diffusion, then what only the others have. */
export const pipelineInputs = (): string => {
  const described = families.map((family) =>
    Object.fromEntries(Object.entries(family).map(([workflow, block]) => [workflow, inputsOf(block)]))
  )
  const all = new Map<string, Input>()
  for (const family of described) {
    for (const inputs of Object.values(family)) {
      for (const [name, input] of inputs) if (!all.has(name)) all.set(name, input)
    }
  }
  return [
    "| input | | takes | 1.x, 2.x | XL | LCM |",
    "| --- | --- | --- | --- | --- | --- |",
    ...[...all].map(([name, input]) => {
      const cells = described.map((family) => cell(family, name))
      return `| \`${name}\` | ${[input.says, `\`${takes(input.takes)}\``, ...cells].join(" | ")} |`
    })
  ].join("\n")
}
