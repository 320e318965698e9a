import { nn, noGrad, optim, Parameter, randn, type Tensor, tensor } from "descent";
import type { Call } from "../protocol/serve.ts";
import type { ElementwiseName, RuleName, Task, TrainingStep } from "../workloads/task.ts";
import { KERNELS, labels } from "./kernels.ts";
import { network } from "./network.ts";

/** Gets a task ready. Results are disposed of where the task has a single one; training steps are written as in the README, and free nothing. */
export function make(task: Task): Call {
  switch (task.kind) {
    case "matmul": {
      const [a, b] = [randn([task.m, task.k]), randn([task.k, task.n])];
      return () => a.matmul(b).dispose();
    }
    case "elementwise":
      return elementwise(task.op, task.size);
    case "addOnTape": {
      const [a, b] = oneEach();
      return () => a.add(b).dispose();
    }
    case "addUndisposed": {
      const [a, b] = [randn([task.size]), randn([task.size])];
      return () => a.add(b);
    }
    case "chain": {
      const [a, b] = oneEach();
      return () => {
        let y: Tensor = a;
        for (let i = 0; i < task.length; i++) y = y.add(b);
        y.backward();
        a.grad = null;
        b.grad = null;
      };
    }
    case "training":
      return training(task.step);
    case "inference": {
      const model = network(task.step.network).eval();
      const x = randn(task.step.input);
      return () => noGrad(() => model.call(x)).dispose();
    }
    case "conv": {
      const { inputs, outputs, kernel, stride, padding } = task.conv;
      const weight = randn([outputs, inputs, kernel, kernel], { requiresGrad: true });
      const bias = randn([outputs], { requiresGrad: true });
      const forward = (x: Tensor): Tensor => nn.functional.conv2d(x, weight, { bias, stride, padding });
      return pass(forward, randn(task.input), [weight, bias], task.backward);
    }
    case "kernel": {
      const { forward, parameters } = KERNELS[task.op](task.input);
      return pass(forward, randn(task.input), parameters, task.backward);
    }
    case "step": {
      const parameters = Array.from({ length: task.tensors }, () => new Parameter(randn([task.size])));
      for (const parameter of parameters) parameter.grad = randn([task.size]);
      const optimizer = OPTIMIZERS[task.rule](parameters);
      return () => optimizer.step();
    }
  }
}

const oneEach = (): [Tensor, Tensor] => [tensor([1], { requiresGrad: true }), tensor([2], { requiresGrad: true })];

function elementwise(op: ElementwiseName, size: number): Call {
  const x = randn([size]);
  if (op !== "add") return () => x[op]().dispose();
  const y = randn([size]);
  return () => x.add(y).dispose();
}

/** A function forward, or forward and backward with the gradients of its input and parameters. */
function pass(forward: (x: Tensor) => Tensor, x: Tensor, parameters: readonly Tensor[], backward: boolean): Call {
  if (!backward) return () => noGrad(() => forward(x)).dispose();
  x.requiresGrad = true;
  const g = randn(noGrad(() => forward(x)).shape);
  const leaves = [x, ...parameters];
  return () => {
    const y = forward(x);
    y.backward(g);
    y.dispose();
    for (const leaf of leaves) leaf.grad = null;
  };
}

/** Every rule with its optimizer; a test walks through them. */
export const OPTIMIZERS: Readonly<Record<RuleName, (parameters: Parameter[]) => { step(): void; zeroGrad(): void }>> = {
  sgd: (parameters) => new optim.SGD(parameters, { lr: 0.01 }),
  momentum: (parameters) => new optim.SGD(parameters, { lr: 0.01, momentum: 0.9 }),
  adagrad: (parameters) => new optim.Adagrad(parameters),
  adadelta: (parameters) => new optim.Adadelta(parameters),
  rmsprop: (parameters) => new optim.RMSprop(parameters),
  rprop: (parameters) => new optim.Rprop(parameters),
  adam: (parameters) => new optim.Adam(parameters),
  amsgrad: (parameters) => new optim.Adam(parameters, { amsgrad: true }),
  adamw: (parameters) => new optim.AdamW(parameters),
  adamax: (parameters) => new optim.Adamax(parameters),
  nadam: (parameters) => new optim.NAdam(parameters),
  radam: (parameters) => new optim.RAdam(parameters),
  asgd: (parameters) => new optim.ASGD(parameters),
};

function training({ network: layers, input, loss, outputs, rule }: TrainingStep): Call {
  const model = network(layers);
  const criterion = loss === "mse" ? new nn.MSELoss() : new nn.CrossEntropyLoss();
  const optimizer = OPTIMIZERS[rule](model.parameters());
  const x = randn(input);
  const y = loss === "mse" ? randn([input[0]!, outputs]) : labels(input[0]!, outputs);
  return () => {
    optimizer.zeroGrad();
    criterion.call(model.call(x), y).backward();
    optimizer.step();
  };
}
