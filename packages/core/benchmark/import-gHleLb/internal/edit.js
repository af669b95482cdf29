import { CompositionError } from "../Errors.js";
import { rename } from "./block.js";
const at = (self, name) => {
    const i = self.steps.findIndex((s) => s.name === name);
    if (i < 0) {
        const names = self.steps.map((s) => `'${s.name}'`).join(", ");
        throw new CompositionError({ block: self.name, reason: `has no block '${name}', only ${names}` });
    }
    return i;
};
const edited = (self, name, f) => {
    if (self.kind !== "sequential" || self.definition.rebuild === undefined) {
        throw new CompositionError({ block: self.name, reason: `is a ${self.kind}: only a sequence can be edited` });
    }
    const steps = [...self.steps];
    f(steps, at(self, name));
    return self.definition.rebuild(steps);
};
export const insertBefore = (self, name, block) => edited(self, name, (steps, i) => steps.splice(i, 0, block));
export const insertAfter = (self, name, block) => edited(self, name, (steps, i) => steps.splice(i + 1, 0, block));
export const replace = (self, name, block) => edited(self, name, (steps, i) => {
    steps[i] = rename(block, name);
});
export const remove = (self, name) => edited(self, name, (steps, i) => steps.splice(i, 1));
export const get = (self, name) => self.steps[at(self, name)];
