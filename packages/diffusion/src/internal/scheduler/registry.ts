/** Class name to solver. */
import type * as Result from "effect/Result"
import * as Ddim from "../../schedulers/Ddim.ts"
import * as DpmSolverMultistep from "../../schedulers/DpmSolverMultistep.ts"
import * as Euler from "../../schedulers/Euler.ts"
import * as EulerAncestral from "../../schedulers/EulerAncestral.ts"
import type { Config, SchedulerError, Shape } from "./model.ts"

export interface SolverClass {
  readonly className: string
  readonly fromConfig: (config?: Config) => Result.Result<Shape, SchedulerError>
}

const classes: ReadonlyArray<SolverClass> = [Ddim, DpmSolverMultistep, Euler, EulerAncestral]

export const registry: ReadonlyMap<string, SolverClass> = new Map(classes.map((solver) => [solver.className, solver]))
