/**
 * `npm run conformance -- FOLDER [--topic NAME] [--json]`: runs the cases of a golden folder through the public API.
 * Exit code 0 where none failed, 1 where some did, 2 where the folder or the arguments are no good.
 */
import { statSync } from "node:fs"
import { parseArgs } from "node:util"
import { report } from "./report.ts"
import { runFolder } from "./run.ts"
import { topicNames } from "./topics.ts"

const usage = `usage: npm run conformance -- FOLDER [--topic ${topicNames.join("|")}] [--json]`

const refuse = (message: string): never => {
  console.error(`${message}\n${usage}`)
  process.exit(2)
}

const parse = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { topic: { type: "string", multiple: true }, json: { type: "boolean", default: false } }
    })
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

const { positionals, values } = parse()
const [folder] = positionals
if (folder === undefined || positionals.length > 1) refuse("name one golden folder")
else {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) refuse(`there is no folder ${folder}`)
  const unknown = values.topic?.find((name) => !topicNames.includes(name))
  if (unknown !== undefined) refuse(`there is no topic ${unknown}`)
  const summary = await runFolder(folder, values.topic)
  const others = summary.others.join(", ")
  if (summary.topics.every((topic) => topic.cases.length === 0) && !summary.topics.some((topic) => topic.notRun > 0)) {
    if (values.json) console.log(JSON.stringify(summary, null, 2))
    refuse(`${folder} holds no golden cases${others === "" ? "" : `; no topics: ${others}`}`)
  }
  console.log(values.json ? JSON.stringify(summary, null, 2) : report(summary))
  process.exitCode = summary.failed > 0 ? 1 : 0
}
