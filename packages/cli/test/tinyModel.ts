/** Models of a few kilobytes, of each family: arithmetic in place of layers, so that what is given shows in the picture. */
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as OnnxGraph from "@effect-blocks/ops/OnnxGraph"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { cpSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

export type Family = "stableDiffusion" | "stableDiffusionXL" | "latentConsistency"

const { node } = OnnxGraph
const width = 4
const channels = 4
/** of the guidance embedding */
const embedding = 32

const wave = (shape: ReadonlyArray<number>, scale: number) => {
  const size = Tensor.sizeOf(shape)
  return Tensor.make(
    "float32",
    shape,
    Float32Array.from({ length: size }, (_, i) => scale * Math.sin(1 + i * 1.7))
  )
}
const scalar = (value: number) => Tensor.make("float32", [], Float32Array.of(value))
const axes = (...values: ReadonlyArray<number>) =>
  Tensor.make("int64", [values.length], BigInt64Array.from(values, BigInt))

/** Waves of the tokens; of an SDXL encoder the states of three layers, and of its second one the pooled states. */
const textEncoder = (phase: number, xl: boolean, pooled: boolean) => {
  const layers = xl ? [0, 1, 2] : []
  const states = Tensor.float32("batch", "length", width)
  return OnnxGraph.make("text_encoder", {
    opset: 18,
    inputs: { input_ids: Tensor.int32("batch", "length") },
    outputs: {
      last_hidden_state: states,
      ...Object.fromEntries(layers.map((layer) => [`hidden_states.${layer}`, states])),
      ...(pooled ? { text_embeds: Tensor.float32("batch", width) } : {})
    },
    initializers: { last: axes(-1), middle: axes(1), wave: wave([width], phase), layer: scalar(1.5) },
    nodes: [
      node("Cast", ["input_ids"], ["ids"], { attributes: { to: OnnxGraph.int(1) } }),
      node("Unsqueeze", ["ids", "last"], ["column"]),
      node("Mul", ["column", "wave"], ["phases"]),
      node("Sin", ["phases"], ["last_hidden_state"]),
      ...layers.map((layer) =>
        node(
          "Mul",
          [layer === 0 ? "last_hidden_state" : `hidden_states.${layer - 1}`, "layer"],
          [`hidden_states.${layer}`]
        )
      ),
      ...(pooled
        ? [
            node("ReduceMean", ["last_hidden_state", "middle"], ["text_embeds"], {
              attributes: { keepdims: OnnxGraph.int(0) }
            })
          ]
        : [])
    ]
  })
}

/** Half the latents, and what else it is told, as a shift; of the words also as a factor. */
const unet = (family: Family) => {
  const xl = family === "stableDiffusionXL"
  const told = [
    { name: "encoder_hidden_states", factor: 0.3, given: Tensor.float32("batch", "length", xl ? 2 * width : width) },
    ...(xl
      ? [
          { name: "text_embeds", factor: 0.2, given: Tensor.float32("batch", width) },
          { name: "time_ids", factor: 0.001, given: Tensor.float32("batch", 6) }
        ]
      : []),
    ...(family === "latentConsistency"
      ? [{ name: "timestep_cond", factor: 0.5, given: Tensor.float32("batch", embedding) }]
      : [])
  ]
  return OnnxGraph.make("unet", {
    opset: 18,
    inputs: {
      sample: Tensor.float32("batch", channels, "height", "width"),
      timestep: Tensor.float32("steps"),
      ...Object.fromEntries(told.map(({ given, name }) => [name, given]))
    },
    outputs: { out_sample: Tensor.float32("batch", channels, "height", "width") },
    initializers: {
      half: scalar(0.5),
      small: scalar(1e-4),
      shape: axes(-1, 1, 1, 1),
      ...Object.fromEntries(told.map(({ factor, name }) => [`${name}.factor`, scalar(factor)])),
      ...Object.fromEntries(
        told.map(({ given, name }) => [`${name}.axes`, axes(...(given === told[0]!.given ? [1, 2] : [1]))])
      )
    },
    nodes: [
      node("Mul", ["sample", "half"], ["halved"]),
      node("Mul", ["timestep", "small"], ["time"]),
      node("Add", ["halved", "time"], ["shifted.0"]),
      ...told.flatMap(({ name }, i) => [
        node("ReduceMean", [name, `${name}.axes`], [`${name}.mean`], { attributes: { keepdims: OnnxGraph.int(0) } }),
        node("Mul", [`${name}.mean`, `${name}.factor`], [`${name}.part`]),
        node("Reshape", [`${name}.part`, "shape"], [`${name}.shift`]),
        node("Add", [`shifted.${i}`, `${name}.shift`], [`shifted.${i + 1}`])
      ]),
      // a mere shift would leave the spread as it is, which rescaled guidance goes by
      node("Mul", ["halved", "encoder_hidden_states.shift"], ["spread"]),
      node("Add", [`shifted.${told.length}`, "spread"], ["out_sample"])
    ]
  })
}

const strides = { kernel_shape: OnnxGraph.ints([2, 2]), strides: OnnxGraph.ints([2, 2]) }
const encoder = OnnxGraph.make("vae_encoder", {
  inputs: { sample: Tensor.float32("batch", 3, "height", "width") },
  outputs: { latent_parameters: Tensor.float32("batch", 2 * channels, "h", "w") },
  initializers: { weights: wave([2 * channels, 3, 2, 2], 0.2) },
  nodes: [node("Conv", ["sample", "weights"], ["latent_parameters"], { attributes: strides })]
})
const decoder = OnnxGraph.make("vae_decoder", {
  inputs: { latent_sample: Tensor.float32("batch", channels, "height", "width") },
  outputs: { sample: Tensor.float32("batch", 3, "h", "w") },
  initializers: { weights: wave([channels, 3, 2, 2], 0.3) },
  nodes: [node("ConvTranspose", ["latent_sample", "weights"], ["sample"], { attributes: strides })]
})

const classes: Readonly<Record<Family, string>> = {
  stableDiffusion: "StableDiffusionPipeline",
  stableDiffusionXL: "StableDiffusionXLPipeline",
  latentConsistency: "LatentConsistencyModelPipeline"
}

/** Writes a model of 16 x 16 pixels into a folder that is not there yet. */
export const tinyModel = (folder: string, family: Family, className = classes[family]): void => {
  const xl = family === "stableDiffusionXL"
  const write = (path: string, content: unknown) => {
    mkdirSync(join(folder, path, ".."), { recursive: true })
    writeFileSync(join(folder, path), content instanceof Uint8Array ? content : JSON.stringify(content))
  }
  const vae = { block_out_channels: [1, 1], latent_channels: channels, scaling_factor: 0.5 }
  const scheduler = family === "latentConsistency" ? "LCMScheduler" : "DDIMScheduler"
  const second = xl ? { text_encoder_2: ["", "x"], tokenizer_2: ["", "x"] } : {}
  write("model_index.json", {
    _class_name: className,
    scheduler: ["diffusers", scheduler],
    text_encoder: ["", "x"],
    tokenizer: ["", "x"],
    unet: ["", "x"],
    vae_decoder: ["", "x"],
    vae_encoder: ["", "x"],
    ...second
  })
  write("scheduler/scheduler_config.json", {
    _class_name: scheduler,
    beta_schedule: "scaled_linear",
    beta_start: 0.00085,
    beta_end: 0.012,
    clip_sample: false
  })
  write("unet/config.json", {
    sample_size: 8,
    in_channels: channels,
    out_channels: channels,
    block_out_channels: [1],
    cross_attention_dim: xl ? 2 * width : width,
    ...(xl ? { addition_embed_type: "text_time" } : {}),
    ...(family === "latentConsistency" ? { time_cond_proj_dim: embedding } : {})
  })
  write("unet/model.onnx", OnnxGraph.encode(unet(family)))
  write("vae_encoder/config.json", vae)
  write("vae_encoder/model.onnx", OnnxGraph.encode(encoder))
  write("vae_decoder/config.json", vae)
  write("vae_decoder/model.onnx", OnnxGraph.encode(decoder))
  write("text_encoder/config.json", { hidden_size: width })
  write("text_encoder/model.onnx", OnnxGraph.encode(textEncoder(0.1, xl, false)))
  const tokenizers = ["tokenizer", ...(xl ? ["tokenizer_2"] : [])]
  if (xl) {
    write("text_encoder_2/config.json", { hidden_size: width })
    write("text_encoder_2/model.onnx", OnnxGraph.encode(textEncoder(0.37, true, true)))
  }
  for (const name of tokenizers) cpSync(join(EmojiDiffusion.path, "tokenizer"), join(folder, name), { recursive: true })
}
