import { defineConfig } from "vitest/config"

const project = (name: string, include: ReadonlyArray<string>) => ({
  test: { name, include: [...include], testTimeout: 60_000, hookTimeout: 60_000 }
})

/** vitest 5 does not look for this file by itself: `npm test` names it. */
export default defineConfig({
  test: {
    projects: [
      ...["core", "loop", "ops", "diffusion", "emoji-diffusion", "cli"].map((name) =>
        project(name, [`packages/${name}/test/**/*.test.ts`])
      ),
      project("examples", ["examples/test/**/*.test.ts"]),
      project("scripts", ["scripts/test/**/*.test.ts"])
    ]
  }
})
