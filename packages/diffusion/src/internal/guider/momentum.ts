/** The running average of differences that adaptive projected guidance keeps: state.memory.average. */
import { like } from "../scheduler/arithmetic.ts"
import { minus } from "./arithmetic.ts"
import { type GuiderState, initial, type Latents, type Moment } from "./model.ts"

const f = Math.fround

/** diffusers makes its buffer anew at the first step. */
export const remembered = (state: GuiderState, { step }: Moment): GuiderState => (step === 0 ? initial : state)

/** The difference of two predictions with what is left of earlier ones, and the state that remembers it. */
export const difference = (
  state: GuiderState,
  momentum: number | null,
  conditional: Latents,
  unconditional: Latents
): { readonly shift: Float32Array; readonly state: GuiderState } => {
  const shift = minus(conditional.data, unconditional.data)
  if (momentum === null) return { shift, state }
  const before = state.memory["average"]?.data
  const weight = f(momentum)
  if (before !== undefined)
    for (let i = 0; i < shift.length; i++) shift[i] = shift[i]! + Math.fround(weight * before[i]!)
  return { shift, state: { memory: { average: like(conditional, shift) } } }
}
