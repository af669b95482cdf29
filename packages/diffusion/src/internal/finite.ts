/** Whether numbers are numbers: NaN would become a flat picture without a word. */
import type * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import { NotFinite } from "../NotFinite.ts"
import type { Problem } from "./refuse.ts"

type Float = Tensor.Tensor<"float32">

const isFinite = ({ data }: Float): boolean => {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return false
  return true
}

/** what is wrong with an input of numbers */
export const finiteProblem = (field: string, tensor: Float | undefined): Problem | false =>
  tensor !== undefined &&
  !isFinite(tensor) && { field, actual: `${tensor} with NaN or Infinity in it`, expected: "finite numbers" }

/** fails where a tensor of a run is not finite */
export const checkFinite = (
  tensor: Float,
  component: NotFinite["component"],
  at: string
): Effect.Effect<void, NotFinite> => (isFinite(tensor) ? Effect.void : Effect.fail(new NotFinite({ component, at })))

/** fails where a prediction is not finite; looks at what it was made from only then */
export const checkPrediction = (input: Float, output: Float, timestep: number): Effect.Effect<void, NotFinite> =>
  isFinite(output)
    ? Effect.void
    : Effect.fail(new NotFinite({ component: isFinite(input) ? "unet" : "latents", at: `timestep ${timestep}` }))

/** fails where a step of a solver made of finite numbers some that are not */
export const checkStep = (
  given: { readonly latents: Float; readonly noisePred: Float },
  output: Float,
  timestep: number | undefined
): Effect.Effect<void, NotFinite> => {
  if (isFinite(output)) return Effect.void
  const component = !isFinite(given.latents) ? "latents" : !isFinite(given.noisePred) ? "guider" : "scheduler"
  return Effect.fail(new NotFinite({ component, at: `timestep ${timestep}` }))
}
