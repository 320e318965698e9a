import { cpu } from "@descent/backend-cpu";
import { Parameter, setBackend, type Tensor, tensor, zeros } from "@descent/core";
import "@descent/core/methods";
import { countingBackend } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { clipGradNorm, GradientAccumulator, Prodigy, SGD } from "../index.ts";

beforeEach(() => setBackend(cpu()));

const made = (): Parameter => new Parameter(tensor([1, -2]));
/** The mean squared error of a linear model over some rows. */
const lossOf = (p: Tensor, rows: readonly (readonly number[])[]): Tensor =>
  tensor(rows as number[][])
    .matmul(p)
    .sub(1)
    .square()
    .mean();
const coarse = fc.integer({ min: -8, max: 8 }).map((i) => i / 8);
const batch = (size: number): fc.Arbitrary<number[][]> =>
  fc.array(fc.tuple(coarse, coarse), { minLength: size, maxLength: size });
const data = fc
  .record({ steps: fc.integer({ min: 1, max: 5 }), size: fc.integer({ min: 1, max: 3 }) })
  .chain(({ steps, size }) =>
    fc.record({ steps: fc.constant(steps), batches: fc.array(batch(size), { minLength: 1, maxLength: steps }) }),
  );

describe("GradientAccumulator", () => {
  test("an optimizer or a loss that is none is an error that says so, and changes nothing", () => {
    const p = made();
    expect(() => new GradientAccumulator([p] as never, { steps: 2 })).toThrow(
      "GradientAccumulator: expected an optimizer, got [a tensor of shape [2]]; pass one, such as new SGD(…)",
    );
    const accumulator = new GradientAccumulator(new SGD([p]), { steps: 2 });
    p.grad = tensor([1, 1]);
    expect(() => accumulator.step(0.5 as never)).toThrow("GradientAccumulator.step: loss is 0.5, expected a tensor");
    expect(p.grad).not.toBeNull();
    expect(accumulator.pending).toBe(0);
  });

  test("micro-batches of one size make the step of the one large batch, also where the last ones are missing", () => {
    fc.assert(
      fc.property(data, ({ steps, batches }) => {
        const [p, q] = [made(), made()];
        const accumulator = new GradientAccumulator(new SGD([p], { lr: 0.5 }), { steps });
        const stepped = batches.map((rows) => accumulator.step(lossOf(p, rows)));
        expect(stepped).toEqual(batches.map((_, i) => i === steps - 1));
        expect(accumulator.flush()).toBe(batches.length < steps);

        lossOf(q, batches.flat()).backward();
        new SGD([q], { lr: 0.5 }).step();
        expect(p.sub(q).abs().amax().item()).toBeLessThan(2e-6);
        expect(p.grad!.sub(q.grad!).abs().amax().item()).toBeLessThan(4e-6);
      }),
    );
  });

  test("every step begins anew, and gradients are there until then", () => {
    const p = made();
    const accumulator = new GradientAccumulator(new SGD([p], { lr: 1 }), { steps: 2 });
    p.grad = tensor([100, 100]);
    const moves: number[][] = [];
    for (let i = 0; i < 6; i++) {
      const before = p.detach();
      if (accumulator.step(p.mul(tensor([i, 1])).sum())) moves.push(before.sub(p).toArray());
      expect(accumulator.pending).toBe((i + 1) % 2);
    }
    expect(moves).toEqual([
      [0.5, 1],
      [2.5, 1],
      [4.5, 1],
    ]);
    expect(p.grad!.toArray()).toEqual([4.5, 1]);
    expect(accumulator.flush()).toBe(false);
  });

  test("beforeStep sees the complete gradients, once per step", () => {
    const p = made();
    const seen: unknown[] = [];
    const beforeStep = (): void => {
      seen.push(p.grad!.toArray());
      clipGradNorm(p, 1);
    };
    const accumulator = new GradientAccumulator(new SGD([p], { lr: 1 }), { steps: 3, beforeStep });
    for (const scale of [3, 9, 12]) accumulator.step(p.mul(tensor([0, scale])).sum());
    accumulator.step(p.mul(tensor([6, 0])).sum());
    accumulator.flush();
    expect(seen).toEqual([
      [0, 8],
      [6, 0],
    ]);
    expect(p.toArray()).toEqual([expect.closeTo(0, 5), expect.closeTo(-3, 5)]);
  });

  test("a step that fails can be made again, and is not scaled twice", () => {
    const p = made();
    const optimizer = new SGD([p], { lr: 1 });
    const accumulator = new GradientAccumulator(optimizer, { steps: 4 });
    accumulator.step(p.mul(tensor([1, 2])).sum());
    optimizer.paramGroups[0]!.lr = -1;
    expect(() => accumulator.flush()).toThrow("lr is -1");
    optimizer.paramGroups[0]!.lr = 1;
    expect(accumulator.flush()).toBe(false);
    optimizer.step();
    expect(p.toArray()).toEqual([0, -4]);
  });

  test("never reads from the device, and leaves nothing behind", () => {
    const backend = { ...countingBackend(), synchronous: false };
    const counting = countingBackend();
    setBackend(backend);
    const deferred = new Parameter(zeros([2]));
    const never = new GradientAccumulator(new SGD([deferred]), { steps: 3 });
    expect(never.step(deferred.sum())).toBe(false);
    expect(never.flush()).toBe(true);

    setBackend(counting);
    using initial = tensor([1, -2]);
    const p = new Parameter(initial);
    const accumulator = new GradientAccumulator(new SGD([p], { momentum: 0.9 }), { steps: 2 });
    for (let i = 0; i < 7; i++) {
      const loss = p.sum();
      accumulator.step(loss);
      loss.dispose();
    }
    accumulator.flush();
    p.grad = null;
    expect(counting.liveBytes).toBe(8 * 3);
  });

  test("stepAsync and flushAsync do the same on any device, with optimizers that read values", async () => {
    const rows = [
      [1, 0.5],
      [-0.5, 1],
      [0.25, 1],
      [1, 1],
      [0.5, -1],
    ];
    const train = async (isLater: boolean): Promise<unknown> => {
      setBackend({ ...cpu(), synchronous: !isLater });
      const p = made();
      const accumulator = new GradientAccumulator(new Prodigy([p], { d0: 0.1 }), { steps: 2 });
      const stepped: boolean[] = [];
      for (const row of rows) {
        const loss = lossOf(p, [row]);
        stepped.push(isLater ? await accumulator.stepAsync(loss) : accumulator.step(loss));
      }
      stepped.push(isLater ? await accumulator.flushAsync() : accumulator.flush());
      stepped.push(isLater ? await accumulator.flushAsync() : accumulator.flush());
      return [stepped, ...(await p.data())];
    };
    const expected = await train(false);
    expect(expected).toEqual([[false, true, false, true, false, true, false], expect.any(Number), expect.any(Number)]);
    expect(await train(true)).toEqual(expected);
  });

  test.each<[string, () => unknown]>([
    ["GradientAccumulator: steps is 0, expected an integer ≥ 1", () => ({ steps: 0 })],
    ["GradientAccumulator: steps is undefined, expected an integer ≥ 1", () => ({})],
    ["GradientAccumulator: beforeStep is 3, expected a function", () => ({ steps: 2, beforeStep: 3 })],
    ["GradientAccumulator: every is unknown (known: steps, beforeStep)", () => ({ steps: 2, every: 3 })],
    ["GradientAccumulator: expected options { steps, beforeStep }, got 4", () => 4],
  ])("%s", (message, options) => {
    const make = (): unknown => new GradientAccumulator(new SGD([made()]), options() as never);
    expect(make).toThrow(expect.objectContaining({ message }));
  });
});
