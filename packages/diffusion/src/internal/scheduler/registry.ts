/** Class name to solver. */
import type * as Result from "effect/Result"
import * as ConsistencyModel from "../../schedulers/ConsistencyModel.ts"
import * as Ddim from "../../schedulers/Ddim.ts"
import * as DdimInverse from "../../schedulers/DdimInverse.ts"
import * as Ddpm from "../../schedulers/Ddpm.ts"
import * as DeisMultistep from "../../schedulers/DeisMultistep.ts"
import * as DpmSolverMultistep from "../../schedulers/DpmSolverMultistep.ts"
import * as DpmSolverMultistepInverse from "../../schedulers/DpmSolverMultistepInverse.ts"
import * as DpmSolverSde from "../../schedulers/DpmSolverSde.ts"
import * as DpmSolverSinglestep from "../../schedulers/DpmSolverSinglestep.ts"
import * as EdmDpmSolverMultistep from "../../schedulers/EdmDpmSolverMultistep.ts"
import * as EdmEuler from "../../schedulers/EdmEuler.ts"
import * as Euler from "../../schedulers/Euler.ts"
import * as EulerAncestral from "../../schedulers/EulerAncestral.ts"
import * as FlowMatchEuler from "../../schedulers/FlowMatchEuler.ts"
import * as FlowMatchHeun from "../../schedulers/FlowMatchHeun.ts"
import * as FlowMatchLcm from "../../schedulers/FlowMatchLcm.ts"
import * as Heun from "../../schedulers/Heun.ts"
import * as Ipndm from "../../schedulers/Ipndm.ts"
import * as Kdpm2 from "../../schedulers/Kdpm2.ts"
import * as Kdpm2Ancestral from "../../schedulers/Kdpm2Ancestral.ts"
import * as Lcm from "../../schedulers/Lcm.ts"
import * as Lms from "../../schedulers/Lms.ts"
import * as Pndm from "../../schedulers/Pndm.ts"
import * as SaSolver from "../../schedulers/SaSolver.ts"
import * as Tcd from "../../schedulers/Tcd.ts"
import * as UniPcMultistep from "../../schedulers/UniPcMultistep.ts"
import type { Config, SchedulerError, Shape } from "./model.ts"

export interface SolverClass {
  readonly className: string
  readonly fromConfig: (config?: Config) => Result.Result<Shape, SchedulerError>
}

const classes: ReadonlyArray<SolverClass> = [
  ConsistencyModel,
  Ddim,
  DdimInverse,
  Ddpm,
  DeisMultistep,
  DpmSolverMultistep,
  DpmSolverMultistepInverse,
  DpmSolverSde,
  DpmSolverSinglestep,
  EdmDpmSolverMultistep,
  EdmEuler,
  Euler,
  EulerAncestral,
  FlowMatchEuler,
  FlowMatchHeun,
  FlowMatchLcm,
  Heun,
  Ipndm,
  Kdpm2,
  Kdpm2Ancestral,
  Lcm,
  Lms,
  Pndm,
  SaSolver,
  Tcd,
  UniPcMultistep
]

export const registry: ReadonlyMap<string, SolverClass> = new Map(classes.map((solver) => [solver.className, solver]))
