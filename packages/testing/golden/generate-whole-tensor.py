"""Make optimizers-whole-tensor.json again, from PyTorch and from the packages of timm and of the authors.

    pip install "torch==2.15.*" timm==1.0.31 prodigyopt==1.1.2 dadaptation==3.2
    python generate-whole-tensor.py

All is float64, so that a test can tell a rounding error from another formula. Every option appears with a value
that is not its default. The gradients are the same whatever the weights are: `problems` holds them once.
"""

import json
import random
from pathlib import Path
from unittest import mock

import dadaptation
import prodigyopt
import torch
from dadaptation.dadapt_lion import DAdaptLion
from timm.optim.lamb import Lamb
from timm.optim.lars import Lars

STEPS = 6
torch.set_default_dtype(torch.float64)
random.seed(0)


def problem(*shapes):
    """Two parameters, and gradients that agree about a direction; the second one lacks one of them."""
    numbers = lambda shape: [round(random.gauss(0, 1), 3) for _ in range(torch.Size(shape).numel())]
    start, way = [numbers(s) for s in shapes], [numbers(s) for s in shapes]
    noisy = lambda i: [round(x + 0.3 * y, 3) for x, y in zip(way[i], numbers(shapes[i]))]
    grads = [[noisy(0), None if t == 2 else noisy(1)] for t in range(STEPS)]
    return {"shapes": [list(s) for s in shapes], "params": start, "grads": grads}


PROBLEMS = {"matrices": problem((3, 2), (2, 4)), "mixed": problem((3, 2), (4,))}

NO_CLIP = {"max_grad_norm": None, "foreach": False}
CASES = [
    ("Adafactor", torch.optim.Adafactor, {}, {}),
    ("Adafactor", torch.optim.Adafactor, {"lr": 2.0, "beta2_decay": -0.3, "eps": (0.5, 2.0), "d": 2.0, "weight_decay": 0.1, "maximize": True}, {}),
    ("Muon", torch.optim.Muon, {}, {}),
    ("Muon", torch.optim.Muon, {"lr": 0.1, "weight_decay": 0.3, "momentum": 0.5, "nesterov": False, "ns_coefficients": (2.0, -1.5, 0.5), "eps": 3.0, "ns_steps": 3, "adjust_lr_fn": "match_rms_adamw"}, {}),
    ("Muon", torch.optim.Muon, {"lr": 0.1, "adjust_lr_fn": "spectral_unclamped"}, {}),
    # timm ages a group, and not a parameter: these have all gradients.
    ("LAMB", Lamb, {"lr": 0.1}, NO_CLIP),
    ("LAMB", Lamb, {"lr": 0.5, "bias_correction": False, "betas": (0.8, 0.9), "eps": 0.1, "grad_averaging": False, "trust_clip": True, "decoupled_decay": True, "weight_decay": 0.1}, NO_CLIP),
    ("LAMB", Lamb, {"lr": 0.1, "weight_decay": 0.0, "always_adapt": False}, NO_CLIP),
    ("LAMB", Lamb, {"lr": 0.1, "weight_decay": 0.0, "always_adapt": True}, NO_CLIP),
    ("LARS", Lars, {"weight_decay": 0.1, "trust_coeff": 0.1, "momentum": 0.9, "nesterov": True}, {"foreach": False}),
    ("LARS", Lars, {"lr": 0.5, "momentum": 0.5, "dampening": 0.2, "trust_coeff": 0.5, "eps": 0.5, "trust_clip": True, "always_adapt": True}, {"foreach": False}),
    ("LARS", Lars, {"lr": 0.1, "always_adapt": False}, {"foreach": False}),
    ("Prodigy", prodigyopt.Prodigy, {}, {}),
    ("Prodigy", prodigyopt.Prodigy, {"lr": 0.5, "betas": (0.8, 0.95), "beta3": 0.7, "eps": 0.1, "weight_decay": 0.1, "decouple": False, "use_bias_correction": True, "safeguard_warmup": True, "d0": 1e-3, "d_coef": 2.0, "growth_rate": 1.5, "slice_p": 2}, {}),
    ("Prodigy", prodigyopt.Prodigy, {"betas": (0.0, 0.9), "weight_decay": 0.1, "d0": 1e-2}, {}),
    ("Prodigy", prodigyopt.Prodigy, {"d0": 1e-2, "d_coef": 8.0, "growth_rate": 1.01}, {}),
    ("DAdaptAdam", dadaptation.DAdaptAdam, {}, {}),
    ("DAdaptAdam", dadaptation.DAdaptAdam, {"lr": 0.5, "betas": (0.8, 0.95), "eps": 0.1, "weight_decay": 0.1, "use_bias_correction": True, "d0": 1e-2, "growth_rate": 1.5}, {}),
    ("DAdaptAdam", dadaptation.DAdaptAdam, {"weight_decay": 0.1, "decouple": True, "d0": 1e-2, "layer_scale": 2.0}, {}),
    ("DAdaptSGD", dadaptation.DAdaptSGD, {}, {}),
    ("DAdaptSGD", dadaptation.DAdaptSGD, {"lr": 0.5, "momentum": 0.7, "weight_decay": 0.1, "d0": 0.1, "growth_rate": 1.3}, {}),
    ("DAdaptAdaGrad", dadaptation.DAdaptAdaGrad, {}, {}),
    ("DAdaptAdaGrad", dadaptation.DAdaptAdaGrad, {"lr": 0.5, "momentum": 0.7, "weight_decay": 0.1, "eps": 0.1, "d0": 0.1, "growth_rate": 1.3}, {}),
    ("DAdaptLion", DAdaptLion, {}, {}),
    ("DAdaptLion", DAdaptLion, {"lr": 0.5, "betas": (0.5, 0.9), "weight_decay": 0.1, "d0": 0.1}, {}),
]


def camel(name):
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def trajectory(name, optimizer_class, options, fixed):
    kind = "matrices" if name == "Muon" else "mixed"
    given = PROBLEMS[kind]
    parameters = [torch.nn.Parameter(torch.tensor(x).reshape(s)) for x, s in zip(given["params"], given["shapes"])]
    of_groups = {key: value for key, value in options.items() if key == "layer_scale"}
    of_all = {key: value for key, value in options.items() if key not in of_groups}
    optimizer = optimizer_class([{"params": parameters, **of_groups}], **of_all, **fixed)
    steps, distances = [], []
    for gradients in given["grads"]:
        if name == "LAMB" and None in gradients:
            continue
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = None if gradient is None else torch.tensor(gradient).reshape(parameter.shape)
        with mock.patch.object(torch, "bfloat16", torch.float64):  # in which Muon iterates
            optimizer.step()
        steps.append([parameter.flatten().tolist() for parameter in parameters])
        distances.append(optimizer.param_groups[0].get("d"))
    case = {"optimizer": name, "options": {camel(key): value for key, value in options.items()}, "problem": kind, "trajectory": steps}
    return case if name in ("Adafactor", "Muon", "LAMB", "LARS") else case | {"d": distances}


if __name__ == "__main__":
    golden = {
        "source": "PyTorch 2.15.0, timm 1.0.31, prodigyopt 1.1.2, dadaptation 3.2",
        "problems": PROBLEMS,
        "cases": [trajectory(*case) for case in CASES],
    }
    path = Path(__file__).parent / "optimizers-whole-tensor.json"
    path.write_text(json.dumps(golden, separators=(",", ":"), allow_nan=False))
