/** A run that waits at each iteration until somebody asks for it. */
import { Progress } from "@effect-blocks/core/Combinator"
import type { IterationEvent, Listener } from "@effect-blocks/core/Combinator"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

interface Waiting {
  readonly event: IterationEvent
  readonly goOn: Deferred.Deferred<void>
}

/** `last`: what is emitted of the output, after the events. */
export const stream = (
  block: any,
  inputs: any,
  of: (event: IterationEvent) => any,
  last: ((output: any) => any) | null
): any =>
  Stream.unwrap(
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const outer = yield* Progress
      const queue = yield* Queue.unbounded<Waiting | { readonly output: any }, Cause.Done | any>()
      const listener: Listener = (event) =>
        Effect.suspend(() => {
          const goOn = Deferred.makeUnsafe<void>()
          Queue.offerUnsafe(queue, { event, goOn })
          return Deferred.await(goOn)
        })
      const run = Effect.provideService(
        block.run(inputs) as Effect.Effect<any, any, any>,
        Progress,
        outer === null ? listener : (event) => Effect.andThen(outer(event), listener(event))
      )
      const ended = (exit: Exit.Exit<any, any>) =>
        Effect.suspend(() => {
          if (Exit.isFailure(exit)) return Queue.failCause(queue, exit.cause)
          if (last !== null) Queue.offerUnsafe(queue, { output: exit.value })
          return Queue.end(queue)
        })
      let started = false
      let waiting: Deferred.Deferred<void> | undefined
      const pull = Effect.suspend(() => {
        if (waiting !== undefined) Deferred.doneUnsafe(waiting, Exit.void)
        waiting = undefined
        const begun = started ? Effect.void : Effect.forkIn(Effect.onExit(run, ended), scope)
        started = true
        return Effect.andThen(
          begun,
          Effect.map(Queue.take(queue), (item) => {
            if ("output" in item) return [last!(item.output)] as const
            waiting = item.goOn
            return [of(item.event)] as const
          })
        )
      })
      return Stream.fromPull(Effect.succeed(pull))
    })
  )

const same = (event: IterationEvent) => event
export const events = (block: any, inputs: any): any => stream(block, inputs, same, null)
export const steps = (block: any, inputs: any): any =>
  stream(
    block,
    inputs,
    (event) => ({ _tag: "Iteration", event }),
    (output) => ({ _tag: "Done", output })
  )

export const next = (block: any, position: Snapshot.Snapshot): any =>
  Effect.flatMap(
    Snapshot.resume(block, position, { on: "iteration", until: () => true }),
    (outcome): Effect.Effect<unknown, unknown> =>
      outcome._tag === "Done"
        ? Effect.succeed(outcome)
        : Effect.map(Snapshot.position(block, outcome.snapshot), ({ iteration }) => ({
            _tag: "Iteration",
            event: iteration,
            position: outcome.snapshot
          }))
  )
