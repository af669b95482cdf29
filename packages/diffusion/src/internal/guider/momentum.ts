/** The running average of differences that adaptive projected guidance keeps: state.memory.average. */
import { like } from "../scheduler/arithmetic.ts"
import { minus } from "./arithmetic.ts"
import { type GuiderState, initial, type Latents, type Moment } from "./model.ts"

const f = Math.fround

/**
 * diffusers makes its buffer anew, of zeros, at the first step; where a run begins later there is none, and no momentum.
 */
export const remembered = (
  state: GuiderState,
  { step }: Moment,
  momentum: number | null,
  conditional: Latents
): GuiderState => {
  if (step !== 0) return state
  return momentum === null
    ? initial
    : { memory: { average: like(conditional, new Float32Array(conditional.data.length)) } }
}

/** The difference of two predictions with what is left of earlier ones, and the state that remembers it. */
export const difference = (
  state: GuiderState,
  momentum: number | null,
  conditional: Latents,
  unconditional: Latents
): { readonly shift: Float32Array; readonly state: GuiderState } => {
  const shift = minus(conditional.data, unconditional.data)
  const before = state.memory["average"]?.data
  if (momentum === null || before === undefined) return { shift, state }
  const weight = f(momentum)
  for (let i = 0; i < shift.length; i++) shift[i] = shift[i]! + Math.fround(weight * before[i]!)
  return { shift, state: { memory: { average: like(conditional, shift) } } }
}
