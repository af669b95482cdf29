import * as Context from "effect/Context";
/** Who hears of finished iterations. Default: nobody, and then the fast interpreter runs. */
export const Progress = Context.Reference("effect-blocks/Progress", { defaultValue: () => null });
