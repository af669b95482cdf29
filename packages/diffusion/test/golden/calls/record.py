"""Records what diffusers' pipelines make of calls, over models made of arithmetic: `python record.py > calls.json`.

The models are those of ../../support/fakes.ts, so what is compared is the logic of the pipelines alone: order and number of
draws, schedules, sizes, batches. Made with diffusers 58eb52c (0.40.0.dev0), torch 1.13.1 (CPU). Tensors among the arguments
are draws, `{"randn": [seed, shape]}`; results are the last latents, or the pictures where the call crops.
"""
import base64
import json
import types
import warnings

import numpy as np
import PIL.Image
import torch

warnings.simplefilter("ignore")
import diffusers
from diffusers.guiders import ClassifierFreeGuidance
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.utils import logging
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

logging.set_verbosity(50)
torch.set_grad_enabled(False)
LENGTH, WIDTH, SCALE = 4, 2, 2
f64 = lambda tensor: tensor.numpy().astype(np.float64)
f32 = lambda array: torch.from_numpy(np.asarray(array).astype(np.float32))


class Tokenizer(CLIPTokenizer):
    def __init__(self):
        self.model_max_length, self.added_tokens_encoder = LENGTH, {}

    def tokenize(self, text):
        return list(text)

    def __call__(self, texts, padding=None, max_length=None, truncation=False, return_tensors=None):
        rows = [[ord(c) for c in text] for text in ([texts] if isinstance(texts, str) else texts)]
        length = max_length if padding == "max_length" else max(map(len, rows))
        rows = [(row[:length] if truncation else row) + [0] * (length - len(row)) for row in rows]
        return types.SimpleNamespace(input_ids=torch.tensor(rows), attention_mask=None)

    def batch_decode(self, rows):
        return ["".join(map(chr, row)) for row in rows.tolist()]


class Named(dict):
    def __getattr__(self, name):
        return dict.__getitem__(self, name)

    def __getitem__(self, key):
        return list(self.values())[key] if isinstance(key, int) else dict.__getitem__(self, key)


def text_encoder(base, pooled):
    class Fake(base):
        dtype, device = torch.float32, torch.device("cpu")

        def __init__(self):
            torch.nn.Module.__init__(self)
            self.config = types.SimpleNamespace(projection_dim=1, use_attention_mask=False)

        def forward(self, ids, attention_mask=None, output_hidden_states=False):
            def states(layer):
                return f32(np.sin(f64(ids)[:, :, None] + np.arange(WIDTH) + layer))

            first = {"text_embeds": f32(f64(ids[:, :1]) / 100)} if pooled else {"last_hidden_state": states(0)}
            return Named(first, hidden_states=(states(3), states(2), states(1)))

    Fake.__name__ = base.__name__
    return Fake()


def unet(xl, channels, guidance):
    model = diffusers.UNet2DConditionModel(
        sample_size=4, in_channels=channels, out_channels=4, block_out_channels=(2, 2), norm_num_groups=1, layers_per_block=1, attention_head_dim=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=2 * WIDTH if xl else WIDTH, time_cond_proj_dim=guidance,
        **(dict(addition_embed_type="text_time", addition_time_embed_dim=2, projection_class_embeddings_input_dim=6 * 2 + 1) if xl else {}),
    )

    def forward(sample, timestep, encoder_hidden_states=None, timestep_cond=None, added_cond_kwargs=None, return_dict=True, **_):
        mood = f64(encoder_hidden_states).reshape(len(sample), -1).sum(1)
        if added_cond_kwargs:
            mood = mood + (f64(added_cond_kwargs["text_embeds"])[:, 0] + f64(added_cond_kwargs["time_ids"])[:, 0] / 100)
            # the crop of the unconditional prediction counts too
            mood = mood + f64(added_cond_kwargs["time_ids"])[:, 2] / 10
        if timestep_cond is not None:
            mood = mood + f64(timestep_cond)[:, 0]
        out = f32(0.5 * f64(sample[:, :4]) + 0.1 * mood[:, None, None, None] + float(timestep) / 10_000)
        if channels == 9:
            out = f32(f64(out) + 0.3 * f64(sample[:, 4:5]) + 0.2 * f64(sample[:, 5:9]))
        return (out,) if not return_dict else types.SimpleNamespace(sample=out)

    model.forward = forward
    return model


def vae():
    model = diffusers.AutoencoderKL(block_out_channels=(2, 2), down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2, norm_num_groups=1, layers_per_block=1, latent_channels=4, scaling_factor=0.5, force_upcast=False)

    def encode(pixels, return_dict=True):
        mean = pixels[:, [0, 1, 2, 0], ::SCALE, ::SCALE]
        return AutoencoderKLOutput(latent_dist=DiagonalGaussianDistribution(torch.cat([mean, torch.full_like(mean, -4)], 1)))

    def decode(latents, return_dict=True, generator=None):
        sample = latents[:, :3].repeat_interleave(SCALE, 2).repeat_interleave(SCALE, 3)
        return DecoderOutput(sample=sample) if return_dict else (sample,)

    model.encode, model.decode = encode, decode
    return model


def picture(height=8, width=8):
    x = np.tile(np.arange(width), (height, 1))
    return PIL.Image.fromarray(np.stack([30 * x % 256] * 3, -1).astype(np.uint8))


def mask(height=8, width=8):
    return PIL.Image.fromarray((np.tile(np.arange(width), (height, 1)) >= width / 2).astype(np.uint8) * 255)


def argument(value):
    if not isinstance(value, dict):
        return tuple(value) if isinstance(value, list) and len(value) == 2 and all(isinstance(v, int) for v in value) else value
    (kind, given), = value.items()
    if kind == "randn":
        return torch.randn(given[1], generator=torch.Generator().manual_seed(given[0]))
    return {"picture": picture, "mask": mask}[kind](*given)


FAMILIES = {"text": "StableDiffusionPipeline", "image": "StableDiffusionImg2ImgPipeline", "inpaint": "StableDiffusionInpaintPipeline", "lcm": "LatentConsistencyModelPipeline", "lcm_image": "LatentConsistencyModelImg2ImgPipeline"}


def run(case):
    family, call = case["family"], {name: argument(value) for name, value in case["call"].items()}
    name, options = case.get("scheduler", ["DDIMScheduler", {"clip_sample": False, "steps_offset": 1}])
    scheduler = getattr(diffusers, name)(**options)
    seed = case.get("seed", 1)
    make = lambda one: torch.Generator("cpu").manual_seed(one)
    call["generator"] = [make(one) for one in seed] if isinstance(seed, list) else make(seed)
    call["output_type"] = "pil" if "padding_mask_crop" in call else "latent"
    models = dict(unet=unet(family == "xl", case.get("channels", 4), case.get("guidance")), vae=vae(), text_encoder=text_encoder(CLIPTextModel, False), tokenizer=Tokenizer(), scheduler=scheduler)
    if family == "xl":
        pipe = diffusers.StableDiffusionXLModularPipeline(blocks=diffusers.StableDiffusionXLAutoBlocks())
        pipe.update_components(**models, text_encoder_2=text_encoder(CLIPTextModelWithProjection, True), tokenizer_2=Tokenizer(), guider=ClassifierFreeGuidance(**case.get("guider", {})), **case.get("config", {}))
        return pipe(**call).values["images"]
    pipe = getattr(diffusers, FAMILIES[family])(**models, safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe(**call).images


R = lambda seed, *shape: {"randn": [seed, list(shape)]}
IMAGE, MASK = {"picture": [8, 8]}, {"mask": [8, 8]}
PAINT = dict(image=IMAGE, mask_image=MASK)
TCD, PNDM, HEUN = ["TCDScheduler", {}], ["PNDMScheduler", {"skip_prk_steps": True, "steps_offset": 1}], ["HeunDiscreteScheduler", {}]
EULER, ANCESTRAL, LCM = ["EulerDiscreteScheduler", {"timestep_spacing": "leading"}], ["EulerAncestralDiscreteScheduler", {}], ["LCMScheduler", {}]
CASES = []


def case(name, family, call, **more):
    CASES.append(dict(name=name, family=family, call=dict(prompt="cat", num_inference_steps=4) | call, **more))


case("TCD is given eta 0", "text", {}, scheduler=TCD)
case("TCD with an eta", "image", dict(image=IMAGE, strength=0.8, eta=0.6), scheduler=TCD)
case("eta counts for nothing in PNDM", "text", dict(eta=0.7), scheduler=PNDM)
case("given latents settle the size", "text", dict(latents=R(3, 1, 4, 8, 4)))
case("one seed in a list, two pictures", "text", dict(num_images_per_prompt=2), seed=[1])
case("timesteps beside sigmas", "text", dict(timesteps=[901, 1], sigmas=[10.0, 1.0]), scheduler=EULER)
case("several pictures of several prompts", "text", dict(prompt=["cat", "dog"], negative_prompt=["x", "yz"], num_images_per_prompt=2), scheduler=ANCESTRAL, seed=[1, 2, 3, 4])
case("short text states, negative text", "text", dict(prompt=None, prompt_embeds=R(5, 1, 3, 2), negative_prompt="abcd"))
case("short text states", "image", dict(prompt=None, image=IMAGE, prompt_embeds=R(5, 2, 2, 2)))
case("latents as picture", "image", dict(image=R(6, 1, 4, 4, 8), strength=0.6))
case("latents as pictures", "image", dict(prompt=["cat", "dog"], image=R(6, 2, 4, 4, 4), num_images_per_prompt=2), seed=[1, 2, 3, 4])
case("PNDM's own extra model call at strength 0", "image", dict(image=IMAGE, strength=0.0), scheduler=PNDM)
case("no step to inpaint", "inpaint", dict(PAINT, strength=0.2), scheduler=PNDM)
case("inpainting at the model's size", "inpaint", dict(image={"picture": [16, 24]}, mask_image={"mask": [24, 8]}, strength=0.6))
case("inpainting at a size", "inpaint", dict(image={"picture": [16, 24]}, mask_image={"mask": [8, 8]}, height=16))
case("inpainting, given latents", "inpaint", dict(PAINT, strength=0.6, latents=R(7, 1, 4, 4, 4)), scheduler=ANCESTRAL)
case("inpainting, 9 channels", "inpaint", dict(PAINT, strength=0.6), channels=9, scheduler=ANCESTRAL)
case("inpainting, 9 channels, given latents", "inpaint", dict(PAINT, strength=0.6, latents=R(7, 1, 4, 4, 4)), channels=9, scheduler=ANCESTRAL)
case("inpainting, 9 channels, given masked latents", "inpaint", dict(PAINT, strength=0.6, masked_image_latents=R(8, 1, 4, 4, 4)), channels=9, scheduler=ANCESTRAL)
case("inpainting, 4 channels, given masked latents", "inpaint", dict(PAINT, strength=0.6, masked_image_latents=R(8, 1, 4, 4, 4)), scheduler=ANCESTRAL)
case("inpainting, 9 channels, two pictures for four", "inpaint", dict(PAINT, image=R(9, 2, 3, 8, 8), prompt=["cat", "dog"], num_images_per_prompt=2), channels=9, seed=[1, 2, 3, 4])
case("inpainting of a part", "inpaint", dict(PAINT, padding_mask_crop=1, strength=0.8))
case("LCM", "lcm", dict(prompt=["cat", "dog"], num_images_per_prompt=2, guidance_scale=3.5), guidance=8, scheduler=LCM)
case("LCM, one side", "lcm", dict(height=16, original_inference_steps=20), guidance=7, scheduler=LCM, seed=[3])
case("LCM wants its scheduler", "lcm", {}, guidance=8)
case("LCM over a picture", "lcm_image", dict(image=IMAGE, strength=0.5, num_inference_steps=3), guidance=8, scheduler=LCM)
case("LCM over a picture, given latents", "lcm_image", dict(image=IMAGE, latents=R(7, 1, 4, 4, 4)), guidance=8, scheduler=LCM)
case("LCM over latents", "lcm_image", dict(image=R(6, 1, 4, 4, 4), num_images_per_prompt=2), guidance=8, scheduler=LCM, seed=[4, 5])
case("own timesteps count as model calls", "image", dict(image=IMAGE, timesteps=[836, 640, 243, 100], strength=0.7), scheduler=HEUN)
case("own timesteps, too little strength", "image", dict(image=IMAGE, timesteps=[836, 640, 243, 100], strength=0.3), scheduler=HEUN)
case("own timesteps, too little strength to paint", "inpaint", dict(PAINT, timesteps=[836, 640, 243], strength=0.3), scheduler=HEUN)
case("own timesteps count as model calls for a guider", "xl", dict(timesteps=[836, 640, 243]), scheduler=HEUN, guider=dict(stop=0.6))
case("several pictures of several prompts", "xl", dict(prompt=["cat", "dog"], prompt_2=["a", "b"], num_images_per_prompt=2), scheduler=EULER)
case("an empty second prompt is none", "xl", dict(prompt_2="", negative_prompt="x", negative_prompt_2=""))
case("second prompts that are too few", "xl", dict(prompt=["cat", "dog", "cow"], prompt_2=["a", "b"]))
case("given latents settle the size", "xl", dict(latents=R(3, 1, 4, 4, 8)))
case("the end of the denoising left out", "xl", dict(denoising_end=0.0))
case("the end of the denoising before its first step", "xl", dict(denoising_end=0.1))
case("the negative crop of words", "xl", dict(crops_coords_top_left=[1, 2], negative_crops_coords_top_left=[3, 4], negative_original_size=[8, 8], negative_target_size=[8, 8], negative_prompt="x"))
case("the negative crop over a picture", "xl", dict(image=IMAGE, strength=0.8, crops_coords_top_left=[1, 2], negative_crops_coords_top_left=[3, 4], negative_prompt="x"))
case("an end after the last step, with a guider's share", "xl", dict(image=IMAGE, strength=0.8, denoising_end=0.9999, num_inference_steps=5), scheduler=HEUN, guider=dict(guidance_scale=4.0, stop=0.8))
case("begun at nothing", "xl", dict(image=IMAGE, strength=0.8, denoising_start=0.0))
case("begun at the end", "xl", dict(image=IMAGE, denoising_start=0.999))
case("begun and ended", "xl", dict(image_latents=R(6, 1, 4, 4, 4), denoising_start=0.3, denoising_end=0.8, num_inference_steps=7), scheduler=HEUN)
case("ended before it began", "xl", dict(image_latents=R(6, 1, 4, 4, 4), denoising_start=0.8, denoising_end=0.3, num_inference_steps=7))
case("inpainting that has begun", "xl", dict(PAINT, denoising_start=0.4), scheduler=EULER)
case("inpainting that has begun, given latents", "xl", dict(PAINT, denoising_start=0.4, latents=R(7, 1, 4, 4, 4)), scheduler=EULER)
case("inpainting that has begun, 9 channels", "xl", dict(PAINT, denoising_start=0.4), channels=9, scheduler=ANCESTRAL)
case("inpainting at the model's size", "xl", dict(image={"picture": [16, 24]}, mask_image={"mask": [24, 8]}, strength=0.6))
case("inpainting, given latents, no step", "xl", dict(PAINT, strength=0.1, latents=R(7, 1, 4, 4, 4)))
case("strength that leaves no step", "xl", dict(image=IMAGE, strength=0.1))
case("a UNet that guides itself", "xl", dict(negative_prompt="x"), guidance=8, guider=dict(guidance_scale=3.0))

for item in CASES:
    try:
        result = run(item)
        pixels = isinstance(result, list)
        array = np.stack([np.array(image) for image in result]) if pixels else result.numpy()
        assert np.isfinite(array).all(), item["name"]
        if array.size == 0 or len(array) == 0:
            raise RuntimeError("nothing is made")
        item["images" if pixels else "latents"] = {"shape": list(array.shape), "base64": base64.b64encode(array.tobytes()).decode()}
    except Exception as error:
        item["error"] = f"{type(error).__name__}: {error}"[:200]
print(json.dumps({"made": "by diffusers 58eb52c (0.40.0.dev0), torch 1.13.1: see record.py beside this file", "cases": CASES}, indent=1))
