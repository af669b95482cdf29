import { CompositionError } from "../Errors.ts"
import { rename } from "./block.ts"
import type { Compiled } from "./node.ts"

const at = (self: Compiled, name: string): number => {
  const i = self.steps.findIndex((s) => s.name === name)
  if (i < 0) {
    const names = self.steps.map((s) => `'${s.name}'`).join(", ")
    throw new CompositionError({ block: self.name, reason: `has no block '${name}', only ${names}` })
  }
  return i
}
const edited = (self: Compiled, name: string, f: (steps: Array<Compiled>, i: number) => void): Compiled => {
  if (self.kind !== "sequential" || self.definition.rebuild === undefined) {
    throw new CompositionError({ block: self.name, reason: `is a ${self.kind}: only a sequence can be edited` })
  }
  const steps = [...self.steps]
  f(steps, at(self, name))
  return self.definition.rebuild(steps)
}

export const insertBefore = (self: any, name: string, block: any): any =>
  edited(self, name, (steps, i) => steps.splice(i, 0, block))
export const insertAfter = (self: any, name: string, block: any): any =>
  edited(self, name, (steps, i) => steps.splice(i + 1, 0, block))
export const replace = (self: any, name: string, block: any): any =>
  edited(self, name, (steps, i) => {
    steps[i] = rename(block, name)
  })
export const remove = (self: any, name: string): any => edited(self, name, (steps, i) => steps.splice(i, 1))
export const get = (self: any, name: string): any => self.steps[at(self, name)]
