/** Models made of functions. The casts are justified by the contracts that every run checks. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Contract, Results, ValueInfo } from "../Model.ts"
import { ModelRunError } from "../OnnxError.ts"
import type { AnyFake, Source } from "../OnnxRuntime.ts"
import * as Tensor from "../Tensor.ts"
import { type Backend, localPlace, type Session } from "./backend.ts"
import type { Wires } from "./protocol.ts"
import { CodedError } from "./coded.ts"

const valuesOf = (fields: Contract.Fields): ReadonlyArray<ValueInfo> =>
  Object.entries(fields).map(([name, schema]) => {
    const { dims, dtype } = Tensor.specOf(schema)!
    return { name, dtype, shape: dims ?? [] }
  })

const problemsOf = (fake: AnyFake, results: Results): ReadonlyArray<string> =>
  Object.entries(fake.outputs).flatMap(([name, schema]) => {
    const { dims, dtype } = Tensor.specOf(schema)!
    const value: unknown = results[name]
    if (!Tensor.isTensor(value)) return [`output '${name}' is missing, expected ${Tensor.show(dtype, dims)}`]
    const problem = Tensor.mismatch(value, dtype, dims)
    return problem === undefined ? [] : [`output '${name}': ${problem}`]
  })

const select = (results: Results, outputs: ReadonlyArray<string>): Results =>
  Object.fromEntries(outputs.map((name) => [name, results[name]!]))

const sessionOf = (name: string, fake: AnyFake): Session => {
  const failed = (detail: string) => new ModelRunError({ model: name, detail })
  return {
    inputs: valuesOf(fake.inputs),
    outputs: valuesOf(fake.outputs),
    run: (feeds, outputs) =>
      Effect.suspend(() => {
        const given = fake.run(feeds as Results)
        return Effect.isEffect(given) ? given : Effect.succeed(given)
      }).pipe(
        Effect.catchDefect((defect) => Effect.fail(failed(defect instanceof Error ? defect.message : String(defect)))),
        Effect.flatMap((results): Effect.Effect<Wires, ModelRunError> => {
          const problems = problemsOf(fake, results)
          return problems.length === 0
            ? Effect.succeed(select(results, outputs ?? Object.keys(fake.outputs)))
            : Effect.fail(failed(`the fake breaks its own declaration: ${problems.join("; ")}`))
        })
      ),
    release: () => Promise.resolve()
  }
}

/** Every run has a place of its own, as nothing is shared: fakes run side by side. */
export const fakeBackend = (find: (source: Source) => AnyFake | undefined): Backend => ({
  provider: "fake",
  workers: 0,
  pick: () =>
    localPlace(async (source) => {
      const fake = find(source)
      if (fake === undefined) throw new CodedError("NOT_FOUND", "no such fake")
      return sessionOf(typeof source === "string" ? source : "model from bytes", fake)
    }, Semaphore.makeUnsafe(1)),
  close: () => Promise.resolve()
})
