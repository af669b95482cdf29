import * as Block from "@effect-blocks/core/Block"
import * as Errors from "@effect-blocks/core/Errors"
import * as Field from "@effect-blocks/core/Field"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"

const N = Schema.Number
const inc = Block.pure("inc", { inputs: { x: N }, outputs: { x: N }, run: ({ x }) => ({ x: x + 1 }) })
const double = Block.make("double", {
  inputs: { x: N },
  outputs: { y: N },
  run: ({ x }) => Effect.sync(() => ({ y: 2 * x }))
})

class Scale extends Context.Service<Scale, { readonly by: number }>()("test/Scale") {}
const scale = Block.make("scale", {
  inputs: { x: N },
  outputs: { x: N },
  components: { scale: Scale },
  run: ({ x }, { scale }) => Effect.succeed({ x: x * scale.by })
})

describe("make", () => {
  it.effect("gives run its inputs and its components, and no other variable", () =>
    Effect.gen(function* () {
      const seen: Array<object> = []
      const look = Block.make("look", {
        inputs: { x: N },
        outputs: {},
        components: { scale: Scale },
        run: (inputs, components) => Effect.sync(() => (seen.push(inputs, components), {}))
      })
      const noise = Block.pure("noise", { inputs: {}, outputs: { other: N }, run: () => ({ other: 1 }) })
      const program = Block.sequential("all", [noise, look]).run({ x: 1 })
      yield* Effect.provideService(program, Scale, { by: 3 })
      assert.deepStrictEqual(seen, [{ x: 1 }, { scale: { by: 3 } }])
    })
  )
  it.effect("one block value takes the components of each run that it is in, at the same time", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const slow = Block.make("slow", {
        inputs: { x: N },
        outputs: { x: N },
        components: { scale: Scale },
        run: ({ x }, { scale }) => Effect.as(Deferred.await(gate), { x: x * scale.by })
      })
      const all = Block.sequential("all", [slow, scale])
      const fibers = yield* Effect.forEach([2, 3, 4], (by) =>
        Effect.forkChild(Effect.provideService(all.run({ x: by }), Scale, { by }), { startImmediately: true })
      )
      yield* Deferred.succeed(gate, undefined)
      const out = yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
      assert.deepStrictEqual(out, [{ x: 8 }, { x: 27 }, { x: 64 }])
    })
  )
  it.effect("run may be a generator, whose inputs have their types", () =>
    Effect.gen(function* () {
      const generated = Block.make("generated", {
        inputs: { x: N },
        outputs: { y: N },
        components: { scale: Scale },
        run: Effect.fnUntraced(function* ({ x }, { scale }) {
          // @ts-expect-error x is a number
          const text: string = x
          yield* Effect.yieldNow
          return { y: Number(text) * scale.by }
        })
      })
      assert.deepStrictEqual(yield* Effect.provideService(generated.run({ x: 2 }), Scale, { by: 4 }), { y: 8 })
    })
  )
  it.effect("an output that run does not give leaves the earlier value", () =>
    Effect.gen(function* () {
      const silent = Block.pure("silent", { inputs: {}, outputs: { x: Field.optional(N) }, run: () => ({}) })
      assert.deepStrictEqual(yield* Block.sequential("all", [inc, silent]).run({ x: 1 }), { x: 2 })
    })
  )
  it.effect("never writes to what the caller gave", () =>
    Effect.gen(function* () {
      const given = Object.freeze({ x: 1 })
      assert.deepStrictEqual(yield* Block.sequential("all", [inc, double]).run(given), { x: 2, y: 4 })
      assert.deepStrictEqual(given, { x: 1 })
    })
  )
})

describe("sequential", () => {
  it.effect("wires outputs to later inputs, and inputs that nobody wrote to the caller", () =>
    Effect.gen(function* () {
      const all = Block.sequential("all", [inc, double, Block.rename(inc, "again")])
      assert.deepStrictEqual(Object.keys(all.inputs), ["x"])
      assert.deepStrictEqual(Object.keys(all.outputs), ["x", "y"])
      assert.deepStrictEqual(yield* all.run({ x: 1 }), { x: 3, y: 4 })
    })
  )
  it.effect("only declared inputs enter the state", () =>
    Effect.gen(function* () {
      const read = Block.pure("read", {
        inputs: { z: Field.optional(N) },
        outputs: { w: N },
        run: ({ z = -1 }) => ({ w: z })
      })
      const hidden = Block.sequential("hidden", [Block.sequential("inner", [inc])])
      const given = { x: 1, z: 5 }
      assert.deepStrictEqual(yield* hidden.run(given), { x: 2 })
      assert.deepStrictEqual(yield* Block.sequential("all", [inc, read]).run(given), { x: 2, w: 5 })
    })
  )
  it.effect("an empty sequence does nothing", () =>
    Effect.gen(function* () {
      const empty = Block.sequential("empty", [])
      assert.deepStrictEqual(yield* empty.run({}), {})
      assert.deepStrictEqual(yield* Block.sequential("all", [empty, inc, Block.sequential("end", [])]).run({ x: 1 }), {
        x: 2
      })
    })
  )
  it.effect("is as deep as wanted", () =>
    Effect.gen(function* () {
      for (const leaf of [
        inc,
        Block.make("inc", {
          inputs: { x: N },
          outputs: { x: N },
          run: ({ x }) => Effect.as(Effect.yieldNow, { x: x + 1 })
        })
      ]) {
        let nested: Block.Block<{ readonly x: number }, { readonly x: number }> = leaf
        for (let level = 0; level < 1000; level++) nested = Block.sequential("level", [nested])
        assert.deepStrictEqual(yield* nested.run({ x: 1 }), { x: 2 })
      }
    })
  )
  it.effect("a failure a thousand levels down has the whole path", () =>
    Effect.gen(function* () {
      let nested: Block.Block<{}, {}, string> = Block.make("leaf", {
        inputs: {},
        outputs: {},
        run: () => Effect.fail("no")
      })
      for (let level = 0; level < 1000; level++) nested = Block.sequential("s", [nested])
      const exit = yield* Effect.exit(nested.run({}))
      assert(Exit.isFailure(exit))
      assert.strictEqual(Errors.pathOf(exit.cause), `${"s.".repeat(1000)}leaf`)
    })
  )
  it.effect("an array that is changed later changes nothing", () =>
    Effect.gen(function* () {
      const steps: Array<any> = [inc]
      const all: Block.Block<{ x: number }, object> = Block.sequential("all", steps) as any
      steps.push(inc, inc)
      assert.deepStrictEqual([all.blocks.length, yield* all.run({ x: 1 })], [1, { x: 2 }])
    })
  )
  it("two blocks of one name are refused at run time too", () => {
    const untyped: ReadonlyArray<any> = [inc, inc]
    assert.throws(() => Block.sequential("twice", untyped as any), /'twice': two blocks are named 'inc'/)
  })
  it("what untyped callers take for blocks, Schemas or functions is refused", () => {
    const untyped: any = Block
    for (const compose of [untyped.sequential, untyped.parallel]) {
      assert.throws(() => compose("all", { inc }), /'all': its blocks are not an array/)
      assert.throws(() => compose("all", [inc, undefined]), /'all': \[1\] of its blocks is not a block/)
    }
    const run = () => ({})
    assert.throws(
      () => untyped.pure("b", { inputs: { x: Number }, outputs: {}, run }),
      /'b': input 'x' is not a Schema/
    )
    assert.throws(() => untyped.pure("b", { inputs: {}, outputs: { x: {} }, run }), /'b': output 'x' is not a Schema/)
    assert.throws(() => untyped.pure("b", { inputs: {}, outputs: {} }), /'b': 'run' is not a function/)
  })
  it.effect("a run that gives no Effect dies with the path of its block", () =>
    Effect.gen(function* () {
      const wrong = Block.make("wrong", { inputs: {}, outputs: {}, run: () => 3 as never })
      const exit = yield* Effect.exit(Block.sequential("all", [wrong]).run({}))
      assert(Exit.isFailure(exit))
      assert.strictEqual(Errors.pathOf(exit.cause), "all.wrong")
      assert.match(String(Cause.squash(exit.cause)), /'run' gave no Effect/)
    })
  )
})

describe("choices", () => {
  const a = Block.pure("a", {
    inputs: { image: Schema.String },
    outputs: { from: Schema.String },
    run: ({ image }) => ({ from: image })
  })
  const b = Block.pure("b", {
    inputs: { mask: Schema.String, image: Schema.String },
    outputs: { from: Schema.String },
    run: ({ mask }) => ({ from: mask })
  })
  const c = Block.pure("c", { inputs: {}, outputs: { from: Schema.String }, run: () => ({ from: "nothing" }) })
  it.effect("auto takes the first branch whose input is there, else the default, else none", () =>
    Effect.gen(function* () {
      const all = Block.auto("all", [Block.when("mask", b), Block.when("image", a), c])
      assert.deepStrictEqual(yield* all.run({ mask: "m", image: "i" }), { from: "m" })
      assert.deepStrictEqual(yield* all.run({ image: "i" }), { from: "i" })
      assert.deepStrictEqual(yield* all.run({}), { from: "nothing" })
      assert.deepStrictEqual(yield* Block.auto("none", [Block.when("image", a)]).run({}), {})
    })
  )
  it.effect("a value that is undefined is not there; false, 0 and null are", () =>
    Effect.gen(function* () {
      const all = Block.auto("all", [
        Block.when("flag", Block.rename(c, "yes"), { unread: true }),
        Block.pure("no", { inputs: {}, outputs: { from: Schema.String }, run: () => ({ from: "no" }) })
      ])
      for (const flag of [false, 0, null, ""]) assert.deepStrictEqual(yield* all.run({ flag }), { from: "nothing" })
      assert.deepStrictEqual(yield* all.run({ flag: undefined }), { from: "no" })
    })
  )
  it.effect("a branch that lacks inputs fails before anything of it runs, and says what is missing", () =>
    Effect.gen(function* () {
      let ran = 0
      const first = Block.pure("first", { inputs: {}, outputs: {}, run: () => (ran++, {}) })
      const inpaint = Block.sequential("inpaint", [first, b])
      const all = Block.sequential("all", [Block.auto("latents", [Block.when("mask", inpaint), c])])
      const exit = yield* Effect.exit(all.run({ mask: "m" }))
      assert(Exit.isFailure(exit))
      const error = yield* Effect.flip(all.run({ mask: "m" }))
      assert.deepStrictEqual(
        [error._tag, error.block, error.branch, error.missing, error.expected],
        ["MissingInputError", "latents", "inpaint", ["image"], ["string"]]
      )
      assert.strictEqual(error.message, "block 'latents' chose branch 'inpaint', which needs 'image' (string)")
      assert.strictEqual(Errors.pathOf(exit.cause), "all.latents")
      assert.strictEqual(ran, 0)
    })
  )
  it("only the last branch can be the default", () => {
    assert.throws(
      () => Block.auto("all", [c, Block.when("image", a)] as any),
      /'all': 'c' has no 'when': only the last branch can be the default/
    )
    assert.throws(() => Block.auto("all", [a, c] as any), /'a' has no 'when'/)
  })
  it.effect("conditional asks a function of its triggers only", () =>
    Effect.gen(function* () {
      const seen: Array<object> = []
      const all = Block.conditional("all", {
        triggers: { x: N },
        branches: [
          inc,
          Block.pure("dec", { inputs: { x: N, z: N }, outputs: { x: N }, run: ({ x, z }) => ({ x: x - z }) })
        ],
        select: (given) => {
          seen.push(given)
          return (given.x ?? 0) > 10 ? "dec" : undefined
        },
        otherwise: "inc"
      })
      assert.deepStrictEqual(yield* all.run({ x: 20, z: 2 }), { x: 18 })
      assert.deepStrictEqual(yield* all.run({ x: 1 }), { x: 2 })
      assert.deepStrictEqual(seen, [{ x: 20 }, { x: 1 }])
    })
  )
  it.effect("a choice of a branch that is not there is a defect with its path", () =>
    Effect.gen(function* () {
      const all = Block.sequential("all", [
        Block.conditional("choice", { triggers: {}, branches: [inc], select: () => "nope" as "inc" })
      ])
      const exit = yield* Effect.exit(all.run({ x: 1 }))
      assert(Exit.isFailure(exit))
      assert.strictEqual(Errors.pathOf(exit.cause), "all.choice")
      assert.match(Errors.pretty(exit.cause), /'choice': chose 'nope', which is none of its branches inc/)
    })
  )
  it("a choice without the branch to be taken otherwise is not made", () => {
    assert.throws(
      () =>
        Block.conditional("choice", {
          triggers: {},
          branches: [inc],
          select: () => undefined,
          otherwise: "nope" as "inc"
        }),
      /'nope' is to be taken otherwise, which is none of its branches inc/
    )
  })
  it.effect("a renamed choice names itself in its errors", () =>
    Effect.gen(function* () {
      const renamed = Block.rename(Block.auto("old", [Block.when("mask", b)]), "new")
      const error = yield* Effect.flip(renamed.run({ mask: "" }))
      assert.strictEqual(error.block, "new")
    })
  )
})

describe("parallel", () => {
  it.effect("runs blocks at the same time, each on the state as it was", () =>
    Effect.gen(function* () {
      const left = yield* Deferred.make<number>()
      const right = yield* Deferred.make<number>()
      // each waits for the other: one after the other they would wait for ever
      const meet = (name: string, out: string, mine: Deferred.Deferred<number>, other: Deferred.Deferred<number>) => {
        const outputs: { readonly [name: string]: typeof N } = { [out]: N }
        const run = ({ x }: { readonly x: number }) =>
          Effect.andThen(
            Deferred.succeed(mine, x),
            Effect.map(Deferred.await(other), (y) => ({ [out]: x + y }))
          )
        return Block.make(name, { inputs: { x: N }, outputs, run })
      }
      const meeting: ReadonlyArray<any> = [meet("a", "l", left, right), meet("b", "r", right, left)]
      const both: Block.Block<{ x: number }, object> = Block.sequential("all", [
        inc,
        Block.parallel("both", meeting)
      ] as ReadonlyArray<any>) as any
      assert.deepStrictEqual(yield* both.run({ x: 1 }), { x: 2, l: 4, r: 4 })
    })
  )
  it.effect("the first failure interrupts the others, and its path is kept", () =>
    Effect.gen(function* () {
      const stopped = yield* Ref.make<ReadonlyArray<string>>([])
      const waiting = Block.make("waiting", {
        inputs: {},
        outputs: { a: N },
        run: () => Effect.onInterrupt(Effect.never, () => Ref.update(stopped, (s) => [...s, "waiting"]))
      })
      const failing = Block.make("failing", {
        inputs: {},
        outputs: { b: N },
        run: () => Effect.andThen(Effect.yieldNow, Effect.fail("no"))
      })
      const exit = yield* Effect.exit(
        Block.sequential("s", [Block.parallel("both", [waiting, Block.sequential("inner", [failing])])]).run({})
      )
      assert(Exit.isFailure(exit))
      assert.strictEqual(Errors.pathOf(exit.cause), "s.both.inner.failing")
      assert.deepStrictEqual(yield* Ref.get(stopped), ["waiting"])
    })
  )
  it.effect("blocks that finish at once need no fibers; none at all is fine", () =>
    Effect.gen(function* () {
      const y = Block.pure("y", { inputs: { x: N }, outputs: { y: N }, run: ({ x }) => ({ y: -x }) })
      assert.deepStrictEqual(yield* Block.parallel("both", [inc, y]).run({ x: 1 }), { x: 2, y: -1 })
      assert.deepStrictEqual(yield* Block.parallel("none", []).run({}), {})
    })
  )
  it.effect("no more at a time than allowed", () =>
    Effect.gen(function* () {
      let now = 0
      let most = 0
      const busy = (i: number) =>
        Block.make(`busy${i}`, {
          inputs: {},
          outputs: {},
          run: () =>
            Effect.acquireUseRelease(
              Effect.sync(() => (most = Math.max(most, ++now))),
              () => Effect.as(Effect.yieldNow, {}),
              () => Effect.sync(() => now--)
            )
        })
      const all = Block.parallel("all", [0, 1, 2, 3, 4].map(busy), { concurrency: 2 })
      yield* all.run({} as never)
      assert.strictEqual(most, 2)
    })
  )
  it("two writers of one variable are refused at run time too", () => {
    assert.throws(
      () => Block.parallel("both", [inc, Block.rename(inc, "again")] as any),
      /'both': 'inc' and 'again' both write 'x' in parallel/
    )
  })
})

describe("rename", () => {
  it.effect("changes the name in paths and nothing else", () =>
    Effect.gen(function* () {
      const fail = Block.make("fail", { inputs: {}, outputs: {}, run: () => Effect.fail("no") })
      const exit = yield* Effect.exit(Block.rename(Block.sequential("s", [fail]), "t").run({}))
      assert(Exit.isFailure(exit))
      assert.strictEqual(Errors.pathOf(exit.cause), "t.fail")
      assert.deepStrictEqual(yield* inc.pipe(Block.rename("again")).run({ x: 1 }), { x: 2 })
    })
  )
})

describe("pack and isBlock", () => {
  it.effect("a group is one variable", () =>
    Effect.gen(function* () {
      const read = Block.pure("read", {
        inputs: { group: Schema.Struct({ a: N, b: Field.optional(N) }) },
        outputs: { sum: N },
        run: ({ group }) => ({ sum: group.a + (group.b ?? 10) })
      })
      const all = Block.sequential("all", [Block.pack("group", { a: N, b: Field.optional(N) }), read])
      assert.strictEqual((yield* all.run({ a: 1 })).sum, 11)
      assert.strictEqual((yield* all.run({ a: 1, b: 2 })).sum, 3)
    })
  )
  it("tells blocks from other things", () => {
    assert.isTrue(Block.isBlock(inc))
    for (const other of [null, undefined, 1, "inc", {}, () => inc]) assert.isFalse(Block.isBlock(other))
  })
})
