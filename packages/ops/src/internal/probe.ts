/**
 * A child process that tries execution providers: some do not fail but abort, and a process of its own is the one thing
 * that survives that. Reads `{ model, shape, providers }` from stdin, writes one line of JSON a provider.
 */
import { listSupportedBackends } from "onnxruntime-node"
import type { ProviderConfig, Wire, Wires } from "./protocol.ts"
import { create, type RawSession } from "./session.ts"

export interface ProbeRequest {
  /** base64 of a model that takes `x` and gives `y`, both float32 */
  readonly model: string
  readonly shape: ReadonlyArray<number>
  readonly providers: ReadonlyArray<ProviderConfig>
}
export type ProbeReply =
  | {
      readonly provider: string
      readonly _tag: "started"
      readonly milliseconds: number
      readonly cpuMilliseconds: number
      readonly error: number
    }
  | { readonly provider: string; readonly _tag: "failed"; readonly reason: string }

const input = (shape: ReadonlyArray<number>): Wires => {
  // the fractions of a hash of i: without pattern, so that sums do not cancel
  const data = Float32Array.from(
    { length: shape.reduce((a, b) => a * b, 1) },
    (_, i) => (Math.imul(i + 1, 2654435761) >>> 0) / 2 ** 31 - 1
  )
  return { x: { dtype: "float32", shape, data } }
}

/** Median of five runs (of as many as fit a second) after one that compiles and allocates. */
const time = async (
  session: RawSession,
  feeds: Wires
): Promise<{ readonly milliseconds: number; readonly y: Wire }> => {
  const { y } = await session.run(feeds, undefined)
  const times: Array<number> = []
  const begun = performance.now()
  while (times.length < 5 && performance.now() - begun < 1000) {
    const started = performance.now()
    await session.run(feeds, undefined)
    times.push(performance.now() - started)
  }
  return { milliseconds: times.toSorted((a, b) => a - b)[times.length >> 1]!, y: y! }
}

/** Largest difference over the largest value. */
const difference = (a: Float32Array, b: Float32Array): number => {
  let worst = 0
  let largest = 0
  for (let i = 0; i < b.length; i++) {
    worst = Math.max(worst, Math.abs(a[i]! - b[i]!))
    largest = Math.max(largest, Math.abs(b[i]!))
  }
  return worst / largest
}

const say = (reply: ProbeReply): void => void process.stdout.write(`${JSON.stringify(reply)}\n`)

const main = async ({ model, providers, shape }: ProbeRequest): Promise<void> => {
  const bytes = new Uint8Array(Buffer.from(model, "base64"))
  const feeds = input(shape)
  const known = new Set<string>(listSupportedBackends().map((backend) => backend.name))
  let reference: Awaited<ReturnType<typeof time>> | undefined
  for (const config of providers) {
    const provider = config.name
    if (!known.has(provider)) {
      say({ provider, _tag: "failed", reason: `this build of onnxruntime-node has ${[...known].join(", ")}` })
      continue
    }
    try {
      const session = await create(bytes, { providers: [config] })
      const { milliseconds, y } = await time(session, feeds)
      reference ??= await time(await create(bytes, {}), feeds)
      say({
        provider,
        _tag: "started",
        milliseconds,
        cpuMilliseconds: reference.milliseconds,
        error: difference(y.data, reference.y.data)
      })
      await session.release()
    } catch (error) {
      say({ provider, _tag: "failed", reason: error instanceof Error ? error.message : String(error) })
    }
  }
}

const chunks: Array<Buffer> = []
for await (const chunk of process.stdin) chunks.push(chunk)
await main(JSON.parse(Buffer.concat(chunks).toString()))
