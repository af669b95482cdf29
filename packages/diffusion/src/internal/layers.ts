import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** a layer whose errors and needs depend on a record of optional layers: the caller states its type */
export const unwrap = (layer: Effect.Effect<Layer.Layer<any, any, any>, any, any>): Layer.Layer<any, any, any> =>
  Layer.unwrap(layer)
