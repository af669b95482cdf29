/**
 * The topics of the golden data. Each is a module of this folder that exports `topic`; one that does not exist yet has
 * its cases counted as not run.
 */
import { existsSync } from "node:fs"
import type { Topic } from "./topic.ts"

export const topicNames: ReadonlyArray<string> = ["schedulers", "guiders", "rng", "image", "pipelines", "wiring"]

/** The topic of a name, or undefined where nobody has written its module. */
export const loadTopic = async (name: string): Promise<Topic | undefined> => {
  const file = new URL(`./${name}.ts`, import.meta.url)
  if (!existsSync(file)) return undefined
  const module: { readonly topic: Topic } = await import(file.href)
  return module.topic
}
