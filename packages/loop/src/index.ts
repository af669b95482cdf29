export * as Loop from "./Loop.ts"
export * as Progress from "./Progress.ts"
