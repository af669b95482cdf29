/**
 * How feeds get to a worker. Posting a view clones the whole buffer behind it, and transferring would detach the
 * caller's immutable tensor. So: small tensors are cloned (compacted first when they are a view of something larger),
 * large ones are copied into shared memory: one copy instead of two, in slices with a turn of the event loop between
 * them, so that no copy holds it up. The memory is kept for the next run, as touching new memory for the first time
 * costs more than the copy.
 */
import type { Bytes, Wire, Wires } from "./protocol.ts"

const sharedFrom = 1 << 20
const slice = 1 << 20

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

const copyInto = async (target: Uint8Array, source: Uint8Array): Promise<void> => {
  for (let at = 0; at < source.byteLength; at += slice) {
    if (at > 0) await turn()
    target.set(source.subarray(at, at + slice), at)
  }
}

const bytesOf = (data: ArrayBufferView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
const isLarge = (data: unknown): data is ArrayBufferView<ArrayBuffer> =>
  ArrayBuffer.isView(data) && !(data.buffer instanceof SharedArrayBuffer) && data.byteLength >= sharedFrom

/** A small tensor as it is posted. */
const compact = (wire: Wire): Wire => {
  const { data, dtype, shape } = wire
  const part =
    ArrayBuffer.isView(data) && !(data.buffer instanceof SharedArrayBuffer) && data.byteLength < data.buffer.byteLength
  return { dtype, shape, data: part ? (data as any).slice() : data }
}

/** Carries the feeds of one session, whose runs follow each other. */
export class Carrier {
  /** memory of the run before, by size */
  #spare: Array<SharedArrayBuffer> = []
  /** memory of the run that is on */
  #used: Array<SharedArrayBuffer> = []

  #memory(byteLength: number): SharedArrayBuffer {
    const at = this.#spare.findIndex((memory) => memory.byteLength === byteLength)
    const memory = at < 0 ? new SharedArrayBuffer(byteLength) : this.#spare.splice(at, 1)[0]!
    this.#used.push(memory)
    return memory
  }

  /** The same tensors in a form that is cheap to post; a Promise only where something large is among them. */
  load(feeds: Wires): Wires | Promise<Wires> {
    const out: Record<string, Wire> = {}
    let large: Array<string> | undefined
    for (const name in feeds) {
      if (isLarge(feeds[name]!.data)) (large ??= []).push(name)
      else out[name] = compact(feeds[name]!)
    }
    return large === undefined ? out : this.#share(feeds, large, out)
  }

  async #share(feeds: Wires, names: ReadonlyArray<string>, out: Record<string, Wire>): Promise<Wires> {
    const copies = new Map<unknown, unknown>()
    for (const name of names) {
      const { data, dtype, shape } = feeds[name]!
      let copy = copies.get(data)
      if (copy === undefined) {
        const memory = this.#memory(data.byteLength)
        await copyInto(new Uint8Array(memory), bytesOf(data))
        copies.set(data, (copy = new data.constructor(memory)))
      }
      out[name] = { dtype, shape, data: copy }
    }
    return out
  }

  /** The worker has done with the feeds: their memory is free, and what this run had no use for is let go. */
  unload(): void {
    this.#spare = this.#used
    this.#used = []
  }
}

/** A model's bytes, likewise. */
export const shareBytes = async (source: Bytes): Promise<Bytes> => {
  if (source.buffer instanceof SharedArrayBuffer) return source
  const { byteLength } = source
  const target = new Uint8Array(
    byteLength < sharedFrom ? new ArrayBuffer(byteLength) : new SharedArrayBuffer(byteLength)
  )
  await copyInto(target, source)
  return target
}
