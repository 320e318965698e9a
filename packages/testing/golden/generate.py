"""Make the golden files beside this script again from PyTorch.

    pip install "torch==2.15.*" numpy parameterfree prodigyopt pytorch_optimizer schedulefree
    python generate.py           # compute every case anew and rewrite the files
    python generate.py --check   # compare with the files; exit 1 where a number is beyond tolerance

The files are their own specification. What a case gives (an operation, its arguments, inputs, weights and
the gradient of the output) is read from the file and kept; what PyTorch answers (outputs, gradients,
trajectories, learning rates, losses, buffers, final sums and norms) is computed. So a new case is written by
hand with what it gives alone, and a run of this script fills in the answers. README.md describes the format.
"""

import argparse
import importlib
import json
import math
import re
import sys
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lbfgs import _strong_wolfe

HERE = Path(__file__).parent


# --- The format -------------------------------------------------------------------------------------------

# PyTorch's indices are int64, for which the files, made for a framework without it, say int32.
DTYPES = {"float32": torch.float32, "float64": torch.float64, "int32": torch.int64, "bool": torch.bool}
DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def decode(tensor):
    """The PyTorch tensor of `{shape, data}`; NaN and the infinities are strings that float() understands."""
    numbers = [float(number) for number in tensor["data"]]
    dtype = DTYPES[tensor.get("dtype", "float32")]
    return torch.tensor(numbers, dtype=torch.float64).to(dtype).reshape(tensor["shape"])


def encode(tensor):
    """`{shape, data}` of a PyTorch tensor, with `dtype` where it is not float32."""
    name = DTYPE_NAMES[tensor.dtype]
    numbers = tensor.detach().flatten().tolist()
    if name == "float32":
        return {"shape": list(tensor.shape), "data": [nine_digits(number) for number in numbers]}
    return {"shape": list(tensor.shape), "dtype": name, "data": [int(number) for number in numbers]}


def nine_digits(number):
    """Nine significant digits tell any two float32 apart; JSON has no NaN and no infinity, so they are text."""
    return float(f"{number:.9g}") if math.isfinite(number) else str(number)


def encode_all(tensors):
    return {name: encode(tensor) for name, tensor in tensors.items()}


def leaf(tensor):
    """A decoded input that collects a gradient, if its type can have one."""
    decoded = decode(tensor)
    return decoded.requires_grad_(decoded.is_floating_point())


def gradient(tensor):
    return encode(tensor.grad) if tensor.requires_grad else None


# --- From our names to PyTorch's --------------------------------------------------------------------------

SNAKE_EXCEPTIONS = {"TMax": "T_max", "T0": "T_0", "TMult": "T_mult"}


def snake(name):
    return SNAKE_EXCEPTIONS.get(name) or re.sub(r"[A-Z]", lambda capital: "_" + capital.group().lower(), name)


def keywords(arguments):
    """Our options as Python's keyword arguments; a tensor (the class weights of a loss) is decoded."""
    return {
        snake(name): decode(value) if isinstance(value, dict) else value for name, value in arguments.items()
    }


def prod(a, dim, keepdim):
    """torch.prod() reduces over one dimension or over all."""
    return torch.prod(a) if dim is None else torch.prod(a, *dim, keepdim=keepdim)


def over_all_by_default(reduce):
    """The reductions of PyTorch that want to be told the dimensions even where they are all of them."""
    return lambda a, dim, keepdim: reduce(a, dim or tuple(range(a.ndim)), keepdim)


# Only the operations that are not torch.name or F.name, called with the inputs in order and then the arguments.
OPERATIONS = {
    "amax": over_all_by_default(torch.amax),
    "amin": over_all_by_default(torch.amin),
    "logsumexp": over_all_by_default(torch.logsumexp),
    "prod": prod,
    "norm": torch.linalg.vector_norm,
    "logSigmoid": F.logsigmoid,
    "sort": lambda a, dim: torch.sort(a, dim).values,
    "einsum": lambda a, b, equation: torch.einsum(equation, a, b),
    "pad": lambda a, padding, value: F.pad(a, padding, value=value),
    "cat": lambda a, b, dim: torch.cat([a, b], dim),
    "stack": lambda a, b, dim: torch.stack([a, b], dim),
    "gather": lambda a, index, dim: torch.gather(a, dim, index),
    "indexSelect": lambda a, index, dim: torch.index_select(a, dim, index),
    "expand": lambda a, shape: a.expand(shape),
}


def operation(name):
    home = torch if hasattr(torch, snake(name)) else F
    return OPERATIONS.get(name) or getattr(home, snake(name))


# The functions of schedulers.json, by the text that stands for them.
LAMBDAS = {
    "0.95 ** epoch": lambda epoch: 0.95**epoch,
    "1 / (1 + epoch)": lambda epoch: 1 / (1 + epoch),
    "epoch odd ? 0.9 : 1.05": lambda epoch: 0.9 if epoch % 2 else 1.05,
    "1 / cycle": lambda cycle: 1 / cycle,
    "0.9 ** step": lambda step: 0.9**step,
}


# --- functions.json and edges.json ------------------------------------------------------------------------


def functions(case):
    inputs = {name: leaf(tensor) for name, tensor in case["inputs"].items()}
    output = operation(case["op"])(*inputs.values(), **keywords(case["args"]))
    answer = {"output": encode(output)}
    if "gradOutput" in case:  # indices and integers have none
        output.backward(decode(case["gradOutput"]))
        answer["grads"] = {name: gradient(a) for name, a in inputs.items() if a.requires_grad}
    return answer


# --- modules.json -----------------------------------------------------------------------------------------


def modules(case):
    module = getattr(nn, case["module"])(**keywords(case["args"])).train(case["train"])
    module.load_state_dict({name: decode(tensor) for name, tensor in case["stateDict"].items()})
    inputs = [leaf(tensor) for tensor in case["inputs"]]
    output = first(module(*inputs))
    output.backward(decode(case["gradOutput"]))
    return {
        "output": encode(output),
        "inputGrads": [gradient(a) for a in inputs],
        "paramGrads": {name: gradient(parameter) for name, parameter in module.named_parameters()},
        "buffersAfter": encode_all(dict(module.named_buffers())),
    }


def first(output):
    """Recurrent modules and attention also return states and weights, which the file leaves out."""
    return output[0] if isinstance(output, tuple) else output


# --- losses.json, loss-edges.json and loss-options.json ---------------------------------------------------


def losses(case):
    # PyTorch tells class indices from probabilities by their type, we by this argument.
    arguments = {name: value for name, value in case["args"].items() if name != "targetIsProbabilities"}
    input = leaf(case["input"])
    extra = map(decode, case["extra"])
    output = getattr(nn, case["loss"])(**keywords(arguments))(input, *extra, decode(case["target"]))
    output.backward(decode(case["gradOutput"]))
    return {"output": encode(output), "inputGrad": gradient(input)}


# --- optimizers.json and optimizers-beyond-torch.json ------------------------------------------------------

# Where the optimizers are that PyTorch does not have.
PACKAGES = {
    "COCOB": "parameterfree",
    "Lion": "pytorch_optimizer",
    "Prodigy": "prodigyopt",
    "SGDScheduleFree": "schedulefree",
    "AdamWScheduleFree": "schedulefree",
}


def optimizers(case):
    name = case["optimizer"].partition(" ")[0]
    if name == "SLS":  # its authors have no package: the cases are kept as they are
        return {}
    parameters = [leaf(tensor) for tensor in case["params"]]
    groups = parameters
    if "groupLrs" in case:
        groups = [{"params": [parameter], "lr": lr} for parameter, lr in zip(parameters, case["groupLrs"])]
    home = importlib.import_module(PACKAGES.get(name, "torch.optim"))
    optimizer = getattr(home, name)(groups, **keywords(case["options"]))
    if hasattr(optimizer, "train"):
        optimizer.train()
    trajectory = []
    for gradients in case["grads"]:
        for parameter, tensor in zip(parameters, gradients):
            parameter.grad = tensor and decode(tensor)
        optimizer.step()
        trajectory.append([encode(parameter) for parameter in parameters])
    if name == "ASGD":
        return {"trajectory": trajectory, "averaged": [encode(optimizer.state[p].get("ax", p)) for p in parameters]}
    if "ScheduleFree" in name:
        optimizer.eval()
        return {"trajectory": trajectory, "averaged": [encode(parameter) for parameter in parameters]}
    return {"trajectory": trajectory}


# --- lbfgs.json -------------------------------------------------------------------------------------------

OBJECTIVES = {
    "rosenbrock": lambda x: ((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2).sum(),
    "quadratic": lambda x: 0.5 * (torch.arange(1, len(x) + 1) * x * x).sum() - x.sum(),
}


def lbfgs(case):
    """In float64, and all digits: line searches make much of small differences."""
    objective = OBJECTIVES[case["objective"]]
    x = torch.tensor(case["x0"], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([x], **keywords(case["options"]))
    evaluations = 0

    def closure():
        nonlocal evaluations
        evaluations += 1
        optimizer.zero_grad()
        loss = objective(x)
        loss.backward()
        return loss

    trajectory = []
    for _ in case["trajectory"]:
        before = optimizer.step(closure).item()
        after = {"x": x.tolist(), "lossAfter": objective(x).item(), "functionEvaluations": evaluations}
        trajectory.append({"lossBefore": before, **after})
    return {"trajectory": trajectory}


# --- strong-wolfe.json ------------------------------------------------------------------------------------


def strong_wolfe(case):
    """The line search of LBFGS along t**4 / 8 - drop t + height (cos(frequency t) - 1)."""
    drop, height, frequency = case["drop"], case["height"], case["frequency"]
    tried = []

    def value(t):
        return t**4 / 8 - drop * t + height * (math.cos(frequency * t) - 1)

    def slope(t):
        return torch.tensor([t**3 / 2 - drop - height * frequency * math.sin(frequency * t)], dtype=torch.float64)

    def evaluate(x, t, d):
        tried.append(float(t))
        return value(float(t)), slope(float(t))

    d = torch.ones(1, dtype=torch.float64)
    options = {"max_ls": case["maxSteps"], "tolerance_change": case["toleranceChange"]}
    gradient = slope(0.0)
    start = (value(0.0), gradient, gradient.dot(d))
    _, _, t, evaluations = _strong_wolfe(evaluate, None, case["t"], d, *start, **options)
    return {"tried": tried, "result": float(t), "evaluations": evaluations}


# --- schedulers.json --------------------------------------------------------------------------------------


def schedulers(case):
    optimizer = idle_optimizer(case)
    scheduler = composed_scheduler(case, optimizer) if "composed" in case else simple_scheduler(case, optimizer)
    groups = [[dict(group) for group in optimizer.param_groups]]
    given = case.get("metrics") or case.get("epochs") or [None] * case["steps"]
    for step in range(case["steps"]):
        optimizer.step()  # moves nothing, but schedulers warn when they are first
        scheduler.step(*([] if given[step] is None else [given[step]]))
        groups.append([dict(group) for group in optimizer.param_groups])
    answer = {"lrs": [[group["lr"] for group in at_step] for at_step in groups]}
    if "momentum" in case:
        answer["momentums"] = [[momentum_of(group) for group in at_step] for at_step in groups]
    return answer


def idle_optimizer(case):
    """One group for each base learning rate, with a parameter that has no gradient."""
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in case["baseLrs"]]
    if case.get("optimizer") == "Adam":
        return torch.optim.Adam(groups, betas=(case["momentum"], 0.999))
    return torch.optim.SGD(groups, momentum=case.get("momentum", 0))


def momentum_of(group):
    return group["betas"][0] if "betas" in group else group["momentum"]


def make_scheduler(name, options, optimizer):
    home = torch.optim.swa_utils if name == "SWALR" else torch.optim.lr_scheduler
    return getattr(home, name)(optimizer, **keywords({key: with_functions(value) for key, value in options.items()}))


def with_functions(value):
    if isinstance(value, list):
        return [with_functions(item) for item in value]
    return LAMBDAS.get(value, value)


def simple_scheduler(case, optimizer):
    return make_scheduler(case["scheduler"], case["options"], optimizer)


def composed_scheduler(case, optimizer):
    if case["scheduler"] == "ChainedScheduler":
        return torch.optim.lr_scheduler.ChainedScheduler(
            [scheduler_from_text(text, optimizer) for text in case["composed"]]
        )
    *texts, milestones = case["composed"]
    parts = [scheduler_from_text(text, optimizer) for text in texts]
    return torch.optim.lr_scheduler.SequentialLR(optimizer, parts, json.loads(milestones.partition("=")[2]))


def scheduler_from_text(text, optimizer, **names):
    """A scheduler from text such as `CosineAnnealingLR(TMax=steps)`, where `names` has the value of `steps`."""
    name, arguments = re.fullmatch(r"(\w+)\((.*)\)", text).groups()
    options = dict(argument.split("=", 1) for argument in re.split(r",(?=\w+=)", arguments) if argument)
    values = {key: names[value] if value in names else json.loads(value) for key, value in options.items()}
    return make_scheduler(name, values, optimizer)


# --- training.json ----------------------------------------------------------------------------------------

STEPS = 20
# The second argument of u(i, k): small k are weights, these plus the number of the batch are its data.
INPUTS, LABELS = 1000, 2000


def training(case):
    # The layers are PyTorch's own descriptions of them, which are expressions that make them.
    model = nn.Sequential(*(eval(f"nn.{layer}") for layer in case["layers"]))
    model.load_state_dict(formula_weights(model.state_dict()))
    optimizer = getattr(torch.optim, case["optimizer"])(model.parameters(), **keywords(case["options"]))
    scheduler = case["scheduler"] and scheduler_from_text(case["scheduler"], optimizer, steps=STEPS)
    losses = []
    for batch in range(STEPS):
        losses.append(train_step(model, optimizer, *formula_batch(case, batch)))
        if scheduler:
            scheduler.step()
    final = {name: tensor.double() for name, tensor in model.state_dict().items() if tensor.is_floating_point()}
    return {
        "losses": losses,
        "finalSums": {name: tensor.sum().item() for name, tensor in final.items()},
        "finalNorms": {name: tensor.norm().item() for name, tensor in final.items()},
    }


def train_step(model, optimizer, inputs, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(inputs), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def formula_weights(state):
    """The state with formula weights; tensor k is the k-th floating one: counters are kept and not counted."""
    floating = [name for name, tensor in state.items() if tensor.is_floating_point()]
    return state | {name: formula_weight(name, state[name].shape, k) for k, name in enumerate(floating)}


def formula_weight(name, shape, k):
    u = uniform(shape.numel(), k)
    kind = name.rpartition(".")[2]
    if kind == "weight" and len(shape) > 1:
        fan_in = shape.numel() / shape[0]
        values = (2 * u - 1) * math.sqrt(6 / fan_in)
    elif kind == "weight":
        values = 1 + 0.2 * (u - 0.5)
    elif kind == "running_var":
        values = 1 + 0.2 * u
    else:  # bias and running_mean
        values = 0.2 * (u - 0.5)
    return torch.from_numpy(values).float().reshape(shape)


def formula_batch(case, batch):
    shape = case["inputShape"]
    inputs = 2 * uniform(math.prod(shape), INPUTS + batch) - 1
    labels = np.floor(uniform(shape[0], LABELS + batch) * case["classes"])
    return torch.from_numpy(inputs).float().reshape(shape), torch.from_numpy(labels).long()


def uniform(count, k):
    """u(i, k) in [0, 1) for i below `count`: the hash that the text `weights` in training.json gives."""
    h = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(k * 40503 + 12345)
    h = (h ^ (h >> 16)) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> 13)) * np.uint32(0xC2B2AE35)
    h = h ^ (h >> 16)
    return (h >> 8) / 2**24


# --- printing.json ----------------------------------------------------------------------------------------


def printing(case):
    # What stands behind the elements goes to the next line where it is too long, so it is spelled before it is laid out.
    lay_out = torch._tensor_str._add_suffixes

    def in_our_spelling(text, suffixes, *where, **how):
        return lay_out(spelled(text), [*map(spelled, suffixes)], *where, **how)

    with (
        torch._tensor_str.printoptions(**keywords(case["options"])),
        mock.patch.object(torch._tensor_str, "_add_suffixes", in_our_spelling),
    ):
        return {"text": str(decode(case["tensor"]))}


def spelled(text):
    for theirs, ours in {"True": "true", "False": "false", "torch.int64": "int32", "torch.": ""}.items():
        text = text.replace(theirs, ours)
    return text


# --- Writing and checking ---------------------------------------------------------------------------------

FILES = {
    "functions": functions,
    "edges": functions,
    "modules": modules,
    "losses": losses,
    "loss-edges": losses,
    "loss-options": losses,
    "optimizers": optimizers,
    "optimizers-beyond-torch": optimizers,
    "lbfgs": lbfgs,
    "strong-wolfe": strong_wolfe,
    "schedulers": schedulers,
    "training": training,
    "printing": printing,
}


# Batch norm takes away the mean, and with it the bias of the convolution before it. That bias has no gradient
# but rounding errors, of which AdamW makes steps, and the running mean follows it. Nothing else feels them.
NOISE = {("convbn", "3.bias"), ("convbn", "4.running_mean")}


def tolerance(file, case, path):
    """How far two processors may be apart; the errors of convolution nets grow with the steps."""
    if file == "schedulers":
        return 1e-12
    if file in ("lbfgs", "strong-wolfe"):
        return 1e-8
    if file != "training":
        return 1e-5
    if (case["model"], path[-1]) in NOISE:
        return 0.1
    return 1e-4 if path[0] == "losses" and path[1:] < (10,) else 1e-3


def deviations(expected, actual, path=()):
    """Path and deviation of each number: relative above 1, absolute below, infinite if not comparable."""
    if isinstance(expected, list) and isinstance(actual, list):
        yield from deviations(dict(enumerate(expected)), dict(enumerate(actual)), path)
    elif isinstance(expected, dict) and isinstance(actual, dict) and expected.keys() == actual.keys():
        for key in expected:
            yield from deviations(expected[key], actual[key], (*path, key))
    elif expected == actual:
        yield path, 0.0
    elif isinstance(expected, float) and isinstance(actual, float):
        yield path, abs(expected - actual) / max(1, abs(expected))
    else:
        yield path, math.inf


def check(file, golden, answers):
    """Print how far the file is from PyTorch, and the cases beyond tolerance; true if there are none."""
    largest, good = 0.0, True
    for number, (case, answer) in enumerate(zip(golden["cases"], answers)):
        found = list(deviations({name: case.get(name) for name in answer}, answer))
        beyond = [(path, deviation) for path, deviation in found if deviation > tolerance(file, case, path)]
        largest = max([largest, *(deviation for _, deviation in found)])
        if beyond:
            good = False
            name = next(iter(case.values()))
            path, deviation = max(beyond, key=lambda pair: pair[1])
            print(f"  case {number} ({name}): {len(beyond)} beyond tolerance, most {path} by {deviation:.1e}")
    print(f"{file}: {len(answers)} cases, largest deviation {largest:.1e}")
    return good


def write(file, golden, answers):
    if golden["source"].startswith("PyTorch "):
        golden["source"] = f"PyTorch {torch.__version__.partition('+')[0]}"
    golden["cases"] = [case | answer for case, answer in zip(golden["cases"], answers)]
    (HERE / f"{file}.json").write_text(json.dumps(golden, separators=(",", ":"), allow_nan=False))
    print(f"{file}: {len(answers)} cases written")


def main():
    parser = argparse.ArgumentParser(description="Make the golden files again from PyTorch.")
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    checking = parser.parse_args().check
    torch.set_num_threads(1)  # otherwise the order of sums, and so the last digit, depends on the machine
    warnings.filterwarnings("ignore", "reduction: 'mean'")  # of KLDivLoss, and a case is about it
    good = True
    for file, compute in FILES.items():
        golden = json.loads((HERE / f"{file}.json").read_text())
        answers = [compute(case) for case in golden["cases"]]
        if checking:
            good = check(file, golden, answers) and good
        else:
            write(file, golden, answers)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
