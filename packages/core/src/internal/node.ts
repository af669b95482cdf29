/**
 * What an interpreter needs to know of a block: how to run it on a state (`Exec`), and, where a run may be left and
 * re-entered inside it, what it is made of (`Node`).
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type * as Block from "../Block.ts"
import type { Places } from "./place.ts"
import type { MissingInputError } from "../Errors.ts"
import type { Listener } from "./progress.ts"

/** The variables of a run, by name. A variable that is `undefined` is not there. */
export type Rec = Record<string, any>
/** What a block declares to read or to write. */
export type Fields = Schema.Struct.Fields

/** Somebody listens to iterations, also to those of loops inside blocks that are atomic for the stepping interpreter. */
export interface Watch {
  /** of the block that is executed, its own name included; `Exec`s that run blocks inside extend it */
  readonly path: string
  readonly emit: Listener
}

/** What one run carries beside its state. */
export interface Run {
  /** a tracer is installed: open spans */
  readonly traced: boolean
  /** where components are taken from */
  readonly context: Context.Context<never>
  /** the components that blocks have taken from this context, by the list of those that they name */
  taken: { readonly context: Context.Context<never>; readonly components: Map<object, any> } | null
  /** loop turns that may still run before the fiber must get a turn; shared by nested loops */
  budget: number
  /** when the fiber must get a turn at the latest; 0: no turn has asked yet */
  deadline: number
  /** the clock is looked at where `budget` has none of these bits */
  mask: number
  /** `null`: the fast interpreter runs everything. Otherwise every block with a node goes through `nested` of stepping.ts */
  readonly watch: Watch | null
  /** where the run waits */
  readonly places: Places
}

/** Runs a block on a mutable state. `null`: it has finished and written its outputs. Otherwise an effect, whose value goes to `finish`. */
export type Exec = (state: Rec, run: Run) => Effect.Effect<unknown, any, any> | null
/** Writes the outputs of an effect that `Exec` returned. */
export type Finish = (state: Rec, value: any) => void

/** A branch, and the inputs that it cannot do without. */
export interface Branch {
  readonly block: Compiled
  readonly need: ReadonlyArray<string>
}

/** A declarative loop, compiled. All functions are pure; `view` picks the inputs of the wrapper out of the state of the loop. */
export interface Plan {
  readonly view: (state: Rec) => any
  readonly initial: (view: any) => unknown
  readonly test: (cursor: any, view: any) => boolean
  readonly iteration: (cursor: any, view: any) => Rec
  readonly next: (cursor: any, view: any) => unknown
  readonly done: ((cursor: any, view: any) => Rec) | undefined
  readonly provides: ReadonlyArray<string>
  /** names that leave the loop: carried and body-only, never an iteration variable */
  readonly carried: ReadonlyArray<string>
  readonly outputs: ReadonlyArray<string>
  /** `[from, into]`: at the end of each iteration the value of `from` is added to the list that leaves the loop as `into` */
  readonly collect: ReadonlyArray<readonly [from: string, into: string]>
  /** the body writes an iteration variable or an input of the wrapper: iteration variables cannot be recomputed, so a snapshot stores them */
  readonly volatile: boolean
  readonly cursor: Schema.Constraint
}

/**
 * What a composite tells an interpreter. A block without a node is atomic: one `run`, a custom loop, a parallel, a
 * retry. A node marked `shell` is a block of the name of the one that it wraps (`provide`, `before`, `tap`): it adds no
 * segment to paths.
 */
export type Node =
  | { readonly _tag: "sequential"; readonly steps: ReadonlyArray<Compiled>; readonly shell?: boolean }
  | {
      readonly _tag: "conditional"
      readonly choose: (state: Rec) => Branch | undefined
      /** by name, for a run that is re-entered */
      readonly branch: (name: string) => Branch | undefined
      /** what is missing for a branch */
      readonly missing: (branch: Branch, state: Rec) => MissingInputError | undefined
    }
  | { readonly _tag: "loop"; readonly steps: ReadonlyArray<Compiled>; readonly plan: Plan }
  | {
      readonly _tag: "provide"
      readonly block: Compiled
      readonly layer: Layer.Layer<any, any, any>
      readonly shell: true
    }

/** Components by the name under which `run` gets them. */
export type Components = { readonly [name: string]: Context.Key<any, any> }

/** Everything that makes a block. */
export interface Definition {
  readonly kind: string
  readonly name: string
  readonly description?: string | undefined
  /** part of the digest of a composition and of the key of a cached block */
  readonly version?: string | undefined
  readonly inputs: Fields
  readonly outputs: Fields
  readonly components?: Components
  /** the blocks directly inside */
  readonly blocks?: ReadonlyArray<Block.Any>
  readonly node?: Node
  /** the block whose policy this is (a layer, retries, a cache): of the same name, and one with it in paths */
  readonly wraps?: Compiled
  /** of loops: what the wrapper itself reads, gives each iteration and writes */
  readonly wrapper?: {
    readonly inputs: Fields
    readonly provides: Fields
    readonly outputs: Fields
    readonly cursor?: Schema.Constraint
  }
  /** the same block with other blocks inside; without it, what is inside cannot be exchanged */
  readonly rebuild?: (blocks: ReadonlyArray<Compiled>) => Compiled
  /** the same block under another name, where `exec` or `node` know the name */
  readonly renamed?: (name: string) => Compiled
  /** which of `blocks` a conditional runs, of what is known before a run */
  readonly choose?: (state: Rec) => string | undefined
  /** the variables that `choose` looks at */
  readonly triggers?: ReadonlyArray<string>
  /** perhaps no branch of a conditional runs */
  readonly skippable?: boolean
  /** what selects a branch, as text */
  readonly label?: (branch: string) => string
  /** named sets of inputs */
  readonly workflows?: Readonly<Record<string, ReadonlyArray<string>>>
  /** for a loop that reports its iterations itself (`Loop.custom`) */
  readonly events?: unknown
  readonly exec: Exec
  readonly finish?: Finish
}

/** A block as the interpreters see it. */
export interface Compiled {
  readonly "~effect-blocks/Block": "~effect-blocks/Block"
  readonly kind: string
  readonly name: string
  readonly description: string
  readonly version: string | undefined
  readonly inputs: Fields
  readonly outputs: Fields
  readonly components: Components
  readonly blocks: ReadonlyArray<Compiled>
  readonly steps: ReadonlyArray<Compiled>
  readonly workflows: Readonly<Record<string, ReadonlyArray<string>>>
  readonly node: Node | undefined
  readonly wrapper: Definition["wrapper"]
  readonly definition: Definition
  readonly run: (inputs: any) => Effect.Effect<any, any, any>
  readonly exec: Exec
  readonly finish: Finish
  /** the state that a run starts with, from what the caller gave: nothing undeclared enters it */
  readonly enter: (inputs: Rec) => Rec
  /** evaluates the defaults that are effects and writes them to a state that was just entered. `null`: nothing to do */
  readonly draw: (state: Rec) => Effect.Effect<void, any, any> | null
  pipe(...fs: ReadonlyArray<(a: any) => any>): any
}

/** A block as the interpreters see it. */
export const compiled = (block: Block.Any): Compiled => block as unknown as Compiled
