import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { dual } from "effect/Function";
import * as Layer from "effect/Layer";
import { fromExec, rename } from "./block.js";
const provideTo = (self, layer) => fromExec({
    kind: "provide",
    name: self.name,
    description: self.description,
    inputs: self.inputs,
    outputs: self.outputs,
    blocks: [self],
    wraps: self,
    node: { _tag: "provide", block: self, layer, shell: true },
    rebuild: ([block]) => provideTo(block, layer),
    renamed: (name) => provideTo(rename(self, name), layer),
    exec: (state, run) => Effect.scopedWith((scope) => Effect.flatMap(Layer.buildWithScope(layer, scope), (given) => {
        const inner = { ...run, context: Context.merge(run.context, given) };
        const e = Effect.suspend(() => self.exec(state, inner) ?? Exit.void);
        return Effect.map(Effect.provideContext(e, given), (value) => self.finish(state, value));
    }))
});
export const provide = dual(2, provideTo);
