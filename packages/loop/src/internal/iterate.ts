import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

/** Bodies that are already exits run in plain JavaScript, so many at a time; then the fiber gets a turn. */
const budget = 512
/** Milliseconds after which it gets one in any case. */
const slice = 2

const isExit = (effect: any): effect is Exit.Exit<any, any> => effect._tag === "Success" || effect._tag === "Failure"

export const iterate = (initial: any, options: { while: (a: any) => boolean; body: (a: any) => any }): any =>
  Effect.suspend(() => {
    let a = initial
    const body = (): Effect.Effect<any, any, any> => {
      let end = 0
      let mask = 0
      for (let n = 0; n < budget; n++) {
        const e = options.body(a)
        if (!isExit(e) || e._tag === "Failure") return e
        a = e.value
        if (!options.while(a)) return e
        // the clock is looked at after 1, 2, 4, 8 bodies, and then after every 16
        if ((n & mask) === mask) {
          const now = performance.now()
          if (end === 0) end = now + slice
          else if (now > end) break
          mask = Math.min(mask * 2 + 1, 15)
        }
      }
      return Effect.as(Effect.yieldNow, a)
    }
    const step = (next: any) => {
      a = next
    }
    return Effect.map(Effect.whileLoop({ while: () => options.while(a), body, step }), () => a)
  })
