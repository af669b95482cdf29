export * from "./internal/progress.ts"
