export type * from "./internal/flow.ts"
