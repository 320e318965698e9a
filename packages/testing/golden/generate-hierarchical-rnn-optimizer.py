"""Make hierarchical-rnn-optimizer.json again: the hierarchical RNN (Wichrowska et al. 2017) in PyTorch.

    pip install "torch==2.15.*"
    python generate-hierarchical-rnn-optimizer.py

All is float64. Written after the authors' `hierarchical_rnn.py`, with what our rule does otherwise: the RNN of the problem sees the mean of
all tensors (theirs sees the last one), the direction has a bias, and the rate of an element is seen beside those of its tensor.
"""

import json
import math
import random
from pathlib import Path

import torch
from torch import sigmoid

LIMIT = 33
torch.set_default_dtype(torch.float64)
random.seed(0)


def numbers(*shape):
    return torch.tensor([round(random.gauss(0, 0.5), 3) for _ in range(math.prod(shape))]).reshape(shape)


def weights_of(element, tensor, problem, scales):
    shapes, seen = {}, 2 * scales + 1
    for name, inputs, units in [("element", seen, element), ("tensor", seen + element, tensor), ("problem", tensor, problem)]:
        shapes |= {f"{name}.weight_ih": (3 * units, inputs), f"{name}.weight_hh": (3 * units, units), f"{name}.bias": (3 * units,), f"{name}.start": (1, units)}
    linear = {"tensor_to_element": (tensor, 3 * element), "problem_to_element": (problem, 3 * element), "problem_to_tensor": (problem, 3 * tensor)}
    linear |= {name: (element, 1) for name in ("direction", "average_decay", "square_decay", "rate")}
    for name, (inputs, outputs) in linear.items():
        shapes |= {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
    shapes |= {"shortcut": (1, scales), "rate_momentum": (), "step_size": ()}
    return {name: numbers(*shape).requires_grad_() for name, shape in shapes.items()}


def affine(w, name, x):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def bias_gru(w, name, x, h, bias=None):
    ir, iz, ic = w[f"{name}.weight_ih"].chunk(3)
    hr, hz, hc = w[f"{name}.weight_hh"].chunk(3)
    br, bz, bc = (w[f"{name}.bias"] + (0 if bias is None else bias)).chunk(3, -1)
    r = sigmoid(x @ ir.T + h @ hr.T + br)
    u = sigmoid(x @ iz.T + h @ hz.T + bz)
    c = torch.tanh(x @ ic.T + (r * h) @ hc.T + bc)
    return u * h + (1 - u) * c


def move(w, p, g, state, scales, problem, lr):
    g = g.reshape(-1, 1)
    decay, accumulators, scaled, logs, squares = state["inp_decay"], [], [], [], []
    for k in range(scales):
        accumulators.append(g * (1 - decay) + state["accumulators"][k] * decay)
        decay = decay.sqrt()
        # The first mean square is the square itself.
        sd = 0 if state["squares"] is None else state["scl_decay"]
        before = 0 if state["squares"] is None else state["squares"][k]
        squares.append((1 - sd) * (accumulators[k] ** 2 + 1e-12) + sd * before)
        scaled.append(torch.asinh(accumulators[k] / (squares[k] + 1e-16).sqrt()))
        logs.append((squares[k] + 1e-16).log())
    mean = sum(logs) / scales
    x = torch.cat([*scaled, *[m - mean for m in logs], state["log_rate"] - state["log_rate"].mean()], 1)

    bias = affine(w, "tensor_to_element", state["tensor"]) + affine(w, "problem_to_element", problem)
    h = bias_gru(w, "element", x, state["h"], bias)
    tensor = bias_gru(w, "tensor", torch.cat([h, x], 1).mean(0, keepdim=True), state["tensor"], affine(w, "problem_to_tensor", problem))

    delta = affine(w, "direction", h) + torch.cat(scaled, 1) @ w["shortcut"].T
    delta = delta / ((delta**2).mean() + 1e-16).sqrt()
    step_log = state["log_rate"] + affine(w, "rate", h)
    step_log = step_log + (step_log.clamp(-LIMIT, LIMIT) - step_log).detach()
    momentum = sigmoid(w["rate_momentum"])
    after = {
        "h": h,
        "tensor": tensor,
        "accumulators": accumulators,
        "squares": squares,
        "inp_decay": sigmoid(affine(w, "average_decay", h)),
        "scl_decay": sigmoid(affine(w, "square_decay", h)),
        "log_rate": momentum * state["log_rate"] + (1 - momentum) * step_log,
    }
    return p - lr * (torch.exp(step_log + w["step_size"]) * delta).reshape(p.shape), after


def run(units, scales, lr, start_rate, starts, grads):
    w = weights_of(*units, scales)
    values, states, problem = [torch.tensor(x) for x in starts], [None] * len(starts), w["problem.start"]
    trajectory = []
    for step in grads:
        tensors = []
        for i, g in enumerate(step):
            if g is None:
                continue
            n = values[i].numel()
            state = states[i] or {
                "h": w["element.start"].expand(n, -1),
                "tensor": w["tensor.start"],
                "accumulators": [torch.zeros(n, 1)] * scales,
                "squares": None,
                "inp_decay": torch.zeros(n, 1),
                "scl_decay": torch.zeros(n, 1),
                "log_rate": torch.full((n, 1), math.log(start_rate)),
            }
            values[i], states[i] = move(w, values[i], torch.tensor(g), state, scales, problem, lr)
            tensors.append(states[i]["tensor"])
        problem = bias_gru(w, "problem", torch.cat(tensors).mean(0, keepdim=True), problem)
        trajectory.append([v.flatten().tolist() for v in values])
    loss = sum((v**2).sum() for v in values)
    meta = torch.autograd.grad(loss, list(w.values()), allow_unused=True)
    return {
        "architecture": dict(zip(["elementUnits", "tensorUnits", "problemUnits"], units)) | {"scales": scales},
        "lr": lr,
        "startRate": start_rate,
        "weights": {name: x.tolist() for name, x in w.items()},
        "starts": starts,
        "grads": grads,
        "trajectory": trajectory,
        "metaGradient": {name: torch.zeros_like(x).tolist() if g is None else g.tolist() for (name, x), g in zip(w.items(), meta)},
    }


if __name__ == "__main__":
    matrix, scalar, vector = [[1.0, -2.0], [0.5, 0.0]], 3.0, [0.25, -1.0, 2.0]
    steps = [[[[0.0, 1e-9 * s], [0.01 * s, -0.3]], 2.0 * s, [40.0 * s, 1e3, -0.5 * s]] for s in (1.0, -1.0, 1.0, 1.0)]
    late = [[step[0], None if t == 0 else step[1], step[2]] for t, step in enumerate(steps)]
    golden = {
        "source": "PyTorch 2.15.0",
        "cases": [
            run((3, 2, 2), 3, 1.0, 0.01, [matrix, scalar, vector], steps),
            run((2, 3, 1), 4, 0.5, 0.1, [matrix, scalar, vector], late),
            run((2, 2, 2), 2, 1e-14, 1e15, [vector], [step[2:] for step in steps]),
        ],
    }
    path = Path(__file__).parent / "hierarchical-rnn-optimizer.json"
    path.write_text(json.dumps(golden, separators=(",", ":"), allow_nan=False))
