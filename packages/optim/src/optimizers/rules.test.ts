import { cpu } from "@descent/backend-cpu";
import { Parameter, scope, setBackend, Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import {
  type AnOptimizer,
  coarse,
  countingBackend,
  OPTIMIZER_CASES,
  type Options,
  parametersOf,
  prepared,
  type TrainingProblem,
  trainingProblem,
} from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import * as optim from "../index.ts";

// Properties of every optimizer, over random shapes, options and gradients. A new one gets them with its line in OPTIMIZER_CASES, and
// those that are not for all with a line in a table here.

beforeEach(() => setBackend(cpu()));

const RUNS = { numRuns: 20 };
const NAMES = Object.keys(OPTIMIZER_CASES);
const has = (option: string) => (name: string) => option in (OPTIMIZER_CASES[name]!.rule?.defaults ?? {});
/** Those that go along the gradients that there are. */
const GIVEN = NAMES.filter((name) => OPTIMIZER_CASES[name]!.closure === null);

type Problem = TrainingProblem;

const start = ({ shapes, start }: Problem): Parameter[] => parametersOf(shapes, start);

function run(name: string, optimizer: AnOptimizer, parameters: readonly Parameter[], grads: Problem["grads"]): void {
  const { closure } = OPTIMIZER_CASES[name]!;
  for (const gradients of grads) optimizer.step(prepared(closure, parameters, gradients));
}

/** The same problem with every gradient (and start) changed. */
const changed = (problem: Problem, g: (x: number) => number, p: (x: number) => number = (x) => x): Problem => ({
  ...problem,
  start: problem.start.map((values) => values.map(p)),
  grads: problem.grads.map((gradients) => gradients.map((values) => values?.map(g) ?? null)),
});

const bits = (xs: readonly Tensor[]): number[][] => xs.map((x) => Array.from(x.dataSync()));
/** −x, but for zeros, which have no sign here. */
const mirrored = (x: number): number => -x || 0;
const unsigned = (values: readonly number[][]): number[][] => values.map((xs) => xs.map((x) => x || 0));

/** A state dict with arrays in place of tensors. */
function plain(x: unknown): unknown {
  if (x instanceof Tensor) return bits([x]);
  if (typeof x !== "object" || x === null) return x;
  return Object.entries(x).map(([key, item]) => [key, plain(item)]);
}

/** The tensors in a state dict. */
function tensorsIn(x: unknown): Tensor[] {
  if (x instanceof Tensor) return [x];
  return typeof x === "object" && x !== null ? Object.values(x).flatMap(tensorsIn) : [];
}

/** Where all parameters of a problem end. */
function end(name: string, options: Options, problem: Problem): number[][] {
  const parameters = start(problem);
  run(name, OPTIMIZER_CASES[name]!.make(parameters, options), parameters, problem.grads);
  return bits(parameters);
}

test("every optimizer has a case", () => {
  const classes = Object.entries<unknown>(optim).filter(
    (entry): entry is [string, { prototype: object }] =>
      typeof entry[1] === "function" &&
      "stepAsync" in (entry[1].prototype ?? {}) &&
      "loadStateDict" in entry[1].prototype,
  );
  // What others extend is none.
  const names = classes.filter(([, x]) => !classes.some(([, other]) => other.prototype instanceof (x as never)));
  expect(NAMES.sort()).toEqual(names.map(([name]) => name).sort());
});

describe.each(NAMES)("%s", (name) => {
  const { make, options, rule, shapes } = OPTIMIZER_CASES[name]!;
  const cases = fc.record({ options, problem: trainingProblem(shapes && { shapes }) });

  test("resuming from a saved state, at any step, equals never having stopped, and changes nothing that was saved", () => {
    fc.assert(
      fc.property(cases, fc.nat(5), ({ options, problem }, at) => {
        const parameters = start(problem);
        const optimizer = make(parameters, options);
        run(name, optimizer, parameters, problem.grads.slice(0, at));
        const saved = optimizer.stateDict();
        const before = plain(saved);
        const copies = parameters.map((p) => new Parameter(p.detach()));
        run(name, optimizer, parameters, problem.grads.slice(at));
        expect(plain(saved)).toEqual(before);

        // Options come with the state, but for those of wrappers, and for what shapes it.
        const { sliceP } = options;
        const resumed = make(copies, rule === null ? options : sliceP === undefined ? {} : { sliceP });
        resumed.loadStateDict(saved);
        run(name, resumed, copies, problem.grads.slice(at));
        expect(bits(copies)).toEqual(bits(parameters));
        expect(plain(resumed.stateDict())).toEqual(plain(optimizer.stateDict()));
      }),
      RUNS,
    );
  });

  test("between steps nothing is alive but parameters and state, and saving and loading own nothing", () => {
    fc.assert(
      fc.property(cases, ({ options, problem }) => {
        const backend = countingBackend();
        setBackend(backend);
        const parameters = scope(() => start(problem));
        const optimizer = make(parameters, options);
        for (const gradients of problem.grads)
          scope(() => {
            run(name, optimizer, parameters, [gradients]);
            optimizer.loadStateDict(optimizer.stateDict());
            // What is given from outside is not the optimizer's to free.
            for (const p of parameters) p.grad?.dispose();
            optimizer.zeroGrad();
          });
        const alive = backend.liveBytes;
        scope(() => {
          const elements = [...parameters, ...tensorsIn(optimizer.stateDict())].map((x) => x.numel());
          expect(alive).toBeLessThanOrEqual(4 * elements.reduce((a, b) => a + b));
        });
      }),
      RUNS,
    );
  });

  test.skipIf(rule === null || "oneGroup" in rule)(
    "the splitting of a group, and the order of parameters, change nothing",
    () => {
      // Sums over all parameters are rounded in their order.
      const isJoint = "step" in rule!;
      fc.assert(
        fc.property(cases, fc.infiniteStream(fc.nat()), fc.nat(3), ({ options, problem }, ranks, cut) => {
          const others = start(problem);
          const shuffled = others
            .map((p, i) => ({ p, rank: isJoint ? i : ranks.next().value }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ p }) => p);
          const groups = [{ params: shuffled.slice(0, cut) }, { params: shuffled.slice(cut) }];
          run(name, make(groups, options), others, problem.grads);
          expect(bits(others)).toEqual(end(name, options, problem));
        }),
        RUNS,
      );
    },
  );

  test("mirrored gradients lead from the mirrored start to the mirrored end", () => {
    fc.assert(
      fc.property(cases, ({ options, problem }) => {
        const other = end(name, options, changed(problem, mirrored, mirrored));
        expect(unsigned(other)).toEqual(end(name, options, problem).map((xs) => xs.map(mirrored)));
      }),
      RUNS,
    );
  });

  test.runIf(GIVEN.includes(name))("a gradient of zeros without decay changes no parameter", () => {
    // ASGD has a decay of another name.
    const idle = { weightDecay: 0, maximize: false, lambd: 0 };
    const own = Object.fromEntries(Object.entries(idle).filter(([option]) => has(option)(name)));
    fc.assert(
      fc.property(cases, ({ options, problem }) => {
        const still = changed(problem, () => 0);
        expect(end(name, { ...options, ...own }, still)).toEqual(problem.start);
      }),
      RUNS,
    );
  });
});

describe.each(GIVEN.filter(has("maximize")))("%s", (name) => {
  test("maximize mirrors minimize", () => {
    fc.assert(
      fc.property(OPTIMIZER_CASES[name]!.options, trainingProblem(), (options, problem) => {
        const down = end(name, { ...options, maximize: false }, changed(problem, mirrored));
        expect(end(name, { ...options, maximize: true }, problem)).toEqual(down);
      }),
      RUNS,
    );
  });
});

/** The options with which only ratios of gradients count. The others multiply gradients by a rate: RAdam in its first steps. */
const RATIOS: Record<string, Options> = {
  Rprop: {},
  Lion: {},
  COCOB: { weightDecay: 0 },
  Adagrad: { eps: 0, weightDecay: 0, initialAccumulatorValue: 0 },
  // An eps that vanishes beside all squares, but not on its own: the first step is made of it.
  Adadelta: { eps: 1e-14, weightDecay: 0, rho: 0.9 },
  RMSprop: { eps: 0, weightDecay: 0 },
  Adam: { eps: 0, weightDecay: 0 },
  AdamW: { eps: 0 },
  Adamax: { eps: 0, weightDecay: 0 },
  NAdam: { eps: 0, weightDecay: 0 },
  AdamWScheduleFree: { eps: 0 },
  Adafactor: { eps: [0, 1e-3] },
  Muon: { eps: 0 },
  LAMB: { eps: 0 },
  LARS: { eps: 0, lr: 0.125, weightDecay: 0, alwaysAdapt: true, trustClip: false },
  Prodigy: { eps: 1e-30, weightDecay: 0 },
  DAdaptSGD: { weightDecay: 0 },
  DAdaptLion: {},
};

describe.each(Object.entries(RATIOS))("%s", (name, still) => {
  test("gradients that are a power of two larger lead to the same end, to the bit", () => {
    fc.assert(
      fc.property(
        OPTIMIZER_CASES[name]!.options,
        trainingProblem(OPTIMIZER_CASES[name]),
        fc.integer({ min: 1, max: 8 }),
        (options, problem, power) => {
          const larger = changed(problem, (g) => g * 2 ** power);
          expect(end(name, { ...options, ...still }, larger)).toEqual(end(name, { ...options, ...still }, problem));
        },
      ),
      RUNS,
    );
  });
});

/** How long the first step of a coordinate is, whatever its gradient. */
const FIRST_STEPS: Record<string, readonly [options: Options, length: number]> = {
  Adagrad: [{ lr: 0.25 }, 0.25],
  RMSprop: [{ lr: 0.25, alpha: 0.75 }, 0.5],
  Rprop: [{ lr: 0.25 }, 0.25],
  Adam: [{ lr: 0.25 }, 0.25],
  AdamW: [{ lr: 0.25, weightDecay: 0.5 }, 0.25],
  Adamax: [{ lr: 0.25 }, 0.25],
  Lion: [{ lr: 0.25 }, 0.25],
  COCOB: [{ alpha: 4 }, 0.25],
  AdamWScheduleFree: [{ lr: 0.25 }, 0.25],
};

describe.each(Object.entries(FIRST_STEPS))("%s", (name, [options, length]) => {
  test("the first step has one length in every coordinate with a gradient, and none in the others", () => {
    fc.assert(
      fc.property(coarse(4), (gradient) => {
        const problem = { shapes: [[4]], start: [[0, 0, 0, 0]], grads: [[gradient]] };
        for (const [i, x] of end(name, options, problem)[0]!.entries()) {
          const expected = -Math.sign(gradient[i]!) * length;
          expect(Math.abs(x - expected)).toBeLessThanOrEqual(length * 4e-7);
        }
      }),
      RUNS,
    );
  });
});

/** Options with which anyone would expect an optimizer to find the minimum within 300 steps. */
const SANE: Record<string, readonly Options[]> = {
  SGD: [{ lr: 0.3 }, { lr: 0.1, momentum: 0.9 }, { lr: 0.1, momentum: 0.9, nesterov: true }],
  Adagrad: [{ lr: 1 }],
  Adadelta: [{ lr: 10, rho: 0.9 }],
  RMSprop: [{ lr: 0.03 }, { lr: 0.03, centered: true, eps: 0.1 }, { lr: 0.003, momentum: 0.9 }],
  Rprop: [{}],
  Adam: [{ lr: 0.1 }, { lr: 0.1, amsgrad: true }],
  AdamW: [{ lr: 0.1, weightDecay: 0 }],
  Adamax: [{ lr: 0.1 }],
  NAdam: [{ lr: 0.1 }],
  RAdam: [{ lr: 0.2 }],
  ASGD: [{ lr: 0.3 }],
  Lion: [{ lr: 0.02, betas: [0.5, 0.9] }],
  COCOB: [{}],
  SGDScheduleFree: [{ lr: 0.5 }],
  AdamWScheduleFree: [{ lr: 0.3 }],
  Adafactor: [{ lr: 0.05 }],
  LAMB: [{ lr: 0.01, weightDecay: 0 }],
  LARS: [{ lr: 20 }],
  Prodigy: [{}, { useBiasCorrection: true }],
  DAdaptAdam: [{}],
  DAdaptSGD: [{ lr: 0.2 }, { momentum: 0.9 }],
  DAdaptAdaGrad: [{}],
  Lookahead: [{}],
};

describe.each(Object.entries(SANE))("%s", (name, sane) => {
  test.each(sane)("finds the minimum of a quadratic with %j", (options) => {
    fc.assert(
      fc.property(coarse(12), (values) => {
        const p = new Parameter(tensor(values));
        const curvature = tensor([0.25, 0.25, 0.25, 0.5, 0.5, 0.5, 1, 1, 1, 2, 2, 2]);
        const optimizer = OPTIMIZER_CASES[name]!.make([p], options);
        for (let t = 0; t < 300; t++) {
          p.grad = p.detach().sub(1).mul(curvature);
          optimizer.step();
        }
        optimizer.eval();
        for (const x of bits([p])[0]!) expect(Math.abs(x - 1)).toBeLessThan(0.05);
      }),
      { numRuns: 3 },
    );
  });
});
