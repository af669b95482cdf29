/** What a folder must be to take the place of the shipped model: names, dtypes and shapes, never values. */

/** A size is fixed, or `null` where the model must take any. */
export interface Port {
  readonly name: string
  readonly type: string
  readonly shape: ReadonlyArray<number | null>
}

export interface Model {
  readonly inputs: ReadonlyArray<Port>
  readonly outputs: ReadonlyArray<Port>
}

export const tokens = 32

const port = (name: string, type: string, ...shape: ReadonlyArray<number | null>): Port => ({ name, type, shape })

export const models: Readonly<Record<string, Model>> = {
  text_encoder: {
    inputs: [port("input_ids", "int32", null, tokens)],
    outputs: [port("last_hidden_state", "float32", null, tokens, 256), port("pooler_output", "float32", null, 256)]
  },
  unet: {
    inputs: [
      port("sample", "float32", null, 4, null, null),
      port("timestep", "float32", null),
      port("encoder_hidden_states", "float32", null, null, 256)
    ],
    outputs: [port("out_sample", "float32", null, 4, null, null)]
  },
  vae_decoder: {
    inputs: [port("latent_sample", "float32", null, 4, null, null)],
    outputs: [port("sample", "float32", null, 3, null, null)]
  },
  vae_encoder: {
    inputs: [port("sample", "float32", null, 3, null, null)],
    outputs: [port("latent_parameters", "float32", null, 8, null, null)]
  }
}

/** Every value that a JSON file of the folder must hold, by its path in the file. */
export const json: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "model_index.json": { _class_name: "OnnxStableDiffusionPipeline" },
  "scheduler/scheduler_config.json": { _class_name: "DDIMScheduler" },
  "text_encoder/config.json": { hidden_size: 256, max_position_embeddings: tokens },
  "tokenizer/tokenizer_config.json": { tokenizer_class: "CLIPTokenizer", model_max_length: tokens },
  "unet/config.json": { in_channels: 4, out_channels: 4, cross_attention_dim: 256, sample_size: 32 },
  "vae_decoder/config.json": { latent_channels: 4, "block_out_channels.length": 3 },
  "vae_encoder/config.json": { latent_channels: 4, "block_out_channels.length": 3 }
}

/** Read by people or by other programs; their contents are free. */
export const present: ReadonlyArray<string> = [
  "README.md",
  "tokenizer/merges.txt",
  "tokenizer/special_tokens_map.json",
  "tokenizer/tokenizer.json",
  "tokenizer/vocab.json"
]

/** Largest allowed difference between a model of the folder and the reference values. */
export const tolerances = { textStates: 1e-4, unet: 1e-3, decoded: 1e-3, encoded: 1e-3 }
