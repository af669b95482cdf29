/** Contracts of Schemas over a model's metadata. The casts are justified by the checks beside them. */
import * as Effect from "effect/Effect"
import type { Contract, Model, Results, ValueInfo } from "../Model.ts"
import { ModelInputError, ModelRunError, type RunError } from "../OnnxError.ts"
import * as Tensor from "../Tensor.ts"
import { dimsOf } from "./feeds.ts"

type AnyContract = Contract<Contract.Fields, Contract.Fields>

/** What the file declares and what the Schema declares can both be true of one tensor. */
const compatible = (info: ValueInfo, spec: Tensor.Spec): boolean => {
  if (info.dtype !== spec.dtype) return false
  const dims = dimsOf(info)
  if (dims === undefined || spec.dims === undefined) return true
  if (dims.length !== spec.dims.length) return false
  return dims.every((dim, i) => {
    const wanted = spec.dims![i]
    return typeof dim !== "number" || typeof wanted !== "number" || dim === wanted
  })
}

export const contractProblems = (
  model: Pick<Model, "inputs" | "outputs">,
  contract: AnyContract
): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const compare = (kind: "input" | "output", have: ReadonlyArray<ValueInfo>, wanted: Contract.Fields) => {
    for (const name in wanted) {
      const spec = Tensor.specOf(wanted[name]!)!
      const info = have.find((value) => value.name === name)
      if (info === undefined) problems.push(`no ${kind} '${name}'; it has ${have.map((_) => `'${_.name}'`).join(", ")}`)
      else if (!compatible(info, spec)) {
        problems.push(
          `${kind} '${name}' is ${Tensor.show(info.dtype, info.shape)}, expected ${Tensor.show(spec.dtype, spec.dims)}`
        )
      }
    }
  }
  compare("input", model.inputs, contract.inputs)
  compare("output", model.outputs, contract.outputs)
  for (const input of model.inputs) {
    if (!Object.hasOwn(contract.inputs, input.name))
      problems.push(`input '${input.name}' (${Tensor.show(input.dtype, input.shape)}) is never given`)
  }
  return problems
}

const problemsOf = (fields: Contract.Fields, values: Results) => {
  const problems: Array<{ readonly name: string; readonly problem: string }> = []
  for (const name in fields) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    const spec = Tensor.specOf(fields[name]!)!
    const problem = value === undefined ? undefined : Tensor.mismatch(value, spec.dtype, spec.dims)
    if (problem !== undefined) problems.push({ name, problem })
  }
  return problems
}

export const typedRun = (name: string, run: Model["run"], contract: AnyContract): Model["run"] => {
  const outputs = Object.keys(contract.outputs)
  const options = outputs.length === 0 ? undefined : { outputs }
  return (feeds) => {
    const bad = problemsOf(contract.inputs, feeds)
    if (bad.length > 0) return Effect.fail(new ModelInputError({ model: name, problems: bad }))
    return Effect.flatMap(run(feeds, options), (results): Effect.Effect<Results, RunError> => {
      const wrong = problemsOf(contract.outputs, results)
      return wrong.length === 0
        ? Effect.succeed(results)
        : Effect.fail(
            new ModelRunError({
              model: name,
              detail: `its results break their contract: ${wrong.map((_) => `'${_.name}': ${_.problem}`).join("; ")}`
            })
          )
    })
  }
}

export const asTyped = <A>(model: Model, contract: AnyContract): A =>
  ({ ...model, run: typedRun(model.name, model.run, contract) }) as A
