import * as Schema from "effect/Schema"

/**
 * NaN or Infinity where a run has come to: a picture made of them would be flat. `component` is where they were seen
 * first, `at` says when. The path of the block is on the error's Cause.
 *
 * - `unet`: its prediction; what it was given was finite
 * - `latents`: what the UNet was to be given, or what was to be decoded
 * - `guider`: what it made of the predictions, which were finite
 * - `scheduler`: the latents after its step; those before and the prediction were finite
 * - `vae`: the decoded picture; the latents were finite
 *
 * ```ts
 * import { NotFinite } from "@effect-blocks/diffusion/NotFinite"
 * import assert from "node:assert"
 *
 * const error = new NotFinite({ component: "unet", at: "timestep 750" })
 * assert.match(error.message, /^the UNet gave values that are not finite \(NaN or Infinity\) at timestep 750: /)
 * ```
 */
export class NotFinite extends Schema.TaggedError<NotFinite>()("NotFinite", {
  component: Schema.Literals(["unet", "latents", "guider", "scheduler", "vae"]),
  at: Schema.String
}) {
  override get message(): string {
    const file = "a model's file may be damaged, or float16 overflowed"
    const [what, why] = {
      unet: ["the UNet gave values that are not finite", file],
      latents: ["the latents are not finite", file],
      guider: ["the guider gave values that are not finite", "its options, or the guidance scale, may be too large"],
      scheduler: [
        "the scheduler gave values that are not finite",
        "the model's output was finite: look at the scheduler's options and at the timesteps or sigmas"
      ],
      vae: ["the VAE decoder gave values that are not finite", file]
    }[this.component]
    return `${what} (NaN or Infinity) at ${this.at}: ${why}`
  }
}
