/** Blocks are made once and live as long as the program: what a run was given must not live with them. */
import * as Block from "@effect-blocks/core/Block"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as v8 from "node:v8"
import * as vm from "node:vm"

v8.setFlagsFromString("--expose-gc")
const gc: () => void = vm.runInNewContext("gc")

const N = Schema.Number
class Model extends Context.Service<Model, { readonly weights: Float32Array }>()("test/Model") {}

const pure = Block.pure("pure", { inputs: { x: N }, outputs: { x: N }, run: ({ x }) => ({ x: x + 1 }) })
const component = Block.make("component", {
  inputs: { x: N },
  outputs: { x: N },
  components: { model: Model },
  run: ({ x }, { model }) => Effect.succeed({ x: x + model.weights.length })
})
const waiting = Block.make("waiting", {
  inputs: { x: N },
  outputs: { x: N },
  components: { model: Model },
  run: ({ x }, { model }) => Effect.as(Effect.yieldNow, { x: x + model.weights.length })
})

/** runs with services of its own, and gives nothing but a weak reference to them */
const run = async (of: (inputs: { readonly x: number }) => Effect.Effect<unknown, unknown, Model>) => {
  const model = { weights: new Float32Array(8) }
  await Effect.runPromiseWith(Context.make(Model, model))(Effect.orDie(of({ x: 1 })))
  return new WeakRef(model)
}

describe("the services of a run that has ended are let go", () => {
  const cases = {
    "a block without components": pure.run,
    "a block with components": component.run,
    "a block that waits": waiting.run,
    "a pipeline": (inputs: { readonly x: number }) =>
      Pipeline.run(Block.sequential("all", [pure, component, waiting]), inputs)
  }
  for (const [name, of] of Object.entries(cases)) {
    it(name, async () => {
      const model = await run(of)
      // a weak reference holds what it refers to until the end of the turn that made it
      await new Promise((resolve) => setImmediate(resolve))
      gc()
      assert.isUndefined(model.deref())
    })
  }
})
