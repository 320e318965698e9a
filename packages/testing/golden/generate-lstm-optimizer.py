"""Make lstm-optimizer.json again: the coordinate-wise LSTM (Andrychowicz et al. 2016) out of PyTorch's cells.

    pip install "torch==2.15.*"
    python generate-lstm-optimizer.py

All is float64. Gradients go from zero over the edge of the preprocessing, e^-p, to large ones.
"""

import json
import math
import random
from pathlib import Path

import torch

STEPS, LR = 4, 0.1
EPSILON = 2**-23
torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
random.seed(0)


def numbers(*shape):
    return torch.tensor([round(random.gauss(0, 0.5), 3) for _ in range(math.prod(shape))]).reshape(shape)


def log_and_sign(g, p):
    logs = torch.log(g.abs() + EPSILON) / p
    return torch.stack([logs.clamp(min=-1), (g * math.exp(p)).clamp(-1, 1)], 1)


def trajectory(units, layers, preprocessing):
    cells = [torch.nn.LSTMCell(2 if k == 0 else units, units) for k in range(layers)]
    output = torch.nn.Linear(units, 1)
    weights = {}
    for k, cell in enumerate(cells):
        given = {"weight_ih": numbers(4 * units, cell.input_size), "weight_hh": numbers(4 * units, units), "bias": numbers(4 * units)}
        weights |= {f"lstm.{k}.{name}": w.tolist() for name, w in given.items()}
        cell.load_state_dict({"weight_ih": given["weight_ih"], "weight_hh": given["weight_hh"], "bias_ih": given["bias"], "bias_hh": torch.zeros(4 * units)})
    output.load_state_dict({"weight": numbers(1, units), "bias": numbers(1)})
    weights |= {f"output.{name}": w.tolist() for name, w in output.state_dict().items()}

    start = torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0])
    grads = [[0.0, 1e-9 * sign, 0.01 * sign, -0.3, 40.0 * sign] for sign in (1, -1, 1, -1)]
    p, steps = start, []
    states = [None] * layers
    for g in grads:
        x = log_and_sign(torch.tensor(g), preprocessing)
        for k, cell in enumerate(cells):
            states[k] = cell(x, states[k])
            x = states[k][0]
        p = p + LR * output(x).flatten()
        steps.append(p.tolist())
    architecture = {"units": units, "layers": layers, "preprocessing": preprocessing}
    return {"architecture": architecture, "lr": LR, "weights": weights, "start": start.tolist(), "grads": grads, "trajectory": steps}


if __name__ == "__main__":
    golden = {"source": "PyTorch 2.15.0", "cases": [trajectory(3, 2, 5), trajectory(2, 1, 10), trajectory(1, 3, 2.5)]}
    path = Path(__file__).parent / "lstm-optimizer.json"
    path.write_text(json.dumps(golden, separators=(",", ":"), allow_nan=False))
