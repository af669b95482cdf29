/**
 * How feeds get to a worker. Posting a view clones the whole buffer behind it, and transferring would detach the
 * caller's immutable tensor. So: small tensors are cloned (compacted first when they are a view of something larger),
 * large ones are copied into shared memory (one copy instead of two), and very large ones in slices with a turn of the
 * event loop between them, so that no copy holds it up.
 */
import type { Bytes, Wire, Wires } from "./protocol.ts"

const sharedFrom = 1 << 20
const slice = 2 << 20

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

const copyInto = (target: Uint8Array, source: Uint8Array): Promise<void> | undefined => {
  if (source.byteLength <= slice) {
    target.set(source)
    return undefined
  }
  return (async () => {
    for (let at = 0; at < source.byteLength; at += slice) {
      target.set(source.subarray(at, at + slice), at)
      await turn()
    }
  })()
}

const bytesOf = (data: ArrayBufferView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

/** The same tensors in a form that is cheap to post; a Promise only when something was too large for one turn. */
export const share = (feeds: Wires): Wires | Promise<Wires> => {
  const out: Record<string, Wire> = {}
  let waits: Array<Promise<void>> | undefined
  for (const name in feeds) {
    const { data, dtype, shape } = feeds[name]!
    if (!ArrayBuffer.isView(data) || data.buffer instanceof SharedArrayBuffer) out[name] = { dtype, shape, data }
    else if (data.byteLength >= sharedFrom) {
      const memory = new SharedArrayBuffer(data.byteLength)
      const wait = copyInto(new Uint8Array(memory), bytesOf(data))
      if (wait !== undefined) (waits ??= []).push(wait)
      out[name] = { dtype, shape, data: new (data.constructor as any)(memory) }
    } else {
      out[name] = { dtype, shape, data: data.byteLength < data.buffer.byteLength ? (data as any).slice() : data }
    }
  }
  return waits === undefined ? out : Promise.all(waits).then(() => out)
}

/** A model's bytes, likewise. */
export const shareBytes = async (source: Bytes): Promise<Bytes> => {
  if (source.buffer instanceof SharedArrayBuffer) return source
  const target = new Uint8Array(
    source.byteLength < sharedFrom ? new ArrayBuffer(source.byteLength) : new SharedArrayBuffer(source.byteLength)
  )
  await copyInto(target, source)
  return target
}
