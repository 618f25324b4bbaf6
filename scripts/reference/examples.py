"""The recipes of examples/ in Python, for sd-mecha 1.1.5: makes the .mecha text beside each .star.

    scripts/reference/run.sh examples.py [FOLDER]

writes FOLDER/NAME.mecha (examples/ if none is named) for every function below, with sd-mecha
itself, and prints how long each recipe is in Python and in Starlark. Tests compare the graphs.
"""
import inspect
import pathlib
import sys

import sd_mecha
from sd_mecha import model
from sd_mecha.extensions import merge_methods

ROOT = pathlib.Path(__file__).resolve().parents[2]


def registered(name):
    """The method of the registry, where the function of the library has a defect."""
    return merge_methods.resolve(name)


def weighted_sum():
    a = model("photo.safetensors")
    b = model("paint.safetensors")
    return sd_mecha.weighted_sum(a, b)


def add_perpendicular():
    a = model("photo.safetensors")
    b = model("paint.safetensors")
    base = model("base.safetensors")
    return sd_mecha.add_perpendicular(a, b, base)


def dropout():
    base = model("base.safetensors")
    a = model("photo.safetensors")
    b = model("paint.safetensors")
    return sd_mecha.dropout(base, a, b, probability=0.9, alpha=0.5, seed=0)


def components():
    a = model("photo.safetensors")
    b = model("paint.safetensors")
    base = model("base.safetensors")
    unet = sd_mecha.weighted_sum(a, b)
    return sd_mecha.pick_component(unet, "diffuser") | sd_mecha.add_perpendicular(a, b, base)


def n_average():
    names = ["photo", "paint", "anime", "line", "render"]
    return sd_mecha.n_average(*[model(name + ".safetensors") for name in names])


def ties():
    # add_difference_ties compares the merge space of a model with that of a merge, and fails
    names = ["photo", "paint", "anime", "line"]
    base = model("base.safetensors")
    deltas = [sd_mecha.subtract(model(name + ".safetensors"), base) for name in names]
    return registered("add_difference")(base, sd_mecha.ties_sum(*deltas, k=1.0), alpha=0.5) | base


def rotate():
    # the function of the library calls a method that nodes do not have, and fails
    a = model("photo.safetensors")
    b = model("paint.safetensors")
    return registered("rotate")(a, b, alignment=1.0, alpha=0.0)


def lora():
    # convert would open the files; its result is this
    base = model("photo.safetensors", "sd1-kohya")
    lora = registered("convert_'sd1-kohya_kohya_lora'_to_base")(model("style.safetensors", "sd1-kohya_kohya_lora"))
    return registered("add_difference")(base, lora, alpha=0.8) | base


def loop():
    base = model("base.safetensors")
    out = base
    for i, name in enumerate(["photo", "paint", "anime"]):
        out = out + (model(name + ".safetensors") - base) * (0.5 / (i + 1))
    return out


def blocks():
    a = model("photo.safetensors")
    b = model("paint.safetensors")
    weights = {"BASE": 0.0} | {f"IN0{i}": i / 8 for i in range(9)} | {"M00": 1.0}
    weights = sd_mecha.literal(weights)
    return sd_mecha.weighted_sum(a, b, alpha=sd_mecha.convert(weights, "sdxl-sgm") | 0.25)


def average_of_ten():
    return sd_mecha.n_average(*[model(f"epoch-{i}.safetensors") for i in range(1, 11)])


def fallbacks():
    names = ["unet", "text-encoder", "vae", "complete"]
    parts = [model(name + ".safetensors") for name in names]
    out = parts[0]
    for part in parts[1:]:
        out = out | part
    return out.to(dtype="float16")


def mask():
    a = model("photo.safetensors")
    b = model("paint.safetensors")
    base = model("base.safetensors")
    mask = sd_mecha.add_opposite_mask(a, b, base, alpha=0.5)
    return sd_mecha.weighted_sum(a, b, alpha=mask)


def parameters(alpha=0.5, dtype="float16", steps=2):
    x, y = model("photo.safetensors"), model("paint.safetensors")
    for _ in range(steps):
        x, y = sd_mecha.weighted_sum(x, y, alpha=alpha), sd_mecha.slerp(y, x, alpha=alpha)
    return sd_mecha.n_average(x, y).to(dtype=dtype)


EXAMPLES = [weighted_sum, add_perpendicular, dropout, components, n_average, ties, rotate, lora,
            loop, blocks, average_of_ten, fallbacks, mask, parameters]


def lines(text):
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "examples"
    for f in EXAMPLES:
        text = sd_mecha.serialize(f(), finalize=False)
        (folder / f"{f.__name__}.mecha").write_text(text)
        python = lines(inspect.getsource(f)) - (0 if inspect.signature(f).parameters else 1)
        star = lines((ROOT / "examples" / f"{f.__name__}.star").read_text())
        print(f"{f.__name__:20} {python:3} lines of Python, {star:3} of Starlark")
        assert star <= python, f.__name__


if __name__ == "__main__":
    main()
