export * from "./internal/machine.ts"
export type { Node, Plan } from "./internal/node.ts"
