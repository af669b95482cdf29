/** Written by `scripts/replace.ts`: every file of `model/`. */
export const files = [
  {
    path: "README.md",
    bytes: 6564,
    sha256: "ce41f3e6e321e8d7c5848acf2b80480eb0e1fb7854a586e2d61bbca459f0b5e5"
  },
  {
    path: "model_index.json",
    bytes: 592,
    sha256: "5c0b5143efb0eac9f5ebde8b826ce285ec8762e22cad4ceccccad59cc36e2386"
  },
  {
    path: "samples.png",
    bytes: 89141,
    sha256: "aecf878849ba838a331875c4205f8d6f73c20c355b4efda0440c8c9c4998ca6c"
  },
  {
    path: "scheduler/scheduler_config.json",
    bytes: 511,
    sha256: "fd7a0f80d9656f13aad96362a98deeb3c57d6e7f4a9caf13223b3fe3e3dce4bc"
  },
  {
    path: "text_encoder/config.json",
    bytes: 854,
    sha256: "fd8a75827f968a81d98600c75d0cf144abdca5d0a63a0af3aa7e6c258925678a"
  },
  {
    path: "text_encoder/model.onnx",
    bytes: 7931328,
    sha256: "bb5bf4e376de2a753ab01520313ebf6da4bd877f99987238b053914a7bc828e5"
  },
  {
    path: "tokenizer/merges.txt",
    bytes: 23816,
    sha256: "7ffff9f4f362047eec9316c1efa259616d1e9e5fe0273f94ac5a27160d2f4e8a"
  },
  {
    path: "tokenizer/special_tokens_map.json",
    bytes: 474,
    sha256: "74df8b290f8eacd742ef015ca7763b68fd321055393119f464e8bf62f222f072"
  },
  {
    path: "tokenizer/tokenizer.json",
    bytes: 191472,
    sha256: "f9abe4115723e3783be14c86ca9098688f80ac8909804038d4ae180acaad7aad"
  },
  {
    path: "tokenizer/tokenizer_config.json",
    bytes: 703,
    sha256: "498e04573e65f59e4f8c552990e62ffb3a3813f15efafb247dc0839d3824c912"
  },
  {
    path: "tokenizer/vocab.json",
    bytes: 50188,
    sha256: "1719993c21bb58071fe6eabe76b424b218ff12584073ad97d1218c235819a0d2"
  },
  {
    path: "training/export.py",
    bytes: 15273,
    sha256: "02648414ccde0d265ded5a3ccfa92cec697c7697b0854fe80f275107eb09eda7"
  },
  {
    path: "training/prepare-dataset.mjs",
    bytes: 5402,
    sha256: "4294343b1ab3763da8ab60feb501846870f2ae82498017c795762593741feff0"
  },
  {
    path: "training/report.json",
    bytes: 2775,
    sha256: "8ecbdbe2be286afb926dbf10e467a6910d48ae5c962a00457547f2d471894bb2"
  },
  {
    path: "training/train.py",
    bytes: 30148,
    sha256: "222c750f49a7ff7e70d417f4d717995fb9d9916a434bcf769be1b00193a1ea42"
  },
  {
    path: "unet/config.json",
    bytes: 1717,
    sha256: "596dbfbfb7ee1a95fac5f09a5c371b4cd9d019c006e095e0c7cc1a3f81c884e4"
  },
  {
    path: "unet/model.onnx",
    bytes: 15113432,
    sha256: "1b6c6fa54e49050a5725b216539b440b2b29e860ef10157550807ad25ecf61b7"
  },
  {
    path: "vae_decoder/config.json",
    bytes: 721,
    sha256: "2cb74e8acedf0882d4565f602d306b8fc22849d1ad5c58f569c24724ab3cf198"
  },
  {
    path: "vae_decoder/model.onnx",
    bytes: 3825983,
    sha256: "dad490707e9f01adcab22c44e049a48feefd2b8922ff70f017c375d4d683e636"
  },
  {
    path: "vae_encoder/config.json",
    bytes: 721,
    sha256: "2cb74e8acedf0882d4565f602d306b8fc22849d1ad5c58f569c24724ab3cf198"
  },
  {
    path: "vae_encoder/model.onnx",
    bytes: 2314320,
    sha256: "84640d9e3aa7a4865dee998404a45b12761c0ea0257096152cdfe14d73265831"
  }
]

/** Fitted to the reference pictures. */
export const latentRgb = [
  [53.414, 1.317, 14.891],
  [-37.107, -79.133, -73.076],
  [18.639, -13.258, -62.119],
  [17.198, 17.768, -41.405],
  [157.993, 149.623, 152.738]
]
