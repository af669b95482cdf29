export * as Checkpoint from "./Checkpoint.ts"
export * as Loop from "./Loop.ts"
export * as Progress from "./Progress.ts"
