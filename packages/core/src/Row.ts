export type * from "./internal/row.ts"
