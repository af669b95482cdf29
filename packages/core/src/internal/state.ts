/**
 * States are records without a prototype that names could collide with: a variable may be called `constructor` or
 * `__proto__`. A class with an empty prototype keeps V8's fast properties; `Object.create(null)` would not.
 */
import type { Rec } from "./node.ts"

const State = function () {} as unknown as new () => Rec
;(State as any).prototype = Object.create(null)

/** a state without variables */
export const empty = (): Rec => new State()
/** a shallow copy of a state */
export const copy = (state: Rec): Rec => {
  const out = new State()
  for (const k in state) out[k] = state[k]
  return out
}

/** names that every plain object seems to have */
const isTaken = (key: string): boolean => key in Object.prototype

/** a property of an object that a user made */
export const own = (from: any, key: string): unknown =>
  isTaken(key) && !Object.hasOwn(from, key) ? undefined : from[key]
/** writes a property of a plain object that a user will see */
export const put = (to: any, key: string, value: unknown): void => {
  if (key === "__proto__")
    Object.defineProperty(to, key, { value, enumerable: true, configurable: true, writable: true })
  else to[key] = value
}

/** a state to the plain object of the named variables that are there */
export const picker = (keys: ReadonlyArray<string>): ((state: Rec) => Rec) => {
  if (keys.some(isTaken)) {
    return (state) => {
      const out = {}
      for (const k of keys) if (state[k] !== undefined || (k !== "__proto__" && isTaken(k))) put(out, k, state[k])
      return out
    }
  }
  return (state) => {
    const out: Rec = {}
    for (let i = 0; i < keys.length; i++) {
      const v = state[keys[i]!]
      if (v !== undefined) out[keys[i]!] = v
    }
    return out
  }
}

/** writes the named properties of what a user's function returned to a state */
export const merger = (keys: ReadonlyArray<string>): ((state: Rec, out: any) => void) => {
  if (keys.some(isTaken)) {
    return (state, out) => {
      if (out === undefined || out === null) return
      for (const k of keys) {
        const v = own(out, k)
        if (v !== undefined) state[k] = v
      }
    }
  }
  return (state, out) => {
    if (out === undefined || out === null) return
    for (let i = 0; i < keys.length; i++) {
      const k = keys[i]!,
        v = out[k]
      if (v !== undefined) state[k] = v
    }
  }
}
