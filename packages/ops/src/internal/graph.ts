/** What ONNX Runtime would refuse with a text that names no line: found before anything is written. */
import type { AnyGraph } from "../OnnxGraph.ts"

export const graphProblems = (graph: AnyGraph): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const known = new Map<string, string>()
  const define = (name: string, by: string) => {
    const before = known.get(name)
    if (name === "") problems.push(`${by} has an empty name`)
    else if (before !== undefined) problems.push(`'${name}' is given twice, by ${before} and by ${by}`)
    else known.set(name, by)
  }
  if (!Number.isSafeInteger(graph.opset) || graph.opset < 1)
    problems.push(`opset ${graph.opset} is not a positive integer`)
  for (const name of Object.keys(graph.inputs)) define(name, "an input")
  for (const name of Object.keys(graph.initializers)) define(name, "an initializer")
  graph.nodes.forEach((node, index) => {
    const where = `node ${index} (${node.op})`
    for (const input of node.inputs)
      if (input !== "" && !known.has(input)) problems.push(`${where} reads '${input}', which nothing before it gives`)
    if (node.domain !== "" && !(node.domain in graph.domains))
      problems.push(`${where} is of domain '${node.domain}', whose version is not in domains`)
    for (const output of node.outputs) if (output !== "") define(output, where)
  })
  for (const name of Object.keys(graph.outputs))
    if (!known.has(name)) problems.push(`output '${name}' is given by no node`)
  if (Object.keys(graph.outputs).length === 0) problems.push("it has no outputs")
  return problems
}
