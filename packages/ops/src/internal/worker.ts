/** A thread that owns ONNX Runtime sessions. It serves one request after the other, so a release never overtakes a run. */
import { parentPort } from "node:worker_threads"
import type { Reply, Request, Wires } from "./protocol.ts"
import { create, type RawSession } from "./session.ts"

const port = parentPort!
const sessions = new Map<number, RawSession>()

const handle = async (request: Request): Promise<any> => {
  switch (request._tag) {
    case "load": {
      const session = await create(request.source, request.options)
      sessions.set(request.session, session)
      return { inputs: session.inputs, outputs: session.outputs }
    }
    case "run":
      return sessions.get(request.session)!.run(request.feeds, request.outputs)
    case "release": {
      const session = sessions.get(request.session)
      sessions.delete(request.session)
      return session?.release()
    }
    case "close": {
      for (const session of sessions.values()) await session.release()
      sessions.clear()
      return
    }
    case "crash":
      process.exit(70) // in a worker this ends the worker only
  }
}

/** Transferring costs about 20 us a call and saves a copy: worth it for large outputs only. */
const transferable = (wires: Wires): Array<ArrayBuffer> => {
  const buffers = new Set<ArrayBuffer>()
  for (const name in wires) {
    const buffer = wires[name]!.data?.buffer
    if (buffer instanceof ArrayBuffer && buffer.byteLength > 65536) buffers.add(buffer)
  }
  return [...buffers]
}

const reply = async (id: number, request: Request): Promise<void> => {
  try {
    const value = await handle(request)
    port.postMessage({ id, ok: true, value } satisfies Reply, request._tag === "run" ? transferable(value) : [])
  } catch (error: any) {
    const failure = { message: String(error?.message ?? error), code: error?.code }
    port.postMessage({ id, ok: false, error: failure } satisfies Reply)
  }
  if (request._tag === "close") port.close()
}

let tail: Promise<void> = Promise.resolve()
port.on("message", ({ id, request }: { readonly id: number; readonly request: Request }) => {
  tail = tail.then(() => reply(id, request))
})
