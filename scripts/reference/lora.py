"""LoRA and LoKr files expanded by sd-mecha 1.1.5: cases for the conformance test.

    scripts/reference/run.sh lora.py FOLDER
    MECHA_CONFORMANCE=FOLDER go test ./tests -run Conformance

writes a case for every form of factors (LoRA, plain and tucker, with and without alpha; LoKr with
factors that are stored, products, or tucker), for ranks from 1 to 300, for half and double
precision, and for conversions that go on to another layout. The reference fails on tucker LoKr,
because the product it takes is not contiguous in memory; here it is made so.
"""
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file

import sd_mecha
from sd_mecha.extensions import model_configs
from sd_mecha.extensions.builtin import lycoris

OUT = pathlib.Path(sys.argv[1])
LINEAR = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"
POINT = "unet.down_blocks.0.attentions.0.proj_in.weight"
CONV = "unet.down_blocks.0.resnets.0.conv1.weight"
TEXT = "te.text_model.encoder.layers.0.mlp.fc1.weight"
FUSED = "te2.text_model.encoder.layers.1.self_attn.{}_proj.weight"
CROSS = "unet.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
PROJECTION = "te2.text_projection.weight"

rebuild = lycoris.rebuild_tucker
lycoris.rebuild_tucker = lambda *args: rebuild(*args).contiguous()


def random(*shape, dtype):
    return (torch.randn(*shape) * 0.1).to(dtype)


def lora(rank, tucker=False, alpha=True, dtype=torch.float16):
    def factors(rows, columns, *kernel):
        ones = [1] * len(kernel)
        f = {"lora_up.weight": random(rows, rank, *ones, dtype=dtype), "lora_down.weight": random(rank, columns, *kernel, dtype=dtype)}
        if tucker:
            f["lora_mid.weight"] = random(rank, rank + 1, *kernel, dtype=dtype)
            f["lora_down.weight"] = random(rank + 1, columns, *ones, dtype=dtype)
        if alpha:
            f["alpha"] = torch.tensor(rank / 2 + 0.3, dtype=dtype)
        return f
    return factors


def lokr(a, c, product, second, alpha, rank=3, dtype=torch.float16):
    def factors(rows, columns, *kernel):
        b, d = rows // a, columns // c
        f = {"lokr_w1": random(a, c, dtype=dtype)}
        if product:
            f = {"lokr_w1_a": random(a, rank, dtype=dtype), "lokr_w1_b": random(rank, c, dtype=dtype)}
        if second == "stored":
            f["lokr_w2"] = random(b, d, *kernel, dtype=dtype)
        elif second == "product":
            f |= {"lokr_w2_a": random(b, rank + 1, dtype=dtype), "lokr_w2_b": random(rank + 1, d, *kernel, dtype=dtype)}
        else:
            f |= {"lokr_t2": random(rank, rank + 1, *kernel, dtype=dtype), "lokr_w2_a": random(rank, b, dtype=dtype), "lokr_w2_b": random(rank + 1, d, dtype=dtype)}
        if alpha:
            f["alpha"] = torch.tensor(2.25, dtype=dtype)
        return f
    return factors


def stem(prefix, key):
    return "_".join([prefix, *key.removesuffix(".weight").split(".")])


def case(name, base, kind, targets, sgm=False, dtype=torch.float32, tolerance="rel:1e-5"):
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    prefix = {"kohya": "lora", "lycoris": "lycoris"}[kind]
    config = f"{base}_{kind}_lora"
    keys = model_configs.resolve(base).keys()
    tensors = {f"{stem(prefix, key)}.{suffix}": x.contiguous() for key, factors in targets.items() for suffix, x in factors(*keys[key].shape).items()}
    save_file(tensors, folder / "a.safetensors")
    lines = ["version 0.1.0", f'model "a.safetensors" model_config="{config}" merge_space="weight"', f"merge \"convert_'{config}'_to_base\" &0"]
    if sgm:
        lines.append(f"merge \"convert_'{base}'_to_'sdxl-sgm'\" &1")
    (folder / "recipe.mecha").write_text("\n".join(lines))
    recipe = sd_mecha.deserialize([line.replace("a.safetensors", str(folder / "a.safetensors")) for line in lines])
    sd_mecha.merge(recipe, output=folder / "expected.safetensors", merge_device="cpu", output_device="cpu", merge_dtype=dtype, output_dtype=dtype, strict_merge_space="delta")
    text = str(dtype).removeprefix("torch.")
    (folder / "case.json").write_text(json.dumps({"name": name, "merge_dtype": text, "output_dtype": text, "tolerance": tolerance, "keys": "same",
                                                  "note": "", "options": {"strict_merge_space": "delta"}, "non_finite_expected": []}))


torch.manual_seed(1)
for kind in ("kohya", "lycoris"):
    case(f"lora_{kind}", "sd1-kohya", kind, {LINEAR: lora(4), POINT: lora(8, alpha=False), CONV: lora(5), TEXT: lora(1, dtype=torch.float32)})
    case(f"lora_{kind}_tucker", "sd1-kohya", kind, {CONV: lora(3, tucker=True), POINT: lora(2, tucker=True, alpha=False)})
case("lora_ranks", "sd1-kohya", "kohya", {LINEAR: lora(300), TEXT: lora(64), POINT: lora(33)})
for product in (False, True):
    for second in ("stored", "product", "tucker"):
        for alpha in (True, False):
            targets = {CONV: lokr(8, 5, product, second, alpha)}
            if second != "tucker":
                targets |= {LINEAR: lokr(4, 16, product, second, alpha), POINT: lokr(1, 320, product, second, alpha), TEXT: lokr(3072, 1, product, second, alpha)}
            case(f"lokr_{'product' if product else 'stored'}_{second}_{'alpha' if alpha else 'plain'}", "sd1-kohya", "lycoris", targets)
case("lora_sgm", "sdxl-kohya", "kohya", {**{FUSED.format(x): lora(4) for x in "qkv"}, CROSS: lora(16), PROJECTION: lora(4)}, sgm=True)
case("lokr_sgm", "sdxl-kohya", "lycoris", {**{FUSED.format(x): lokr(4, 8, False, "stored", False) for x in "qkv"}, CROSS: lokr(2, 2, True, "product", True),
                                           PROJECTION: lokr(4, 8, False, "stored", False)}, sgm=True)
case("lora_f64", "sd1-kohya", "lycoris", {LINEAR: lora(40, dtype=torch.float64), CONV: lokr(8, 5, True, "product", True, dtype=torch.float64)},
     dtype=torch.float64, tolerance="rel:1e-12")
