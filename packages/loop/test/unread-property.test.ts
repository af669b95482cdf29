/** Random compositions: an input that a warning says is not used changes nothing, whatever its value, and if it is left out. */
import * as Pipeline from "@effect-blocks/core/Pipeline"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Logger } from "effect"
import { build, Service } from "./support/build.ts"
import { composition, names, random, rowsOf } from "./support/composition.ts"
import type { Composition, Random } from "./support/composition.ts"
import { serviceOutside } from "./support/model.ts"
import { show, value } from "./support/values.ts"

type Inputs = Record<string, unknown>
/** what is required, and most of the rest: that a composition is given more than it reads is what is looked for */
const inputsOf = (r: Random, c: Composition): Inputs => {
  const inputs: Inputs = { n: r.below(4), m: r.below(3) }
  const needs = rowsOf(c).inputs
  for (const k of Object.keys(inputs)) if (!needs.has(k)) delete inputs[k]
  for (const name of names) {
    const given = value(name, 0, r.below(1 << 30))
    if (needs.get(name) === "required" || (needs.has(name) && r.below(4) !== 0)) inputs[name] = given
  }
  return inputs
}

describe("an input that is told not to be used", () => {
  it("makes no difference to what runs, what it reads and what comes out of it", async () => {
    let told = 0
    for (let seed = 1; seed <= 600; seed++) {
      const r = random(seed)
      const c = composition(r)
      const inputs = inputsOf(r, c)
      let log: Array<string> = []
      const block = build(c, "0", (entry) => log.push(entry))
      const run = async (given: Inputs, without: ReadonlySet<string>) => {
        log = []
        const lines: Array<string> = []
        const logger = Logger.make(({ message }) => void lines.push(String(message)))
        const effect = (Pipeline.run(block, given as never) as Effect.Effect<any, any, any>).pipe(
          Effect.provideService(Service, serviceOutside),
          Effect.provide(Logger.layer([logger]))
        ) as Effect.Effect<any, any>
        const exit = await Effect.runPromiseExit(effect)
        // what nobody writes comes out as it went in
        const out = Exit.isSuccess(exit)
          ? show(Object.fromEntries(Object.entries(exit.value).filter(([k]) => !without.has(k))))
          : String(exit.cause)
        return { lines, seen: [out, log.toSorted()] }
      }
      const first = await run(inputs, new Set())
      const unread = new Set(
        first.lines
          .flatMap((line) => line.split("; ").flatMap((part) => /^inputs? (.*) not used/.exec(part)?.[1] ?? []))
          .flatMap((list) => list.split(", "))
          .map((quoted) => quoted.slice(1, -1))
      )
      if (unread.size === 0) continue
      told++
      assert.strictEqual(first.lines.length, 1, `seed ${seed}: one warning`)
      const { seen } = await run(inputs, unread)
      const another = (k: string) => (k === "n" || k === "m" ? r.below(4) : value(k, 0, r.below(1 << 30)))
      const others = Object.entries(inputs).map(([k, v]) => [k, unread.has(k) ? another(k) : v])
      const rest = Object.entries(inputs).filter(([k]) => !unread.has(k))
      assert.deepStrictEqual((await run(Object.fromEntries(others), unread)).seen, seen, `seed ${seed}: another value`)
      const left = await run(Object.fromEntries(rest), unread)
      assert.deepStrictEqual(left.seen, seen, `seed ${seed}: left out`)
      assert.deepStrictEqual(left.lines, [], `seed ${seed}: nothing to tell of`)
    }
    assert.isAbove(told, 20)
  })
})
