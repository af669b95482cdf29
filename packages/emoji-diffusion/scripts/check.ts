import { Tokenizer } from "@huggingface/tokenizers"
import { InferenceSession, Tensor } from "onnxruntime-node"
import { readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import * as Contract from "./contract.ts"

type Arrays = Float32Array | Int32Array | Uint8Array
interface Described {
  readonly file: string
  readonly dtype: "float32" | "int32" | "uint8"
  readonly shape: ReadonlyArray<number>
}

const constructors = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array }
const show = (shape: ReadonlyArray<number | string | null>) =>
  `[${shape.map((size) => (typeof size === "number" ? size : "any")).join(", ")}]`
const product = (shape: ReadonlyArray<number>) => shape.reduce((a, b) => a * b, 1)
const detail = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))

const valueAt = (value: unknown, path: string): unknown =>
  path.split(".").reduce<unknown>((at, key) => (Object(at) === at ? Reflect.get(Object(at), key) : undefined), value)

const readJson = async (file: string, problems: Array<string>): Promise<unknown> => {
  try {
    return JSON.parse(await readFile(file, "utf8"))
  } catch (cause) {
    problems.push(`${file}: ${detail(cause)}`)
    return undefined
  }
}

const checkPorts = (
  file: string,
  side: "input" | "output",
  expected: ReadonlyArray<Contract.Port>,
  found: ReadonlyArray<InferenceSession.ValueMetadata>,
  problems: Array<string>
): void => {
  for (const { name, type, shape } of expected) {
    const port = found.find((value) => value.name === name)
    if (port === undefined) {
      problems.push(`${file}: no ${side} '${name}' (it has ${found.map((value) => value.name).join(", ")})`)
    } else if (!port.isTensor || port.type !== type) {
      problems.push(`${file}: ${side} '${name}' is ${port.isTensor ? port.type : "not a tensor"}, expected ${type}`)
    } else if (
      port.shape.length !== shape.length ||
      shape.some((size, axis) => (size === null ? typeof port.shape[axis] === "number" : port.shape[axis] !== size))
    ) {
      problems.push(`${file}: ${side} '${name}' has shape ${show(port.shape)}, expected ${show(shape)}`)
    }
  }
  for (const { name } of found) {
    if (!expected.some((port) => port.name === name)) problems.push(`${file}: unexpected ${side} '${name}'`)
  }
}

/** The files that every reference has, by what is done with them. */
const arrays = [
  "input_ids",
  "last_hidden_state",
  "initial_latents",
  "first_unet_output_of_prompt_0",
  "final_latents",
  "decoded",
  "image_uint8_nhwc",
  "vae_encoder_latent_parameters_of_image_0"
] as const
type ArrayName = (typeof arrays)[number]

const readArrays = async (reference: string, manifest: unknown, problems: Array<string>) => {
  const read = new Map<ArrayName, { readonly shape: ReadonlyArray<number>; readonly data: Arrays }>()
  for (const name of arrays) {
    const described = valueAt(manifest, `arrays.${name}`) as Described | undefined
    const file = join(reference, "manifest.json")
    if (described === undefined || constructors[described.dtype] === undefined) {
      problems.push(`${file}: no array '${name}' of a known dtype`)
      continue
    }
    const { dtype, shape } = described
    try {
      const bytes = new Uint8Array(await readFile(join(reference, described.file)))
      const expected = product(shape) * constructors[dtype].BYTES_PER_ELEMENT
      if (bytes.length !== expected) {
        problems.push(
          `${join(reference, described.file)}: ${bytes.length} bytes, expected ${expected} for ${dtype} ${show(shape)}`
        )
      } else {
        read.set(name, { shape, data: new constructors[dtype](bytes.buffer) })
      }
    } catch (cause) {
      problems.push(detail(cause))
    }
  }
  return read
}

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  if (a.length !== b.length) return Infinity
  let worst = 0
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!)
    if (!(difference <= worst)) worst = difference
  }
  return worst
}

const checkTokenizer = async (folder: string, reference: string, problems: Array<string>): Promise<void> => {
  const file = join(folder, "tokenizer/tokenizer.json")
  const [tokenizer, config, cases] = await Promise.all([
    readJson(file, problems),
    readJson(join(folder, "tokenizer/tokenizer_config.json"), problems),
    readJson(join(reference, "tokenizer_cases.json"), problems)
  ])
  if (!tokenizer || !config || !Array.isArray(cases)) return
  const bpe = new Tokenizer(tokenizer, config)
  const end = valueAt(config, "pad_token")
  const padding = typeof end === "string" ? bpe.token_to_id(end) : undefined
  for (const { text, input_ids } of cases) {
    const { ids } = bpe.encode(text)
    const cut = ids.length > Contract.tokens ? [...ids.slice(0, Contract.tokens - 1), ids.at(-1)] : ids
    const padded = [...cut, ...Array.from({ length: Contract.tokens - cut.length }, () => padding)]
    if (String(padded) !== String(input_ids)) {
      problems.push(`${file}: '${String(text).slice(0, 40)}' gives the ids ${padded}, the reference has ${input_ids}`)
    }
  }
}

const checkValues = async (
  folder: string,
  reference: string,
  sessions: ReadonlyMap<string, InferenceSession>,
  problems: Array<string>
): Promise<void> => {
  const manifest = await readJson(join(reference, "manifest.json"), problems)
  if (manifest === undefined) return
  const values = await readArrays(reference, manifest, problems)
  if (values.size < arrays.length) return
  const get = (name: ArrayName) => values.get(name)!
  const float = (data: Float32Array, ...shape: Array<number>) => new Tensor("float32", data, shape)
  const first = (name: ArrayName) => {
    const { data, shape } = get(name)
    return { data: Float32Array.from(data.subarray(0, product(shape.slice(1)))), shape: [1, ...shape.slice(1)] }
  }
  const compare = async (
    model: string,
    feeds: Record<string, Tensor>,
    output: string,
    expected: Arrays,
    limit: number
  ) => {
    const found = (await sessions.get(model)!.run(feeds))[output]!.data as Float32Array
    const worst = largestDifference(found, expected)
    if (!(worst <= limit))
      problems.push(`${join(folder, model, "model.onnx")}: differs from the reference by ${worst}, allowed is ${limit}`)
  }

  const ids = get("input_ids")
  const states = get("last_hidden_state")
  await compare(
    "text_encoder",
    { input_ids: new Tensor("int32", ids.data as Int32Array, ids.shape) },
    "last_hidden_state",
    states.data,
    Contract.tolerances.textStates
  )

  const empty = valueAt(manifest, "empty_prompt_row")
  const row = product(states.shape.slice(1))
  const pair = new Float32Array(2 * row)
  if (typeof empty !== "number") problems.push(`${join(reference, "manifest.json")}: no number 'empty_prompt_row'`)
  else pair.set(states.data.subarray(empty * row, (empty + 1) * row))
  pair.set(states.data.subarray(0, row), row)
  const noise = first("initial_latents")
  await compare(
    "unet",
    {
      sample: float(Float32Array.of(...noise.data, ...noise.data), 2, ...noise.shape.slice(1)),
      timestep: float(Float32Array.of(Number(valueAt(manifest, "timesteps.0"))), 1),
      encoder_hidden_states: float(pair, 2, ...states.shape.slice(1))
    },
    "out_sample",
    get("first_unet_output_of_prompt_0").data,
    Contract.tolerances.unet
  )

  const latents = first("final_latents")
  const scale = Number(valueAt(manifest, "scaling_factor"))
  await compare(
    "vae_decoder",
    {
      latent_sample: float(
        latents.data.map((x) => x / scale),
        ...latents.shape
      )
    },
    "sample",
    get("decoded").data,
    Contract.tolerances.decoded
  )

  const {
    data: pixels,
    shape: [, height = 0, width = 0]
  } = first("image_uint8_nhwc")
  const planes = new Float32Array(pixels.length)
  for (let i = 0; i < height * width; i++) {
    for (let channel = 0; channel < 3; channel++)
      planes[channel * height * width + i] = pixels[3 * i + channel]! / 127.5 - 1
  }
  await compare(
    "vae_encoder",
    { sample: float(planes, 1, 3, height, width) },
    "latent_parameters",
    get("vae_encoder_latent_parameters_of_image_0").data,
    Contract.tolerances.encoded
  )
}

/** Everything that keeps `folder` from taking the model's place with `reference` as its reference values; empty if it fits. */
export const check = async (folder: string, reference: string): Promise<ReadonlyArray<string>> => {
  const problems: Array<string> = []
  for (const [what, path] of [
    ["model", folder],
    ["reference", reference]
  ] as const) {
    const found = await stat(path).catch(() => undefined)
    if (!found?.isDirectory()) problems.push(`${path}: expected the folder of the ${what}`)
  }
  if (problems.length > 0) return problems

  for (const file of Contract.present) {
    const found = await stat(join(folder, file)).catch(() => undefined)
    if (!found?.isFile()) problems.push(`${join(folder, file)}: missing`)
  }
  for (const [file, fields] of Object.entries(Contract.json)) {
    const value = await readJson(join(folder, file), problems)
    if (value === undefined) continue
    for (const [field, expected] of Object.entries(fields)) {
      const found = valueAt(value, field)
      if (found !== expected)
        problems.push(
          `${join(folder, file)}: '${field}' is ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`
        )
    }
  }

  const sessions = new Map<string, InferenceSession>()
  try {
    for (const [model, { inputs, outputs }] of Object.entries(Contract.models)) {
      const file = join(folder, model, "model.onnx")
      try {
        const session = await InferenceSession.create(file, { logSeverityLevel: 3 })
        sessions.set(model, session)
        checkPorts(file, "input", inputs, session.inputMetadata, problems)
        checkPorts(file, "output", outputs, session.outputMetadata, problems)
      } catch (cause) {
        problems.push(`${file}: ${detail(cause)}`)
      }
    }
    // numbers are worth computing only for a folder that fits so far
    if (problems.length === 0) {
      await checkTokenizer(folder, reference, problems)
      await checkValues(folder, reference, sessions, problems)
    }
  } finally {
    for (const session of sessions.values()) await session.release()
  }
  return problems
}
