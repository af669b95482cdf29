/** A composition as blocks. */
import * as Block from "@effect-blocks/core/Block"
import * as Field from "@effect-blocks/core/Field"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import * as Loop from "@effect-blocks/loop/Loop"
import { Context, Effect, Exit, Layer, Schema } from "effect"
import { collectOf, nameOf } from "./composition.ts"
import type { Composition, Leaf } from "./composition.ts"
import { leafOutput, makeLoop, untilTest, whilstTest } from "./model.ts"
import { defaultValue, value } from "./values.ts"

export class Service extends Context.Service<Service, number>()("test/Service") {}
/** Layers that are open now. */
export const open = { layers: 0 }
const layer = (value: number) =>
  Layer.effect(
    Service,
    Effect.acquireRelease(
      Effect.sync(() => {
        open.layers++
        return value
      }),
      () =>
        Effect.sync(() => {
          open.layers--
        })
    )
  )

const u = [
  Schema.Struct({ a: Schema.Number }),
  Schema.Struct({ a: Schema.Number, b: Schema.Number }),
  Schema.Date,
  Schema.BigInt
]
const schemaOf = (name: string, which: number): any =>
  name === "a" ? Snapshot.Float32 : name === "u" ? u[which % 4] : Schema.Number

/** The types of random compositions are known to nobody; that they fit at run time is what is tested. */
const untyped: any = { Block, Loop }

const leaf = (c: Leaf, place: string, log: (entry: string) => void): any => {
  const inputs = Object.fromEntries(
    c.reads.map((r) => {
      const schema = schemaOf(r.name, c.seed)
      const field = {
        required: () => schema,
        optional: () => Schema.optionalKey(schema),
        default: () => Field.default(schema, defaultValue as never)
      }
      return [r.name, field[r.mode]()]
    })
  )
  const outputs = Object.fromEntries(
    c.writes.map((w) => [
      w.name,
      w.optional ? Schema.optionalKey(schemaOf(w.name, w.schema)) : schemaOf(w.name, w.schema)
    ])
  )
  const run = (read: any, { service }: any): Effect.Effect<any, string> => {
    const go = (): Exit.Exit<any, string> => {
      const out = leafOutput(c, place, read, service, log)
      if ("output" in out) return Exit.succeed(out.output)
      if (out.fault === "fail") return Exit.fail(out.message)
      throw new Error(out.message)
    }
    if (c.how === "exit") return go()
    return c.how === "sync" ? Effect.suspend(go) : Effect.andThen(Effect.yieldNow, Effect.suspend(go))
  }
  return untyped.Block.make(nameOf(c, place), {
    inputs,
    outputs,
    components: c.service ? { service: Service } : {},
    run
  })
}

export const build = (c: Composition, place: string, log: (entry: string) => void): any => {
  const name = nameOf(c, place)
  const kids = (all: ReadonlyArray<Composition>) => all.map((kid, n) => build(kid, `${place}_${n}`, log))
  const fromBlocks = (wrapper: unknown, all: ReadonlyArray<Composition>) => untyped.Loop.fromBlocks(wrapper, kids(all))
  switch (c.kind) {
    case "leaf":
      return leaf(c, place, log)
    case "sequential":
      return untyped.Block.sequential(name, kids(c.kids))
    case "parallel":
      return untyped.Block.parallel(name, kids(c.kids))
    case "provide":
      return untyped.Block.provide(build(c.block, place, log), layer(c.value))
    case "auto":
      return untyped.Block.auto(name, [
        ...c.whens.map((w, n) => Block.when(w.when, build(w.block, `${place}_${n}`, log))),
        ...(c.otherwise === null ? [] : [build(c.otherwise, `${place}_9`, log)])
      ])
    case "count": {
      const from = collectOf(c)
      const collect = from === null ? {} : { all: from }
      return fromBlocks(untyped.Loop.count(name, { times: c.times, as: c.as, collect }), c.kids)
    }
    case "whilst":
    case "until": {
      const holds = c.kind === "whilst" ? whilstTest : untilTest
      return fromBlocks(
        untyped.Loop[c.kind](name, {
          inputs: { [c.on]: Schema.optionalKey(schemaOf(c.on, 0)) },
          as: c.as,
          test: (v: any, i: number) => holds(c.seed, v[c.on], i)
        }),
        c.kids
      )
    }
    case "make":
      return fromBlocks(
        untyped.Loop.make(name, {
          inputs: { [c.input]: Schema.optionalKey(schemaOf(c.input, 1)) },
          provides: { [c.provide]: Schema.optionalKey(schemaOf(c.provide, 2)) },
          outputs: { [c.out]: schemaOf(c.out, 3) },
          cursor: Schema.Struct({ k: Schema.Int, acc: Schema.Number }),
          initial: (v: any) => makeLoop.initial(v[c.input]),
          while: (cursor: any) => cursor.k < c.limit,
          iteration: (cursor: any, v: any) => ({ [c.provide]: makeLoop.provided(cursor.acc, c.provide, v[c.input]) }),
          next: (cursor: any, v: any) => makeLoop.next(cursor, v[c.input]),
          done: (cursor: any) => ({ [c.out]: value(c.out, 3, cursor.acc) })
        }),
        c.kids
      )
    case "custom":
      return fromBlocks(
        untyped.Loop.custom(name, {
          inputs: {},
          provides: { i: Schema.Number },
          loop: (state: any, step: any) => Effect.flatMap(step(state, { i: 5 }), (s: any) => step(s, { i: 6 }))
        }),
        c.kids
      )
  }
}
