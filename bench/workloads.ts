import { nn, optim, randint, randn, type Tensor, tensor } from "descent";

/** Something to be timed: made once, then called again and again. */
export interface Workload {
  readonly name: string;
  readonly what: string;
  /** Calls in one sample, so that a sample is long beside the clock's grain. */
  readonly repeat: number;
  readonly make: () => () => unknown;
}

export const WORKLOADS: readonly Workload[] = [
  {
    name: "add",
    what: "add of one element, with tape",
    repeat: 20_000,
    make: () => {
      const [a, b] = [tensor([1], { requiresGrad: true }), tensor([2], { requiresGrad: true })];
      return () => a.add(b);
    },
  },
  {
    name: "chain",
    what: "chain of 20 adds, forward and backward",
    repeat: 500,
    make: () => {
      const [a, b] = [tensor([1], { requiresGrad: true }), tensor([2], { requiresGrad: true })];
      return () => {
        let y: Tensor = a;
        for (let i = 0; i < 20; i++) y = y.add(b);
        y.backward();
        a.grad = null;
        b.grad = null;
      };
    },
  },
  {
    name: "xor",
    what: "XOR net 2-32-1, batch of 4, one training step",
    repeat: 200,
    make: () => {
      const model = new nn.Sequential(new nn.Linear(2, 32), new nn.Tanh(), new nn.Linear(32, 1));
      const [x, y] = [
        tensor([
          [0, 0],
          [0, 1],
          [1, 0],
          [1, 1],
        ]),
        tensor([[0], [1], [1], [0]]),
      ];
      return trainingStep(model, new nn.MSELoss(), x, y);
    },
  },
  {
    name: "lenet",
    what: "LeNet-5, batch of 64, one training step",
    repeat: 1,
    make: () => {
      const model = new nn.Sequential(
        new nn.Conv2d(1, 6, 5, { padding: 2 }),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Conv2d(6, 16, 5),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Flatten(),
        new nn.Linear(400, 120),
        new nn.ReLU(),
        new nn.Linear(120, 84),
        new nn.ReLU(),
        new nn.Linear(84, 10),
      );
      return trainingStep(model, new nn.CrossEntropyLoss(), randn([64, 1, 28, 28]), randint(0, 10, [64]));
    },
  },
];

/** Forward, backward and SGD with momentum on one batch. */
function trainingStep(model: nn.Sequential, loss: nn.CrossEntropyLoss | nn.MSELoss, x: Tensor, y: Tensor): () => void {
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  return () => {
    optimizer.zeroGrad();
    loss.call(model.call(x), y).backward();
    optimizer.step();
  };
}
