/**
 * Random compositions with random inputs. The oracle is `support/model.ts`, which shares nothing with the library. Whatever way a
 * composition is run it must do what the model does: the same blocks in the same order, the same values bit for bit, the same error
 * with the same path, the same events. At every boundary a run is left, goes through JSON or bytes, and is resumed, twice.
 *
 * `PROPERTY_SECONDS=300 PROPERTY_SEED=7 npm test -- --project loop` runs longer, from another seed.
 */
import { pathOf } from "@effect-blocks/core/Errors"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Progress from "@effect-blocks/loop/Progress"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Stream } from "effect"
import { build, open, Service } from "./support/build.ts"
import { composition, inOrder, names, random, rowsOf, shrink } from "./support/composition.ts"
import type { Composition, Random } from "./support/composition.ts"
import { model, serviceOutside } from "./support/model.ts"
import type { Seen } from "./support/model.ts"
import { show, value } from "./support/values.ts"

type Inputs = Record<string, unknown>
/** What the composition requires, and of the rest about half. */
const inputsOf = (r: Random, c: Composition): Inputs => {
  const inputs: Inputs = { n: r.below(4), m: r.below(3) }
  const needs = rowsOf(c).inputs
  for (const name of names) {
    const given = value(name, 0, r.below(1 << 30))
    if ((name !== "u" && r.below(2) === 0) || needs.get(name) === "required") inputs[name] = given
  }
  return inputs
}

const counts = { compositions: 0, failing: 0, iterations: 0, boundaries: 0, resumes: 0, hops: 0, deepest: 0 }

const check = async (c: Composition, inputs: Inputs): Promise<void> => {
  let log: Array<string> = []
  const block = build(c, "0", (entry) => log.push(entry))
  const resultOf = (exit: Exit.Exit<any, any>): Seen["result"] => {
    if (Exit.isSuccess(exit)) return { ok: show(exit.value) }
    const error: any = Cause.squash(exit.cause)
    const missing = error?._tag === "MissingInputError" ? `missing ${[...error.missing].toSorted().join()}` : undefined
    return { path: pathOf(exit.cause) ?? "", error: missing ?? String(error?.message ?? error) }
  }
  const run = async <A>(effect: Effect.Effect<A, any, any>) => {
    log = []
    const provided = Effect.provideService(effect, Service, serviceOutside) as Effect.Effect<A, any>
    const exit = await Effect.runPromiseExit(provided)
    assert.strictEqual(open.layers, 0, "layers that were left open")
    return { exit, result: resultOf(exit), log: inOrder(c, "0", log) }
  }
  const must = <A>(effect: Effect.Effect<A, any, any>): A => Effect.runSync(effect as Effect.Effect<A, any>)

  const expected = model(c, inputs)
  const logFrom = (done: number) => inOrder(c, "0", expected.log.slice(done))
  const wholeLog = logFrom(0)
  counts.compositions++
  counts.iterations += expected.events.length
  if ("error" in expected.result) counts.failing++

  const plain = await run(block.run(inputs))
  assert.deepStrictEqual([plain.result, plain.log], [expected.result, wholeLog], "run")

  const heard: Array<unknown> = []
  const watched = await run(
    Progress.listen(block.run(inputs), (event) => Effect.sync(() => heard.push(show({ ...event }))))
  )
  assert.deepStrictEqual(
    [watched.result, watched.log, heard],
    [expected.result, wholeLog, expected.events],
    "listening"
  )

  const streamed: Array<unknown> = []
  const stream = Stream.runForEach(Loop.steps(block, inputs as never), (step: any) =>
    Effect.sync(() => streamed.push(step._tag === "Done" ? { ok: show(step.output) } : show({ ...step.event })))
  )
  const viaStream = await run(stream)
  const last = "ok" in expected.result ? [expected.result] : []
  assert.deepStrictEqual([viaStream.log, streamed], [wholeLog, [...expected.events, ...last]], "stream")

  const taken: Array<{ readonly snapshot: Snapshot.Snapshot; readonly done: number }> = [
    { snapshot: must(Snapshot.start(block, inputs as never)), done: 0 }
  ]
  const observe = Snapshot.run(block, inputs as never, {
    on: "any",
    onBoundary: (snapshot) => Effect.sync(() => taken.push({ snapshot, done: log.length }))
  })
  const observed = await run(observe)
  assert.deepStrictEqual([observed.result, observed.log], [expected.result, wholeLog], "snapshots taken")

  const text = (snapshot: Snapshot.Snapshot) => JSON.stringify(must(Snapshot.encode(block, snapshot)))
  const iterations: Array<string> = []
  const sparse = await run(
    Snapshot.run(block, inputs as never, {
      on: "iteration",
      onBoundary: (snapshot) => Effect.sync(() => iterations.push(text(snapshot)))
    })
  )
  assert.deepStrictEqual([sparse.result, sparse.log], [expected.result, wholeLog], "snapshots taken after iterations")
  const those = taken.filter(({ snapshot }) => snapshot.at === "iteration").map(({ snapshot }) => text(snapshot))
  assert.deepStrictEqual(iterations, those, "the same snapshots after iterations")

  const stride = Math.max(1, Math.floor(taken.length / 40))
  for (let k = 0; k < taken.length; k += stride) {
    const { snapshot, done } = taken[k]!
    counts.boundaries++
    counts.deepest = Math.max(counts.deepest, snapshot.frames.length)
    const encoded = text(snapshot)
    const back = must(Snapshot.decode(block, JSON.parse(encoded)))
    assert.strictEqual(text(back), encoded, `encoded again, at ${k}`)
    const other = k % 3 === 0 ? must(Snapshot.fromBytes(block, must(Snapshot.toBytes(block, snapshot)))) : snapshot
    for (const from of [back, back, other]) {
      counts.resumes++
      const resumed = await run(Snapshot.resume(block, from))
      assert.deepStrictEqual([resumed.result, resumed.log], [expected.result, logFrom(done)], `resumed at ${k}`)
    }
  }

  if (taken.length <= 60) {
    let all: Array<string> = []
    let result: Seen["result"] | undefined
    let at = taken[0]!.snapshot
    for (let hops = 0; result === undefined; hops++) {
      counts.hops++
      const through = must(Snapshot.decode(block, JSON.parse(text(at))))
      const hop = await run(Snapshot.resume(block, through, { on: hops % 2 === 0 ? "any" : "leaf", until: () => true }))
      all = all.concat(hop.log)
      if (Exit.isFailure(hop.exit)) result = hop.result
      else if (hop.exit.value._tag === "Done") result = { ok: show(hop.exit.value.output) }
      else at = hop.exit.value.snapshot
    }
    assert.deepStrictEqual([result, inOrder(c, "0", all)], [expected.result, wholeLog], "from boundary to boundary")
  }
}

const fails = async (c: Composition, inputs: Inputs): Promise<unknown> => {
  try {
    await check(c, inputs)
    return undefined
  } catch (error) {
    open.layers = 0
    return error
  }
}

describe("random compositions", () => {
  it("do what the reference model says, however they are run", { timeout: 3_600_000 }, async () => {
    const seconds = Number(process.env["PROPERTY_SECONDS"] ?? 15)
    const first = Number(process.env["PROPERTY_SEED"] ?? 1)
    const end = performance.now() + seconds * 1000
    for (let seed = first; seed < first + 200 || performance.now() < end; seed++) {
      const r = random(seed)
      let c = composition(r)
      const inputs = inputsOf(r, c)
      let error = await fails(c, inputs)
      if (error === undefined) continue
      for (let tries = 0; tries < 2000;) {
        let smaller: Composition | undefined
        for (const s of shrink(c)) {
          if (tries++ >= 2000 || (await fails(s, inputs)) === undefined) continue
          smaller = s
          break
        }
        if (smaller === undefined) break
        c = smaller
        error = await fails(c, inputs)
      }
      const what = `PROPERTY_SEED=${seed}, inputs ${JSON.stringify(show(inputs))}, smallest composition:\n${JSON.stringify(c)}`
      throw new Error(`${what}\n${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
    assert.isAbove(counts.boundaries, counts.compositions)
    assert.isAbove(counts.failing, 0)
    if (process.env["PROPERTY_SECONDS"] !== undefined) process.stdout.write(`${JSON.stringify(counts)}\n`)
  })
})
