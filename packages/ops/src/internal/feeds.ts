/** Checks feeds against a model's metadata. */
import type { Feeds, Model, ValueInfo } from "../Model.ts"
import { ModelInputError } from "../OnnxError.ts"
import * as Tensor from "../Tensor.ts"

interface Problem {
  readonly name: string
  readonly problem: string
}

/** ONNX Runtime shows a scalar and a value of unknown rank alike, as `[]`. */
export const dimsOf = (info: ValueInfo): ReadonlyArray<Tensor.Dim> | undefined =>
  info.shape.length === 0 ? undefined : info.shape

const names = (values: ReadonlyArray<ValueInfo>): string => values.map((_) => `'${_.name}'`).join(", ") || "none"

export const checkFeeds = (
  model: Pick<Model, "name" | "inputs">,
  feeds: Feeds,
  symbolicDims: "strict" | "ignore" = "strict"
): ModelInputError | undefined => {
  let problems: Array<Problem> | undefined
  const report = (name: string, problem: string) => void (problems ??= []).push({ name, problem })
  const sizes = new Map<string, { readonly size: number; readonly input: string }>()
  for (const input of model.inputs) {
    const feed: unknown = Object.hasOwn(feeds, input.name) ? feeds[input.name] : undefined
    const dims = dimsOf(input)
    if (feed === undefined) report(input.name, `missing, expected ${Tensor.show(input.dtype, dims)}`)
    else if (!Tensor.isTensor(feed))
      report(input.name, `expected ${Tensor.show(input.dtype, dims)}, got ${typeof feed}`)
    else {
      const problem = Tensor.mismatch(feed, input.dtype, dims)
      if (problem !== undefined) report(input.name, problem)
      else if (dims !== undefined && symbolicDims === "strict") {
        dims.forEach((dim, axis) => {
          if (typeof dim !== "string" || dim === "") return
          const size = feed.shape[axis]!
          const seen = sizes.get(dim)
          if (seen === undefined) sizes.set(dim, { size, input: input.name })
          else if (seen.size !== size)
            report(input.name, `axis ${axis} ('${dim}') is ${size}, but ${seen.size} in '${seen.input}'`)
        })
      }
    }
  }
  for (const name of Object.keys(feeds)) {
    if (!model.inputs.some((input) => input.name === name)) report(name, `no such input; it has ${names(model.inputs)}`)
  }
  return problems && new ModelInputError({ model: model.name, problems })
}

export const checkOutputs = (
  model: Pick<Model, "name" | "outputs">,
  outputs: ReadonlyArray<string>
): ModelInputError | undefined => {
  const unknown = outputs.filter((name) => !model.outputs.some((output) => output.name === name))
  if (unknown.length > 0) {
    return new ModelInputError({
      model: model.name,
      problems: unknown.map((name) => ({ name, problem: `no such output; it has ${names(model.outputs)}` }))
    })
  }
  return outputs.length === 0
    ? new ModelInputError({ model: model.name, problems: [{ name: "outputs", problem: "expected at least one" }] })
    : undefined
}
