/** What a layer must give; everything above (locks, checks, interruption, errors) is written once over this. */
import type * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { ModelRunError } from "../OnnxError.ts"
import type { Bytes, SessionInfo, SessionOptions, Wires } from "./protocol.ts"

/** One loaded model. Promises always settle, and never before the native call is over; fakes may give an Effect. */
export interface Session extends SessionInfo {
  readonly run: (
    feeds: Wires,
    outputs: ReadonlyArray<string> | undefined
  ) => Promise<Wires> | Effect.Effect<Wires, ModelRunError>
  readonly release: () => Promise<void>
}

/** Where runs exclude each other: the JavaScript thread, a worker, a GPU. */
export interface Place {
  /** one permit; held around every native call */
  readonly gate: Semaphore.Semaphore
  readonly alive: () => boolean
  /** how many sessions live here, reserved ones included: what `pick` balances */
  sessions: number
  /** how many runs are here, waiting for the gate or running: what a replica is chosen by */
  runs: number
  readonly open: (source: string | Bytes, options: SessionOptions) => Promise<Session>
}

export interface Backend {
  /** the execution provider that sessions get */
  readonly provider: string
  /** the place with the fewest sessions; throws nothing, may start a thread */
  readonly pick: () => Place
  readonly workers: number
  /** every place drained and closed */
  readonly close: () => Promise<void>
}

/** The place died under a call. */
export class Crashed extends Error {}

/** A place in this thread. */
export const localPlace = (open: Place["open"], gate: Semaphore.Semaphore = Semaphore.makeUnsafe(1)): Place => ({
  gate,
  alive: () => true,
  sessions: 0,
  runs: 0,
  open
})

export const localBackend = (provider: string, open: Place["open"], gate?: Semaphore.Semaphore): Backend => {
  const place = localPlace(open, gate)
  return { provider, pick: () => place, workers: 0, close: () => Promise.resolve() }
}

const devices = new Map<string, Semaphore.Semaphore>()
/**
 * One permit per device of the process, whoever asks: two layers on one GPU exclude each other too, as concurrent runs
 * on webgpu and DirectML crash the process (microsoft/onnxruntime issue 32561).
 */
export const deviceGate = (provider: string, deviceId: number): Semaphore.Semaphore => {
  const key = `${provider}:${deviceId}`
  let gate = devices.get(key)
  if (gate === undefined) devices.set(key, (gate = Semaphore.makeUnsafe(1)))
  return gate
}
