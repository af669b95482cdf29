/** Holds the packages to the layout of CONTRIBUTING.md: `npm run check-imports`. One check a module, one a manifest. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { Problem } from "./lib/modules.ts"
import { cycles, dependencyProblems, importProblems, outsiderProblems, parseModule } from "./lib/modules.ts"
import { conclude, files, packages, root } from "./lib/workspace.ts"

let passed = 0
const problems: Array<Problem> = []
const check = (found: ReadonlyArray<Problem>) => {
  if (found.length === 0) passed++
  problems.push(...found)
}
const read = (file: string) => parseModule(file, readFileSync(join(root, file), "utf8"))

for (const pkg of packages()) {
  const modules = files(`packages/${pkg.folder}/src/**/*.ts`).map(read)
  for (const module of modules) check(importProblems(pkg, module))
  check(dependencyProblems(pkg, modules))
  check(cycles(modules).map((cycle) => ({ where: cycle[0]!, what: `imports itself: ${cycle.join(" -> ")}` })))
}
for (const file of files("packages/*/{test,typetest,benchmark}/**/*.ts", "examples/**/*.ts", "scripts/**/*.ts")) {
  check(outsiderProblems(read(file)))
}
conclude(passed, problems)
