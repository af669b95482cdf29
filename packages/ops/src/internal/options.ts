import { availableParallelism } from "node:os"

/** Options of a layer are written by programmers: a wrong one is a defect, said as soon as the layer is built. */
export const positiveInteger = (what: string, value: number | undefined): number | undefined => {
  if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
    throw new RangeError(`OnnxRuntime.${what}: expected a positive integer, got ${value}`)
  }
  return value
}

export const budgetOf = (value: number): number => {
  if (!(value >= 0)) throw new RangeError(`ModelStore.layer: budget: expected a number of bytes, got ${value}`)
  return value
}

/** the processors divided among the workers */
export const defaultThreads = (workers: number): number => Math.max(1, Math.floor(availableParallelism() / workers))
