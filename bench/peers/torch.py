"""PyTorch as a contender: python torch.py THREADS [tuned | foreach]. Speaks the protocol of bench/protocol/messages.ts."""

import sys

# The folder of this file is on the path first, and the file has the library's name.
sys.path.pop(0)

import gc
import json
import os
import platform
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

THREADS = int(sys.argv[1])
# Images with the channels last, and optimizers as one kernel: what PyTorch's tuning guide recommends.
TUNED = "tuned" in sys.argv[2:]
FOREACH = "foreach" in sys.argv[2:]

torch.set_num_threads(THREADS)
torch.manual_seed(0)

replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # Whatever else is printed is no reply.


def send(message):
    print(json.dumps(message), file=replies, flush=True)


def layout(x):
    return x.contiguous(memory_format=torch.channels_last) if TUNED and x.dim() == 4 else x


class Residual(nn.Module):
    def __init__(self, body, shortcut):
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x))


def module(spec):
    kind = spec["layer"]
    if kind == "linear":
        return nn.Linear(spec["inputs"], spec["outputs"])
    if kind == "conv":
        return nn.Conv2d(
            spec["inputs"], spec["outputs"], spec["kernel"], spec["stride"], spec["padding"], bias=spec["bias"]
        )
    if kind == "batchNorm":
        return nn.BatchNorm2d(spec["channels"])
    if kind == "maxPool":
        return nn.MaxPool2d(spec["size"])
    if kind == "residual":
        return Residual(sequential(spec["body"]), sequential(spec["shortcut"]))
    return {"relu": nn.ReLU, "tanh": nn.Tanh, "flatten": nn.Flatten, "globalAvgPool": lambda: nn.AdaptiveAvgPool2d(1)}[
        kind
    ]()


def sequential(layers):
    return nn.Sequential(*map(module, layers))


def network(layers):
    model = sequential(layers)
    return model.to(memory_format=torch.channels_last) if TUNED else model


RULES = {
    "sgd": ("SGD", {"lr": 0.01}),
    "momentum": ("SGD", {"lr": 0.01, "momentum": 0.9}),
    "amsgrad": ("Adam", {"amsgrad": True}),
    "rmsprop": ("RMSprop", {}),
    "adamw": ("AdamW", {}),
    "nadam": ("NAdam", {}),
    "radam": ("RAdam", {}),
    "asgd": ("ASGD", {}),
}
# What PyTorch has in one kernel on a CPU.
FUSED = ("SGD", "Adam", "AdamW", "Adagrad")


def optimizer(rule, parameters):
    name, options = RULES.get(rule, (rule.capitalize(), {}))
    if FOREACH:
        options = {**options, "foreach": True}
    elif TUNED and name in FUSED:
        options = {**options, "fused": True}
    return getattr(torch.optim, name)(parameters, **options)


def labels(n, classes):
    return torch.tensor([(7 * i) % classes for i in range(n)])


def without_gradients(call):
    @torch.no_grad()
    def run():
        call()

    return run


def elementwise(op, size):
    x, y = torch.randn(size), torch.randn(size)
    if op == "add":
        return lambda: x + y
    function = getattr(torch, op)
    return lambda: function(x)


def chain(length):
    a, b = torch.tensor([1.0], requires_grad=True), torch.tensor([2.0], requires_grad=True)

    def run():
        y = a
        for _ in range(length):
            y = y + b
        y.backward()
        a.grad = None
        b.grad = None

    return run


def training(step):
    model = network(step["network"])
    criterion = nn.MSELoss() if step["loss"] == "mse" else nn.CrossEntropyLoss()
    optim = optimizer(step["rule"], model.parameters())
    batch, outputs = step["input"][0], step["outputs"]
    x = layout(torch.randn(step["input"]))
    y = torch.randn(batch, outputs) if step["loss"] == "mse" else labels(batch, outputs)

    def run():
        optim.zero_grad()
        criterion(model(x), y).backward()
        optim.step()

    return run


def inference(step):
    model = network(step["network"]).eval()
    x = layout(torch.randn(step["input"]))
    return without_gradients(lambda: model(x))


def forward_or_both(forward, x, parameters, backward):
    if not backward:
        return without_gradients(lambda: forward(x))
    x.requires_grad_()
    g = torch.randn_like(forward(x))
    leaves = [x, *parameters]

    def run():
        forward(x).backward(g)
        for leaf in leaves:
            leaf.grad = None

    return run


def conv(task):
    spec = task["conv"]
    weight = layout(torch.randn(spec["outputs"], spec["inputs"], spec["kernel"], spec["kernel"])).requires_grad_()
    bias = torch.randn(spec["outputs"], requires_grad=True)
    stride, padding = spec["stride"], spec["padding"]
    return forward_or_both(
        lambda x: F.conv2d(x, weight, bias, stride, padding),
        layout(torch.randn(task["input"])),
        [weight, bias],
        task["backward"],
    )


def kernel(task):
    shape = task["input"]
    size = shape[1]
    weight, bias = torch.ones(size, requires_grad=True), torch.zeros(size, requires_grad=True)
    matrix = torch.randn(size, size, requires_grad=True)
    target = labels(shape[0], size)
    numbers = layout(torch.randn(shape))
    forward, parameters = {
        "linear": (lambda x: F.linear(x, matrix, bias), [matrix, bias]),
        "linearRelu": (lambda x: F.relu(F.linear(x, matrix, bias)), [matrix, bias]),
        "maxPool": (lambda x: F.max_pool2d(x, 2), []),
        "avgPool": (lambda x: F.avg_pool2d(x, 2), []),
        "batchNorm": (lambda x: F.batch_norm(x, None, None, weight, bias, training=True), [weight, bias]),
        "layerNorm": (lambda x: F.layer_norm(x, [size], weight, bias), [weight, bias]),
        "relu": (F.relu, []),
        "tanh": (torch.tanh, []),
        "sigmoid": (torch.sigmoid, []),
        "gelu": (F.gelu, []),
        "silu": (F.silu, []),
        "softmax": (lambda x: F.softmax(x, 1), []),
        "logSoftmax": (lambda x: F.log_softmax(x, 1), []),
        "crossEntropy": (lambda x: F.cross_entropy(x, target), []),
        "mse": (lambda x: F.mse_loss(x, numbers), []),
        "dropout": (lambda x: F.dropout(x, 0.5), []),
    }[task["op"]]
    return forward_or_both(forward, layout(torch.randn(shape)), parameters, task["backward"])


def optimizer_step(task):
    parameters = [nn.Parameter(torch.randn(task["size"])) for _ in range(task["tensors"])]
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    return optimizer(task["rule"], parameters).step


def make(task):
    kind = task["kind"]
    if kind == "matmul":
        a, b = torch.randn(task["m"], task["k"]), torch.randn(task["k"], task["n"])
        return lambda: a @ b
    if kind == "elementwise":
        return elementwise(task["op"], task["size"])
    if kind == "addUndisposed":
        return elementwise("add", task["size"])
    if kind == "addOnTape":
        a, b = torch.tensor([1.0], requires_grad=True), torch.tensor([2.0], requires_grad=True)
        return lambda: a + b
    if kind == "chain":
        return chain(task["length"])
    if kind == "training":
        return training(task["step"])
    if kind == "inference":
        return inference(task["step"])
    return {"conv": conv, "kernel": kernel, "step": optimizer_step}[kind](task)


def answer(request):
    global call
    if "make" in request:
        call = None
        gc.collect()
        call = make(request["make"])
        return {"made": True}
    calls = request["run"]
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return {"ms": (time.perf_counter() - start) * 1000}


call = None
send(
    {
        "library": f"PyTorch {torch.__version__.split('+')[0]}",
        "runtime": f"Python {platform.python_version()}" + (", channels last, fused optimizers" if TUNED else ", foreach optimizers" if FOREACH else ""),
        "threads": torch.get_num_threads(),
    }
)
for line in sys.stdin:
    try:
        reply = answer(json.loads(line))
    except Exception as error:
        reply = {"failed": str(error).split("\n")[0][:200]}
    send(reply)
