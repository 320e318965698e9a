// TensorFlow.js as a contender: tfjs.mjs FOLDER cpu|wasm. Images are [N, H, W, C], as the library wants them.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { serve, Unable } from "../protocol/serve.ts";
import { oneHot, random, sizeOf, weight } from "./values.mjs";

const [folder, backend] = process.argv.slice(2);
const library = createRequire(join(folder, "package.json"));
const tf = library("@tensorflow/tfjs-core");
library("@tensorflow/tfjs-layers"); // gives tensors their methods
const { setWasmPaths } = library(`@tensorflow/tfjs-backend-${backend}`);
if (backend === "wasm") setWasmPaths(`${dirname(library.resolve("@tensorflow/tfjs-backend-wasm/package.json"))}/dist/`);
await tf.setBackend(backend);
await tf.ready();

const tensor = (shape) => tf.tensor(random(sizeOf(shape)), shape);
const variable = (shape, fanIn) => tf.variable(tf.tensor(weight(shape, fanIn), shape));
const channelsLast = ([n, c, h, w]) => [n, h, w, c];
const imagesOrRows = (shape) => tensor(shape.length === 4 ? channelsLast(shape) : shape);

function conv({ inputs, outputs, kernel, stride, padding, bias }) {
  const fanIn = inputs * kernel ** 2;
  const w = variable([kernel, kernel, inputs, outputs], fanIn);
  const b = bias ? variable([outputs], fanIn) : null;
  const pad = padding === (kernel - 1) / 2 && stride === 1 ? "same" : padding;
  return (x) => {
    const y = tf.conv2d(x, w, stride, pad);
    return b === null ? y : tf.add(y, b);
  };
}

function linear({ inputs, outputs }) {
  const [w, b] = [variable([inputs, outputs], inputs), variable([outputs], inputs)];
  return (x) => tf.fused.matMul({ a: x, b: w, bias: b });
}

/** With the statistics of the batch; nothing follows the running ones. */
function batchNorm(channels) {
  const [scale, offset] = [tf.variable(tf.ones([channels])), tf.variable(tf.zeros([channels]))];
  return (x) => {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    return tf.batchNorm(x, mean, variance, offset, scale, 1e-5);
  };
}

const LAYERS = {
  linear,
  conv,
  batchNorm: ({ channels }) => batchNorm(channels),
  maxPool:
    ({ size }) =>
    (x) =>
      tf.maxPool(x, size, size, "valid"),
  residual: ({ body, shortcut }) => {
    const [a, b] = [network(body), network(shortcut)];
    return (x) => tf.relu(tf.add(a(x), b(x)));
  },
  relu: () => tf.relu,
  tanh: () => tf.tanh,
  flatten: () => (x) => tf.reshape(x, [x.shape[0], -1]),
  globalAvgPool: () => (x) => tf.mean(x, [1, 2]),
};

function network(layers) {
  const functions = layers.map((layer) => LAYERS[layer.layer](layer));
  return (x) => functions.reduce((y, layer) => layer(y), x);
}

const OPTIMIZERS = {
  sgd: () => tf.train.sgd(0.01),
  momentum: () => tf.train.momentum(0.01, 0.9),
  adam: () => tf.train.adam(),
};

function training({ network: layers, input, loss, outputs, rule }) {
  const model = network(layers);
  const optimizer = OPTIMIZERS[rule]();
  const x = imagesOrRows(input);
  const shape = [input[0], outputs];
  const y = loss === "mse" ? tensor(shape) : tf.tensor2d(oneHot(...shape), shape);
  const losses = loss === "mse" ? tf.losses.meanSquaredError : tf.losses.softmaxCrossEntropy;
  return () => optimizer.minimize(() => losses(y, model(x)));
}

function inference({ network: layers, input }) {
  const model = network(layers);
  const x = imagesOrRows(input);
  return () => tf.tidy(() => model(x)).dispose();
}

/** A function forward, or forward and backward with the gradients of its input and of the variables in it. */
function pass(forward, x, backward) {
  if (!backward) return () => tf.tidy(() => forward(x)).dispose();
  const input = tf.variable(x);
  const g = tf.tidy(() => tensor(forward(x).shape));
  // The product and its sum are how a gradient of the output is handed in where variables are wanted.
  return () => tf.tidy(() => void tf.variableGrads(() => tf.sum(tf.mul(forward(input), g))));
}

const KERNELS = {
  linear: ([, size]) => linear({ inputs: size, outputs: size }),
  linearRelu: ([, size]) => {
    const apply = linear({ inputs: size, outputs: size });
    return (x) => tf.relu(apply(x));
  },
  maxPool: () => (x) => tf.maxPool(x, 2, 2, "valid"),
  avgPool: () => (x) => tf.avgPool(x, 2, 2, "valid"),
  batchNorm: ([, channels]) => batchNorm(channels),
  layerNorm: ([, size]) => {
    const [scale, offset] = [tf.variable(tf.ones([size])), tf.variable(tf.zeros([size]))];
    return (x) => {
      const { mean, variance } = tf.moments(x, -1, true);
      return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), scale), offset);
    };
  },
  relu: () => (x) => tf.relu(x),
  tanh: () => (x) => tf.tanh(x),
  sigmoid: () => (x) => tf.sigmoid(x),
  gelu: () => (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)),
  silu: () => (x) => tf.mul(x, tf.sigmoid(x)),
  softmax: () => (x) => tf.softmax(x),
  logSoftmax: () => (x) => tf.logSoftmax(x),
  crossEntropy: ([rows, count]) => {
    const target = tf.tensor2d(oneHot(rows, count), [rows, count]);
    return (x) => tf.losses.softmaxCrossEntropy(target, x);
  },
  mse: (shape) => {
    const target = tensor(shape);
    return (x) => tf.losses.meanSquaredError(target, x);
  },
  dropout: () => (x) => tf.dropout(x, 0.5),
};

function step({ rule, tensors, size }) {
  const gradients = {};
  for (let i = 0; i < tensors; i++) gradients[variable([size], 1).name] = tensor([size]);
  const optimizer = OPTIMIZERS[rule]();
  return () => optimizer.applyGradients(gradients);
}

function chain(length) {
  const [a, b] = [tf.variable(tf.tensor1d([1])), tf.variable(tf.tensor1d([2]))];
  return () =>
    tf.tidy(
      () =>
        void tf.variableGrads(() => {
          let y = a;
          for (let i = 0; i < length; i++) y = tf.add(y, b);
          return tf.sum(y);
        }),
    );
}

function elementwise(op, size) {
  const x = tensor([size]);
  if (op !== "add") return () => tf[op](x).dispose();
  const y = tensor([size]);
  return () => tf.add(x, y).dispose();
}

const TASKS = {
  matmul: ({ m, k, n }) => {
    const [a, b] = [tensor([m, k]), tensor([k, n])];
    return () => tf.matMul(a, b).dispose();
  },
  elementwise: ({ op, size }) => elementwise(op, size),
  addOnTape: () => ({ call: elementwise("add", 1), variant: "without a tape" }),
  addUndisposed: () => {
    throw new Unable("leaks what is not disposed of");
  },
  chain: ({ length }) => chain(length),
  training: (task) => training(task.step),
  inference: (task) => inference(task.step),
  conv: ({ input, conv: layer, backward }) => pass(conv(layer), imagesOrRows(input), backward),
  kernel: ({ op, input, backward }) => pass(KERNELS[op](input), imagesOrRows(input), backward),
  step,
};

/** Also calls it once, which tells whether the backend has all kernels. */
function make(task) {
  tf.disposeVariables();
  try {
    const made = TASKS[task.kind](task);
    (typeof made === "function" ? made : made.call)();
    return made;
  } catch (error) {
    const [, missing] = /Kernel '(\w+)' not registered/.exec(error.message) ?? [];
    throw missing === undefined ? error : new Unable(`has no kernel ${missing}`);
  }
}

await serve(
  {
    library: `TensorFlow.js ${tf.version_core}`,
    runtime: `backend ${backend}, Node ${process.versions.node}`,
    threads: 1, // the WebAssembly backend starts none in Node
  },
  make,
);
