/** Class name to guider. */
import type * as Result from "effect/Result"
import * as ClassifierFree from "../../guiders/ClassifierFree.ts"
import type { Capabilities, Config, GuiderError, Shape } from "./model.ts"

export interface GuiderClass {
  readonly className: string
  readonly fromConfig: (config?: Config, capabilities?: Capabilities) => Result.Result<Shape, GuiderError>
}

const classes: ReadonlyArray<GuiderClass> = [ClassifierFree]

export const registry: ReadonlyMap<string, GuiderClass> = new Map(classes.map((guider) => [guider.className, guider]))
