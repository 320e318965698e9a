// Draws the pictures of docs/optimizers: `node --import tsx scripts/plot-optimizers.ts [page …]`. Each shows where the optimizer goes on a
// function that brings out what is special about it, beside another one or with other options.
import { mkdirSync, writeFileSync } from "node:fs";
import { Generator, optim, setNumThreads, tensor } from "descent";
import { beale, quadratic, rosenbrock, type TestFunction } from "descent/test-functions";
import type { View } from "../examples/plots/contours.ts";
import { drawPaths } from "../examples/plots/paths.ts";
import { averaging, type Contender } from "../examples/race/contenders.ts";
import { descend } from "../examples/race/plane.ts";
import type { ClosureKind, Racer } from "../examples/race/racer.ts";

type Params = Parameters<Contender["make"]>[0];
/** A label, an optimizer, and what its closure has to do. */
type Runner = readonly [label: string, make: (params: Params) => Racer, closure?: ClosureKind];
interface Picture {
  readonly fn: TestFunction;
  /** How large the random part of gradients is. Default 0. */
  readonly noise?: number;
  readonly view: View;
  /** Evaluations of the function for each. */
  readonly budget: number;
  readonly runners: readonly Runner[];
}

const COLORS = ["#c8102e", "#3a3a3a", "#1b7f3b"];
type Scene = Pick<Picture, "fn" | "view" | "noise">;
const NARROW: Scene = {
  fn: quadratic({ condition: 25 }),
  view: [
    [-0.6, 1.3],
    [-0.9, 1.12],
  ],
};
const BASIN: Scene = {
  fn: beale,
  view: [
    [0.2, 4],
    [-1.1, 1.6],
  ],
};
const OBLIQUE: Scene = {
  fn: quadratic({ condition: 10, seed: 5 }),
  view: [
    [-1.2, 1.3],
    [-0.9, 1.3],
  ],
};
const VALLEY: Scene = {
  fn: rosenbrock(),
  view: [
    [-1.75, 1.75],
    [-0.5, 2.0],
  ],
};
const NOISY: Scene = {
  fn: quadratic({ condition: 3 }),
  view: [
    [-0.75, 1.3],
    [-0.8, 1.15],
  ],
  noise: 4,
};
/** What titles call the functions. */
const NAMES: Readonly<Record<string, string>> = {
  quadratic: "A quadratic bowl",
  beale: "Beale's function",
  valleyThatWidens: "A valley that widens to the left",
  rosenbrock: "Rosenbrock's valley",
};

const sgd =
  (lr: number, momentum = 0, nesterov = false): Runner[1] =>
  (params) =>
    new optim.SGD(params, { lr, momentum, nesterov });
const adam =
  (lr: number, weightDecay = 0): Runner[1] =>
  (params) =>
    new optim.Adam(params, { lr, weightDecay });
const [ADAM, MOMENTUM]: Runner[] = [
  ["Adam, lr 0.1", adam(0.1)],
  ["SGD, momentum 0.9, lr 0.01", sgd(0.01, 0.9)],
];

const PICTURES: Readonly<Record<string, Picture>> = {
  sgd: {
    ...NARROW,
    budget: 60,
    runners: [
      ["momentum 0.8, lr 0.03", sgd(0.03, 0.8)],
      ["no momentum, lr 0.075", sgd(0.075)],
      ["Nesterov's momentum 0.8, lr 0.03", sgd(0.03, 0.8, true)],
    ],
  },
  sls: {
    ...NARROW,
    budget: 120,
    runners: [
      ["SLS", (params) => new optim.SLS(params, { nBatchesPerEpoch: 10 }), "loss"],
      ["SGD, lr 0.075", sgd(0.075)],
      ["SlsAcc", (params) => new optim.SlsAcc(params, { nBatchesPerEpoch: 10, resetOption: 1 }), "loss"],
    ],
  },
  lbfgs: {
    ...VALLEY,
    budget: 80,
    runners: [
      [
        "LBFGS, strong Wolfe",
        (params) => new optim.LBFGS(params, { lineSearchFn: "strong_wolfe", maxIter: 1, maxEval: 25 }),
      ],
      ["SGD, momentum 0.9, lr 0.001", sgd(0.001, 0.9)],
    ],
  },
  sam: {
    fn: valleyThatWidens(),
    view: [
      [-1.6, 1.4],
      [-0.9, 1.2],
    ],
    budget: 800,
    runners: [
      ["SAM around SGD, rho 0.2", (params) => new optim.SAM(new optim.SGD(params, { lr: 0.1 }), { rho: 0.2 })],
      ["SGD, lr 0.1", sgd(0.1)],
    ],
  },
  lookahead: {
    ...NARROW,
    budget: 60,
    runners: [
      [
        "Lookahead around the other",
        (params) => new optim.Lookahead(new optim.SGD(params, { lr: 0.03, momentum: 0.9 })),
      ],
      ["SGD, momentum 0.9, lr 0.03", sgd(0.03, 0.9)],
    ],
  },
  adagrad: {
    ...NARROW,
    budget: 60,
    runners: [
      ["Adagrad, lr 0.3", (params) => new optim.Adagrad(params, { lr: 0.3 })],
      ["SGD, lr 0.075", sgd(0.075)],
    ],
  },
  adadelta: {
    ...BASIN,
    budget: 300,
    runners: [
      ["Adadelta, eps 1e-4", (params) => new optim.Adadelta(params, { eps: 1e-4 })],
      ["RMSprop, lr 0.01", (params) => new optim.RMSprop(params, { lr: 0.01 })],
    ],
  },
  rmsprop: {
    ...BASIN,
    budget: 150,
    runners: [["RMSprop, lr 0.05, alpha 0.9", (params) => new optim.RMSprop(params, { lr: 0.05, alpha: 0.9 })], ADAM!],
  },
  rprop: {
    ...BASIN,
    budget: 100,
    runners: [["Rprop, lr 0.1", (params) => new optim.Rprop(params, { lr: 0.1 })], MOMENTUM!],
  },
  adam: { ...BASIN, budget: 150, runners: [ADAM!, MOMENTUM!] },
  adamw: {
    ...BASIN,
    budget: 200,
    runners: [
      ["AdamW, weightDecay 0.5", (params) => new optim.AdamW(params, { lr: 0.1, weightDecay: 0.5 })],
      ["Adam, weightDecay 0.5", adam(0.1, 0.5)],
    ],
  },
  adamax: {
    ...BASIN,
    budget: 150,
    runners: [["Adamax, lr 0.1", (params) => new optim.Adamax(params, { lr: 0.1 })], ADAM!],
  },
  nadam: {
    ...BASIN,
    budget: 150,
    runners: [["NAdam, lr 0.1", (params) => new optim.NAdam(params, { lr: 0.1 })], ADAM!],
  },
  radam: {
    ...NARROW,
    fn: quadratic({ condition: 10 }),
    budget: 100,
    runners: [
      ["RAdam, lr 0.03", (params) => new optim.RAdam(params, { lr: 0.03 })],
      ["Adam, lr 0.03", adam(0.03)],
    ],
  },
  asgd: {
    ...NOISY,
    budget: 200,
    runners: [
      ["average since step 20", (params) => averaging(new optim.ASGD(params, { lr: 0.1, t0: 20 }))],
      ["weights, lr 0.1", (params) => new optim.ASGD(params, { lr: 0.1, t0: 20 })],
    ],
  },
  adafactor: {
    ...BASIN,
    budget: 150,
    runners: [["Adafactor, lr 0.1", (params) => new optim.Adafactor(params, { lr: 0.1 })], ADAM!],
  },
  lion: {
    ...BASIN,
    budget: 100,
    runners: [["Lion, lr 0.05", (params) => new optim.Lion(params, { lr: 0.05 })], ADAM!],
  },
  lamb: {
    ...BASIN,
    budget: 150,
    runners: [
      ["LAMB, lr 0.03", (params) => new optim.LAMB(params, { lr: 0.03 })],
      ["AdamW, lr 0.1", (params) => new optim.AdamW(params, { lr: 0.1 })],
    ],
  },
  lars: {
    ...BASIN,
    budget: 150,
    runners: [
      ["LARS, lr 1, trustCoeff 0.03", (params) => new optim.LARS(params, { lr: 1, trustCoeff: 0.03 })],
      ["SGD, lr 0.01", sgd(0.01)],
    ],
  },
  muon: {
    ...BASIN,
    budget: 100,
    runners: [["Muon, lr 0.05, no decay", (params) => new optim.Muon(params, { lr: 0.05, weightDecay: 0 })], MOMENTUM!],
  },
  cocob: {
    ...BASIN,
    budget: 200,
    runners: [
      ["COCOB", (params) => new optim.COCOB(params)],
      ["SGD, lr 0.01", sgd(0.01)],
    ],
  },
  prodigy: {
    ...OBLIQUE,
    budget: 100,
    runners: [
      ["Prodigy", (params) => new optim.Prodigy(params)],
      ADAM!,
      ["Prodigy, dCoef 0.2", (params) => new optim.Prodigy(params, { dCoef: 0.2 })],
    ],
  },
  "d-adaptation": {
    ...OBLIQUE,
    budget: 100,
    runners: [
      ["DAdaptAdam", (params) => new optim.DAdaptAdam(params)],
      ADAM!,
      ["DAdaptAdam, growthRate 1.5", (params) => new optim.DAdaptAdam(params, { growthRate: 1.5 })],
    ],
  },
  "schedule-free": {
    ...NOISY,
    budget: 150,
    runners: [
      ["AdamWScheduleFree, lr 0.1: x", (params) => new optim.AdamWScheduleFree(params, { lr: 0.1 })],
      ["Adam, lr 0.1", adam(0.1)],
    ],
  },
};

/** A valley whose floor is flat all along, and that is widest at x = −1: `½ (0.3 + (x + 1)²) y²`. */
function valleyThatWidens(): TestFunction {
  return {
    name: "valleyThatWidens",
    dimension: 2,
    f: (point) => {
      const [x, y] = [point.select(-1, 0), point.select(-1, 1)];
      return x.add(1).square().add(0.3).mul(y.square()).mul(0.5);
    },
    minima: [{ at: [-1, 0], value: 0 }],
    domain: [
      [-2, 2],
      [-2, 2],
    ],
    start: [1.1, 0.9],
  };
}

/** The same function, with gradients to which a random vector is added. */
function noisy(fn: TestFunction, size: number): TestFunction {
  const random = new Generator(3);
  const noise = (): number => size * (random.uniform() - 0.5);
  return { ...fn, f: (x) => (x.requiresGrad ? fn.f(x).add(x.mul(tensor([noise(), noise()])).sum(-1)) : fn.f(x)) };
}

const folder = new URL("../docs/images/optimizers/", import.meta.url);
mkdirSync(folder, { recursive: true });
setNumThreads(1);
const wanted = process.argv.slice(2);
for (const [page, { fn, noise = 0, view, budget, runners }] of Object.entries(PICTURES)) {
  if (wanted.length > 0 && !wanted.includes(page)) continue;
  const paths = runners.map(([label, make, closure = "backward"], i) => {
    const { path } = descend(
      noise > 0 ? noisy(fn, noise) : fn,
      { name: label, make, rates: [], closure },
      Number.NaN,
      budget,
    );
    return { label, color: COLORS[i]!, points: path };
  });
  const svg = drawPaths(
    fn,
    view,
    `${NAMES[fn.name]}${noise > 0 ? ", noisy gradients" : ""}: ${budget} evaluations`,
    paths,
  );
  writeFileSync(new URL(`${page}.svg`, folder), svg);
  console.log(`${page}.svg  ${(svg.length / 1000).toFixed(1)} kB`);
}
