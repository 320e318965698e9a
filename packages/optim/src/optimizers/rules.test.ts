import { cpu } from "@descent/backend-cpu";
import { Parameter, setBackend, Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Adam, type AdamHyper, AdamW, type Params, SGD, type SGDHyper } from "../index.ts";

// Properties of every per-parameter rule, over random shapes, options and gradients. A new optimizer gets all of them with a line in MAKERS.

beforeEach(() => setBackend(cpu()));

type Options = Partial<SGDHyper & AdamHyper>;
type Given = Params<Options>;

/** All optimizers look alike from here. */
type AnyOptimizer = SGD;
const MAKERS: Record<string, (params: Given, options: Options) => AnyOptimizer> = {
  SGD: (params, options) => new SGD(params as never, options),
  Adam: (params, options) => new Adam(params as never, options) as never,
  AdamW: (params, options) => new AdamW(params as never, options) as never,
};

const common = {
  lr: fc.constantFrom(0, 0.01, 0.125, 1),
  weightDecay: fc.constantFrom(0, 0.01, 0.25),
  maximize: fc.boolean(),
};
const adam = fc.record({
  ...common,
  betas: fc.constantFrom<[number, number]>([0.9, 0.999], [0, 0.5], [0.5, 0]),
  eps: fc.constantFrom(1e-8, 0.125),
  amsgrad: fc.boolean(),
});
const OPTIONS: Record<string, fc.Arbitrary<Options>> = {
  SGD: fc
    .record({
      ...common,
      momentum: fc.constantFrom(0, 0.5, 0.9),
      dampening: fc.constantFrom(0, 0.25),
      nesterov: fc.boolean(),
    })
    .map((o) => (o.momentum === 0 || o.dampening !== 0 ? { ...o, nesterov: false } : o)),
  Adam: adam,
  AdamW: adam,
};

/** Values on a coarse grid. */
const values = (length: number): fc.Arbitrary<number[]> =>
  fc.array(
    fc.integer({ min: -32, max: 32 }).map((i) => i / 8 || 0),
    { minLength: length, maxLength: length },
  );

interface Problem {
  readonly shapes: readonly number[][];
  readonly start: readonly number[][];
  /** `[step][parameter]`; `null` where there is no gradient. */
  readonly grads: readonly (readonly (number[] | null)[])[];
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const problem: fc.Arbitrary<Problem> = fc
  .record({
    shapes: fc.array(fc.constantFrom<number[]>([], [1], [3], [2, 2], [0]), { minLength: 1, maxLength: 3 }),
    steps: fc.integer({ min: 1, max: 5 }),
  })
  .chain(({ shapes, steps }) => {
    const gradient = fc.tuple(...shapes.map((shape) => fc.option(values(sizeOf(shape)), { freq: 6 })));
    return fc.record({
      shapes: fc.constant(shapes),
      start: fc.tuple(...shapes.map((shape) => values(sizeOf(shape)))),
      grads: fc.array(gradient, { minLength: steps, maxLength: steps }),
    });
  });

const parametersOf = ({ shapes, start }: Problem): Parameter[] =>
  shapes.map((shape, i) => new Parameter(tensor(start[i]!).reshape(shape)));

function run(optimizer: AnyOptimizer, parameters: readonly Parameter[], grads: Problem["grads"]): void {
  for (const gradients of grads) {
    for (const [i, p] of parameters.entries()) {
      const g = gradients[i] ?? null;
      p.grad = g === null ? null : tensor(g).reshape(p.shape);
    }
    optimizer.step();
  }
}

const bits = (xs: readonly Tensor[]): number[][] => xs.map((x) => Array.from(x.dataSync()));

/** A state dict with arrays in place of tensors. */
function plain({ state, paramGroups }: ReturnType<AnyOptimizer["stateDict"]>): unknown {
  const entries = Object.entries(state).map(([i, entry]) => [
    i,
    Object.entries<unknown>(entry).map(([key, x]) => [key, x instanceof Tensor ? bits([x]) : x]),
  ]);
  return { entries, paramGroups };
}

describe.each(Object.keys(MAKERS))("%s", (name) => {
  const make = MAKERS[name]!;
  const cases = fc.record({ options: OPTIONS[name]!, problem });

  test("resuming from a saved state, at any step, equals never having stopped", () => {
    fc.assert(
      fc.property(cases, fc.nat(5), ({ options, problem }, at) => {
        const parameters = parametersOf(problem);
        const optimizer = make(parameters, options);
        run(optimizer, parameters, problem.grads.slice(0, at));
        const saved = optimizer.stateDict();
        const copies = parameters.map((p) => new Parameter(p.detach()));
        run(optimizer, parameters, problem.grads.slice(at));

        // Options come with the state.
        const resumed = make(copies, {});
        resumed.loadStateDict(saved);
        run(resumed, copies, problem.grads.slice(at));
        expect(bits(copies)).toEqual(bits(parameters));
        expect(plain(resumed.stateDict())).toEqual(plain(optimizer.stateDict()));
      }),
    );
  });

  test("snapshots do not change with later steps", () => {
    fc.assert(
      fc.property(cases, ({ options, problem }) => {
        const parameters = parametersOf(problem);
        const optimizer = make(parameters, options);
        run(optimizer, parameters, problem.grads.slice(0, 1));
        const saved = optimizer.stateDict();
        const before = plain(saved);
        run(optimizer, parameters, problem.grads);
        expect(plain(saved)).toEqual(before);
      }),
    );
  });

  test("the order of parameters and the splitting of a group change nothing", () => {
    fc.assert(
      fc.property(cases, fc.infiniteStream(fc.nat()), fc.nat(3), ({ options, problem }, ranks, cut) => {
        const parameters = parametersOf(problem);
        run(make(parameters, options), parameters, problem.grads);

        const others = parametersOf(problem);
        const shuffled = others
          .map((p) => ({ p, rank: ranks.next().value }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ p }) => p);
        const groups = [{ params: shuffled.slice(0, cut) }, { params: shuffled.slice(cut) }];
        run(make(groups, options), others, problem.grads);
        expect(bits(others)).toEqual(bits(parameters));
      }),
    );
  });

  test("maximize mirrors minimize", () => {
    fc.assert(
      fc.property(cases, ({ options, problem }) => {
        const [up, down] = [parametersOf(problem), parametersOf(problem)];
        run(make(up, { ...options, maximize: true }), up, problem.grads);
        const mirrored = problem.grads.map((gs) => gs.map((g) => g?.map((x) => -x) ?? null));
        run(make(down, { ...options, maximize: false }), down, mirrored);
        expect(bits(up)).toEqual(bits(down));
      }),
    );
  });

  test("a gradient of zeros without decay changes no parameter", () => {
    fc.assert(
      fc.property(cases, ({ options, problem }) => {
        const parameters = parametersOf(problem);
        const zeros = problem.grads.map((gs) => gs.map((g) => g?.map(() => 0) ?? null));
        run(make(parameters, { ...options, weightDecay: 0, maximize: false }), parameters, zeros);
        expect(bits(parameters)).toEqual(problem.start);
      }),
    );
  });

  test("a convex quadratic converges", () => {
    const sane: Record<string, Options[]> = {
      SGD: [{ lr: 0.3 }, { lr: 0.1, momentum: 0.9 }, { lr: 0.1, momentum: 0.9, nesterov: true }],
      Adam: [{ lr: 0.1 }, { lr: 0.1, amsgrad: true }],
      AdamW: [{ lr: 0.1, weightDecay: 0 }],
    };
    fc.assert(
      fc.property(values(3), fc.constantFrom(...sane[name]!), (start, options) => {
        const p = new Parameter(tensor(start));
        const curvature = tensor([0.25, 1, 2]);
        const optimizer = make([p], options);
        for (let t = 0; t < 300; t++) {
          p.grad = p.detach().sub(1).mul(curvature);
          optimizer.step();
        }
        for (const x of bits([p])[0]!) expect(Math.abs(x - 1)).toBeLessThan(1e-2);
      }),
      { numRuns: 20 },
    );
  });
});

describe.each(["Adam", "AdamW"])("%s", (name) => {
  test("AMSGrad's maximum never shrinks, and is the largest average so far", () => {
    fc.assert(
      fc.property(fc.record({ options: OPTIONS[name]!, problem }), ({ options, problem }) => {
        const parameters = parametersOf(problem);
        const optimizer = MAKERS[name]!(parameters, { ...options, amsgrad: true });
        const most = problem.shapes.map((shape) => new Array<number>(sizeOf(shape)).fill(0));
        for (const gradients of problem.grads) {
          run(optimizer, parameters, [gradients]);
          const { state } = optimizer.stateDict() as unknown as ReturnType<Adam["stateDict"]>;
          for (const [i, { expAvgSq, maxExpAvgSq }] of Object.entries(state)) {
            const v = bits([expAvgSq!])[0]!;
            most[Number(i)] = most[Number(i)]!.map((x, k) => Math.max(x, v[k]!));
            expect(bits([maxExpAvgSq!])[0]).toEqual(most[Number(i)]);
          }
        }
      }),
    );
  });
});

describe("SGD", () => {
  test("nesterov without momentum is rejected", () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 0.25), (dampening) => {
        const make = (): SGD => new SGD([new Parameter(tensor([1]))], { nesterov: true, momentum: 0, dampening });
        expect(make).toThrow(
          `SGD: nesterov needs momentum > 0 and dampening 0, got momentum 0 and dampening ${dampening}`,
        );
      }),
    );
  });

  test("momentum that is switched on later starts with the gradient", () => {
    const p = new Parameter(tensor([1]));
    const optimizer = new SGD([p], { lr: 0.5 });
    run(optimizer, [p], [[[1]]]);
    Object.assign(optimizer.paramGroups[0]!, { momentum: 0.5, dampening: 0.5 });
    run(optimizer, [p], [[[1]], [[1]]]);
    expect(bits([p, optimizer.stateDict().state[0]!.momentumBuffer!])).toEqual([[-0.5], [1]]);
  });
});
