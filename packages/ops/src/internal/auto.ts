/** Which execution provider is the best that really starts on this machine. */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { AutoOptions, Provider } from "../OnnxRuntime.ts"
import type { AnyGraph, Attribute } from "../OnnxGraph.ts"
import * as Tensor from "../Tensor.ts"
import { tidy } from "./errors.ts"
import { encodeGraph } from "./onnx.ts"
import type { ProbeReply, ProbeRequest } from "./probe.ts"

const file = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "./probe.ts" : "./probe.js", import.meta.url))

/** what makes sense to try, best first */
export const candidatesOf = (platform: string): ReadonlyArray<Provider> => {
  switch (platform) {
    case "darwin":
      return ["coreml", "webgpu"]
    case "win32":
      return ["cuda", "dml", "webgpu"]
    default:
      return ["cuda", "webgpu"]
  }
}

const shape = [1, 8, 32, 32]
const width = 96

const ints = (value: ReadonlyArray<number>): Attribute => ({ _tag: "ints", value })

/**
 * Values without pattern, in -1..1. Waves would not do: their sums cancel, and what is left of a convolution is then its
 * rounding (with waves, TF32 on a sound GPU was 5e-2 away from the CPU).
 */
const scattered = (length: number, scale: number): Float32Array => {
  let seed = 1
  return Float32Array.from({ length }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return (seed / 2 ** 31 - 1) * scale
  })
}

/**
 * Four 3x3 convolutions, 0.4 GFLOP, narrow at both ends: what UNets spend their time on, and little to carry.
 */
const probeModel = (): Uint8Array => {
  const channels = [shape[1]!, width, width, width, shape[1]!]
  const names = ["x", "a", "b", "c", "y"]
  const layers = channels.slice(1).map((to, i) => ({ from: channels[i]!, to, input: names[i]!, output: names[i + 1]! }))
  const graph: AnyGraph = {
    name: "probe",
    inputs: { x: Tensor.float32(...shape) },
    outputs: { y: Tensor.float32(...shape) },
    initializers: Object.fromEntries(
      layers.map(({ from, output, to }) => [
        `to ${output}`,
        Tensor.make("float32", [to, from, 3, 3], scattered(to * from * 9, Math.sqrt(3 / (from * 9))))
      ])
    ),
    nodes: layers.map(({ input, output }) => ({
      op: "Conv",
      domain: "",
      inputs: [input, `to ${output}`],
      outputs: [output],
      attributes: { kernel_shape: ints([3, 3]), pads: ints([1, 1, 1, 1]) }
    })),
    opset: 17,
    domains: {}
  }
  return encodeGraph(graph)
}

/** Why a provider that was tried is not taken; undefined when it is good. */
export const refusal = (reply: ProbeReply): string | undefined => {
  if (reply._tag === "failed") return `does not start: ${tidy(reply.reason)}`
  // TF32 differs by 1e-3; a driver that is wrong differs by more than a per cent
  if (!(reply.error < 1e-2)) return `gives wrong numbers (${reply.error.toExponential(1)} from the CPU's)`
  // a GPU needs some ms to be asked at all and larger models favour it more: only what cannot be one is refused
  if (reply.milliseconds > 20 && reply.milliseconds > 2 * reply.cpuMilliseconds) {
    return `is slower than the CPU (${reply.milliseconds.toFixed(1)} ms against ${reply.cpuMilliseconds.toFixed(1)} ms): a GPU in software?`
  }
  return undefined
}

/** One child: answers for the first providers of the list, up to the first that is good, that kills it or that takes too long. */
const probeOnce = (
  providers: ReadonlyArray<Provider>,
  model: string,
  timeout: number
): Effect.Effect<ReadonlyArray<ProbeReply>> =>
  Effect.callback<ReadonlyArray<ProbeReply>>((resume) => {
    const replies: Array<ProbeReply> = []
    const child = spawn(process.execPath, [file], { stdio: ["pipe", "pipe", "pipe"] })
    let stderr = ""
    let late = false
    // a process can be killed inside a native call, a thread cannot
    const timer = setTimeout(() => {
      late = true
      child.kill("SIGKILL")
    }, timeout)
    const done = (reason: string | undefined) => {
      clearTimeout(timer)
      const next = reason === undefined ? undefined : providers[replies.length]
      resume(
        Effect.succeed(next === undefined ? replies : [...replies, { provider: next, _tag: "failed", reason: reason! }])
      )
    }
    const request: ProbeRequest = { model, shape, providers: providers.map((name) => ({ name })) }
    child.stdin.on("error", () => {}) // it may die before it reads
    child.stdin.end(JSON.stringify(request))
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-2000)
    })
    createInterface({ input: child.stdout }).on("line", (line) => {
      const reply: ProbeReply = JSON.parse(line)
      replies.push(reply)
      if (refusal(reply) !== undefined) return
      child.kill("SIGKILL") // good: the others need not be tried
      done(undefined)
    })
    child.on("error", (error) => done(`the process that tries it did not start: ${error.message}`))
    child.on("close", (code, signal) => {
      const said = stderr === "" ? "" : `: ${stderr.trim()}`
      done(
        late ? `no answer within ${timeout} ms` : `the process that tried it died (${signal ?? `code ${code}`})${said}`
      )
    })
    return Effect.sync(() => {
      clearTimeout(timer)
      child.kill("SIGKILL")
    })
  })

/** Tries providers in order until one is good; each reply says how its provider did. */
export const probe = (providers: ReadonlyArray<Provider>, timeout: number): Effect.Effect<ReadonlyArray<ProbeReply>> =>
  Effect.gen(function* () {
    const model = Buffer.from(probeModel()).toString("base64")
    const replies: Array<ProbeReply> = []
    while (replies.length < providers.length && !replies.some((reply) => refusal(reply) === undefined)) {
      replies.push(...(yield* probeOnce(providers.slice(replies.length), model, timeout)))
    }
    return replies
  })

export const choose = (options: AutoOptions): Effect.Effect<Provider | undefined> =>
  Effect.gen(function* () {
    const providers = options.candidates ?? candidatesOf(process.platform)
    const replies = yield* probe(providers, options.timeout ?? 20_000)
    const taken = replies.findIndex((reply) => refusal(reply) === undefined)
    const lines = replies.map((reply) => `${reply.provider} ${refusal(reply) ?? goodness(reply)}`)
    if (taken < 0) lines.push("models run on the CPU")
    yield* Effect.logInfo(`OnnxRuntime.layerAuto: ${lines.join("; ")}`)
    return providers[taken]
  })

const goodness = (reply: ProbeReply): string =>
  reply._tag === "failed"
    ? ""
    : `is taken (${reply.milliseconds.toFixed(1)} ms against ${reply.cpuMilliseconds.toFixed(1)} ms on the CPU)`
