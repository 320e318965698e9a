// js-pytorch as a contender: js-pytorch.mjs FOLDER.
import { createRequire } from "node:module";
import { join } from "node:path";
import { serve, Unable } from "../protocol/serve.ts";
import { classes } from "./values.mjs";

const folder = process.argv[2];
const library = createRequire(join(folder, "package.json"));
const { torch } = library("js-pytorch");
const { nn, optim } = torch;

const lacks = (what) => {
  throw new Unable(`has no ${what}`);
};

const LAYERS = {
  linear: ({ inputs, outputs }) => new nn.Linear(inputs, outputs),
  relu: () => new nn.ReLU(),
};

class Sequential extends nn.Module {
  constructor(layers) {
    super();
    layers.forEach(({ layer, ...sizes }, i) => {
      this[i] = (LAYERS[layer] ?? (() => lacks(layer)))(sizes);
    });
    this.length = layers.length;
  }

  forward(x) {
    let y = x;
    for (let i = 0; i < this.length; i++) y = this[i].forward(y);
    return y;
  }
}

const optimizer = (rule, parameters) => (rule === "adam" ? new optim.Adam(parameters) : lacks("SGD"));

function training({ network, input, loss, outputs, rule }) {
  const model = new Sequential(network);
  const adam = optimizer(rule, model.parameters());
  const criterion = loss === "mse" ? new nn.MSELoss() : new nn.CrossEntropyLoss();
  const x = torch.randn(input);
  const y = loss === "mse" ? torch.randn([input[0], outputs]) : torch.tensor([...classes(input[0], outputs)]);
  return () => {
    criterion.forward(model.forward(x), y).backward();
    adam.step();
    adam.zero_grad();
  };
}

function inference({ network, input }) {
  const model = new Sequential(network);
  const x = torch.randn(input);
  return () => model.forward(x);
}

const KERNELS = {
  linear: ([, size]) => new nn.Linear(size, size),
  layerNorm: ([, size]) => new nn.LayerNorm(size),
  relu: () => new nn.ReLU(),
  softmax: () => new nn.Softmax(),
  dropout: () => new nn.Dropout(0.5),
  crossEntropy: ([rows, count]) => {
    const target = torch.tensor([...classes(rows, count)]);
    const criterion = new nn.CrossEntropyLoss();
    return { forward: (x) => criterion.forward(x, target), parameters: () => [] };
  },
};

function kernel({ op, input, backward }) {
  const module = (KERNELS[op] ?? (() => lacks(op)))(input);
  const x = torch.randn(input, backward);
  if (!backward) return () => module.forward(x);
  const g = torch.randn(module.forward(torch.randn(input)).shape);
  const leaves = [x, ...module.parameters()];
  return () => {
    module.forward(x).backward(g);
    for (const leaf of leaves) leaf.zero_grad();
  };
}

function step({ rule, tensors, size }) {
  const parameters = Array.from({ length: tensors }, () => torch.randn([size], true));
  const gradients = parameters.map(() => torch.randn([size]));
  const adam = optimizer(rule, parameters);
  return () => {
    parameters.forEach((parameter, i) => {
      parameter._grad = gradients[i];
    });
    adam.step();
    adam.zero_grad(); // or the graph of all steps is kept
  };
}

function chain(length) {
  const [a, b] = [torch.ones([1], true), torch.ones([1], true)];
  return () => {
    let y = a;
    for (let i = 0; i < length; i++) y = y.add(b);
    y.backward();
    a.zero_grad();
    b.zero_grad();
  };
}

function elementwise(op, size) {
  const x = torch.randn([size]);
  const y = torch.randn([size]);
  const relu = new nn.ReLU();
  const calls = { add: () => x.add(y), relu: () => relu.forward(x), exp: () => torch.exp(x), sum: () => x.sum() };
  return calls[op] ?? lacks(op);
}

const TASKS = {
  matmul: ({ m, k, n }) => {
    const [a, b] = [torch.randn([m, k]), torch.randn([k, n])];
    return () => torch.matmul(a, b);
  },
  elementwise: ({ op, size }) => elementwise(op, size),
  // What needs a gradient remembers every result until the gradients are reset.
  addOnTape: () => ({ call: elementwise("add", 1), variant: "without a tape" }),
  addUndisposed: ({ size }) => elementwise("add", size),
  chain: ({ length }) => chain(length),
  training: (task) => training(task.step),
  inference: (task) => inference(task.step),
  conv: () => lacks("conv"),
  kernel,
  step,
};

const { version } = library(join(folder, "node_modules/js-pytorch/package.json"));
await serve({ library: `js-pytorch ${version}`, runtime: `Node ${process.versions.node}`, threads: 1 }, (task) =>
  TASKS[task.kind](task),
);
