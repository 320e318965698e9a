// jax-js as a contender: jax.mjs FOLDER. Functions own their arguments: `x.ref` is passed where `x` is needed again.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { serve, time, Unable } from "../protocol/serve.ts";
import { oneHot, random, sizeOf, weight } from "./values.mjs";

const home = join(process.argv[2], "node_modules/@jax-js/jax");
const { version, main } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
const jax = await import(pathToFileURL(join(home, main)).href);
const { numpy: np, nn, lax, jit, tree, vjp, valueAndGrad, blockUntilReady } = jax;
await jax.init("wasm");
jax.defaultDevice("wasm");

const array = (shape, values = random(sizeOf(shape))) => np.array(values).reshape(shape);
const parameter = (shape, fanIn) => array(shape, weight(shape, fanIn));

// Arrays have methods of their own, and the functions of `tree` that do the same for trees take microseconds.
const ref = (value) => value.ref ?? tree.ref(value);
const ready = (value) => value.blockUntilReady?.() ?? blockUntilReady(value);
const dispose = (value) => (value.dispose === undefined ? tree.dispose(value) : value.dispose());

/** Calls `f` with the arguments, which stay, and waits for the result, which goes. */
const calling =
  (f, ...args) =>
  async () =>
    dispose(await ready(f(...args.map(ref))));

/** Long enough for V8 to compile what is hot. */
const TRIAL_MS = 500;

/** The function as it is or compiled, if it can be, whichever is faster once it is warm. */
async function faster(f, call, compiles = true) {
  const variants = [];
  // The compiled one first: it makes real arrays of arrays of one element, which eager calls would take for constants and not compute with.
  for (const [variant, g] of [...(compiles ? [["jit", jit(f)]] : []), ["eager", f]]) {
    const made = call(g);
    let ms = await time(made, 1);
    for (let spent = 0, calls = 1; spent < TRIAL_MS; calls *= 2) {
      const batch = await time(made, calls);
      spent += batch;
      ms = batch / calls;
    }
    variants.push({ call: made, variant, ms });
  }
  return variants.reduce((a, b) => (b.ms < a.ms ? b : a));
}

/** A layer: parameters, and a function of them and its input. */
const plain = (apply) => ({ parameters: [], apply: (_, x) => apply(x) });

/** Windows that do not overlap are axes of their own. */
const windows = (x, size) => {
  const [n, c, h, w] = x.shape;
  return x.reshape([n, c, h / size, size, w / size, size]);
};

const affine = (channels, shape, axes) => ({
  parameters: [np.ones([channels]), np.zeros([channels])],
  apply: ([scale, offset], x) =>
    np.add(np.multiply(nn.standardize(x, axes), scale.reshape(shape)), offset.reshape(shape)),
});

function conv({ inputs, outputs, kernel, stride, padding, bias }) {
  const fanIn = inputs * kernel ** 2;
  const pad = [
    [padding, padding],
    [padding, padding],
  ];
  const weights = parameter([outputs, inputs, kernel, kernel], fanIn);
  return {
    parameters: bias ? [weights, parameter([outputs], fanIn)] : [weights],
    apply: ([w, b], x) => {
      const y = lax.convGeneralDilated(x, w, [stride, stride], pad);
      return b === undefined ? y : np.add(y, b.reshape([outputs, 1, 1]));
    },
  };
}

const linear = ({ inputs, outputs }) => ({
  parameters: [parameter([inputs, outputs], inputs), parameter([outputs], inputs)],
  apply: ([w, b], x) => np.add(np.matmul(x, w), b),
});

const LAYERS = {
  linear,
  conv,
  batchNorm: ({ channels }) => affine(channels, [channels, 1, 1], [0, 2, 3]),
  maxPool: ({ size }) => plain((x) => np.max(windows(x, size), [3, 5])),
  residual: ({ body, shortcut }) => {
    const [a, b] = [network(body), network(shortcut)];
    return {
      parameters: [a.parameters, b.parameters],
      apply: ([p, q], x) => nn.relu(np.add(a.apply(p, x.ref), b.apply(q, x))),
    };
  },
  relu: () => plain(nn.relu),
  tanh: () => plain(np.tanh),
  flatten: () => plain((x) => x.reshape([x.shape[0], sizeOf(x.shape.slice(1))])),
  globalAvgPool: () => plain((x) => np.mean(x, [2, 3])),
};

function network(layers) {
  const parts = layers.map((layer) => LAYERS[layer.layer](layer));
  return {
    parameters: parts.map(({ parameters }) => parameters),
    apply: (parameters, x) => parts.reduce((y, { apply }, i) => apply(parameters[i], y), x),
  };
}

const crossEntropy = (logits, target) => np.negative(np.mean(np.sum(np.multiply(nn.logSoftmax(logits), target), -1)));

/** Rules as pure functions of parameters, gradients and state, `tree.map` over all parameters. The package has no optimizers. */
const RULES = {
  sgd: {
    init: () => [],
    update: (p, g, state) => [tree.map((a, b) => np.subtract(a, np.multiply(b, 0.01)), p, g), state],
  },
  momentum: {
    init: (p) => [tree.map((a) => np.zeros(a.shape), p)],
    update: (p, g, [v]) => {
      const next = tree.map((a, b) => np.add(np.multiply(a, 0.9), b), v, g);
      return [tree.map((a, b) => np.subtract(a, np.multiply(b, 0.01)), p, tree.ref(next)), [next]];
    },
  },
  adam: {
    init: (p) => [np.array(0), tree.map((a) => np.zeros(a.shape), p), tree.map((a) => np.zeros(a.shape), p)],
    update: (p, g, [steps, m, v]) => {
      const t = np.add(steps, 1);
      const m1 = tree.map((a, b) => np.add(np.multiply(a, 0.9), np.multiply(b, 0.1)), m, tree.ref(g));
      const v1 = tree.map((a, b) => np.add(np.multiply(a, 0.999), np.multiply(np.square(b), 0.001)), v, g);
      const correction = (b) => np.subtract(1, np.exp(np.multiply(t.ref, Math.log(b))));
      const [c1, c2] = [correction(0.9), correction(0.999)];
      const moved = (a, b, c) => {
        const root = np.add(np.sqrt(np.trueDivide(c, c2.ref)), 1e-8);
        return np.subtract(a, np.multiply(np.trueDivide(np.trueDivide(b, c1.ref), root), 0.001));
      };
      const next = tree.map(moved, p, tree.ref(m1), tree.ref(v1));
      tree.dispose([c1, c2]);
      return [next, [t, m1, v1]];
    },
  },
};

/** Calls `f(parameters, state, …args)`, whose result is the next `[parameters, state]`, again and again. */
function stepping(f, rule, parameters, args) {
  let now = [tree.ref(parameters), rule.init(parameters)];
  return async () => {
    now = await ready(f(...now, ...args.map(ref)));
  };
}

function training({ network: layers, input, loss, outputs, rule }) {
  const { parameters, apply } = network(layers);
  const shape = [input[0], outputs];
  const [x, y] = [array(input), loss === "mse" ? array(shape) : array(shape, oneHot(...shape))];
  const lossOf = (p, x, y) =>
    loss === "mse" ? np.mean(np.square(np.subtract(apply(p, x), y))) : crossEntropy(apply(p, x), y);
  const step = (p, state, x, y) => {
    const [value, g] = valueAndGrad(lossOf)(tree.ref(p), x, y);
    value.dispose();
    return RULES[rule].update(p, g, state);
  };
  return faster(step, (f) => stepping(f, RULES[rule], parameters, [x, y]));
}

function inference({ network: layers, input }) {
  const { parameters, apply } = network(layers);
  return faster(apply, (f) => calling(f, parameters, array(input)));
}

/** A layer forward, or forward and backward with the gradients of its input and parameters. */
function pass({ parameters, apply, compiles }, input, backward) {
  const x = array(input);
  if (!backward) return faster(apply, (f) => calling(f, parameters, x), compiles);
  const y = apply(tree.ref(parameters), x.ref);
  const g = array(y.shape);
  y.dispose();
  const gradients = (p, x, g) => {
    const [y, pullback] = vjp(apply, [p, x]);
    const result = [y, pullback(g)]; // with y, which would not be computed otherwise
    pullback.dispose();
    return result;
  };
  return faster(gradients, (f) => calling(f, parameters, x, g), compiles);
}

let seed = 0;
const KERNELS = {
  linear: ([, size]) => linear({ inputs: size, outputs: size }),
  linearRelu: ([, size]) => {
    const { parameters, apply } = linear({ inputs: size, outputs: size });
    return { parameters, apply: (p, x) => nn.relu(apply(p, x)) };
  },
  maxPool: () => LAYERS.maxPool({ size: 2 }),
  avgPool: () => plain((x) => np.mean(windows(x, 2), [3, 5])),
  batchNorm: ([, channels]) => LAYERS.batchNorm({ channels }),
  layerNorm: ([, size]) => affine(size, [size], -1),
  relu: () => plain(nn.relu),
  tanh: () => plain(np.tanh),
  sigmoid: () => plain(nn.sigmoid),
  gelu: () => plain((x) => nn.gelu(x, { approximate: false })),
  silu: () => plain(nn.silu),
  softmax: () => plain((x) => nn.softmax(x)),
  logSoftmax: () => plain((x) => nn.logSoftmax(x)),
  crossEntropy: ([rows, count]) => {
    const target = array([rows, count], oneHot(rows, count));
    return plain((x) => crossEntropy(x, target.ref));
  },
  mse: (shape) => {
    const target = array(shape);
    return plain((x) => np.mean(np.square(np.subtract(x, target.ref))));
  },
  dropout: () => ({
    ...plain((x) => {
      const kept = jax.random.bernoulli(jax.random.key(seed++), 0.5, x.shape);
      return np.where(kept, np.multiply(x, 2), 0);
    }),
    compiles: false, // the mask would be a constant
  }),
};

function step({ rule, tensors, size }) {
  const [parameters, gradients] = [0, 1].map(() => Array.from({ length: tensors }, () => array([size])));
  const update = (p, state, g) => RULES[rule].update(p, g, state);
  return faster(update, (f) => stepping(f, RULES[rule], parameters, [gradients]));
}

function chain(length) {
  const sum = (a, b) => {
    let y = a;
    for (let i = 0; i < length; i++) y = np.add(y, b.ref);
    b.dispose();
    return y.sum();
  };
  return faster(valueAndGrad(sum, { argnums: [0, 1] }), (f) => calling(f, array([1]), array([1])));
}

const ELEMENTWISE = { add: np.add, relu: nn.relu, exp: np.exp, tanh: np.tanh, sigmoid: nn.sigmoid, sum: np.sum };

function elementwise(op, size) {
  const args = op === "add" ? [array([size]), array([size])] : [array([size])];
  return faster(
    (...xs) => ELEMENTWISE[op](...xs),
    (f) => calling(f, ...args),
  );
}

const TASKS = {
  matmul: ({ m, k, n }) =>
    faster(
      (a, b) => np.matmul(a, b),
      (f) => calling(f, array([m, k]), array([k, n])),
    ),
  elementwise: ({ op, size }) => elementwise(op, size),
  addOnTape: async () => {
    const { call, variant } = await elementwise("add", 1);
    return { call, variant: `${variant}, without a tape` };
  },
  addUndisposed: () => {
    throw new Unable("leaks what is not disposed of");
  },
  chain: ({ length }) => chain(length),
  training: (task) => training(task.step),
  inference: (task) => inference(task.step),
  conv: ({ input, conv: layer, backward }) => pass(conv(layer), input, backward),
  kernel: ({ op, input, backward }) => pass(KERNELS[op](input), input, backward),
  step,
};

await serve(
  {
    library: `jax-js ${version}`,
    runtime: `device wasm, Node ${process.versions.node}`,
    threads: typeof Worker === "undefined" ? 1 : navigator.hardwareConcurrency, // Node has no Worker of the web's kind
  },
  (task) => TASKS[task.kind](task),
);
