import { cpu } from "@descent/backend-cpu";
import { Parameter, setBackend, tensor } from "@descent/core";
import { beforeEach, describe, expect, test } from "vitest";
import { LambdaLR, ScheduleLR, SGD, StepLR } from "../index.ts";

beforeEach(() => setBackend(cpu()));

const optimizerWith = (...lrs: number[]): SGD => new SGD(lrs.map((lr) => ({ params: new Parameter(tensor([1])), lr })));
const rates = (optimizer: SGD): number[] => optimizer.paramGroups.map(({ lr }) => lr);

describe("ScheduleLR", () => {
  test("records the initial rate of every group once, for all schedulers", () => {
    const optimizer = optimizerWith(0.1, 0.2);
    new LambdaLR(optimizer, { lrLambda: () => 0.5 });
    expect(rates(optimizer)).toEqual([0.05, 0.1]);
    new StepLR(optimizer, { stepSize: 1 });
    expect(optimizer.paramGroups.map(({ initialLr }) => initialLr)).toEqual([0.1, 0.2]);
    expect(rates(optimizer)).toEqual([0.05, 0.1]);
  });

  test("a rate changed by hand lasts until the next step", () => {
    const optimizer = optimizerWith(0.1);
    const scheduler = new StepLR(optimizer, { stepSize: 2, gamma: 0.5 });
    optimizer.paramGroups[0]!.lr = 7;
    scheduler.step();
    expect(rates(optimizer)).toEqual([0.1]);
    scheduler.step(1.25);
    expect(rates(optimizer)).toEqual([0.05]);
  });

  test("a group that is added later starts at its own rate", () => {
    const optimizer = optimizerWith(0.1);
    const scheduler = new StepLR(optimizer, { stepSize: 2, gamma: 0.5 });
    scheduler.step();
    optimizer.addParamGroup({ params: new Parameter(tensor([1])), lr: 0.4 });
    scheduler.step();
    expect(rates(optimizer)).toEqual([0.05, 0.2]);
  });

  test("follows schedules of your own, one for all groups or one for each", () => {
    const optimizer = optimizerWith(0.1, 0.2);
    const scheduler = new ScheduleLR(optimizer, [(t, base) => base / (1 + t), (t) => t]);
    scheduler.step();
    expect(rates(optimizer)).toEqual([0.05, 1]);
    const other = optimizerWith(0.1, 0.2);
    new ScheduleLR(other, (t, base) => base / (1 + t)).step();
    expect(rates(other)).toEqual([0.05, 0.1]);
  });

  test("takes one function for every group", () => {
    const optimizer = optimizerWith(0.1, 0.1);
    new LambdaLR(optimizer, { lrLambda: [() => 1, () => 2] });
    expect(rates(optimizer)).toEqual([0.1, 0.2]);
  });

  test("a function that throws changes nothing", () => {
    const optimizer = optimizerWith(0.1, 0.2);
    const scheduler = new LambdaLR(optimizer, {
      lrLambda: [
        () => 0.5,
        (t) => {
          if (t === 1) throw new RangeError("no");
          return 0.5;
        },
      ],
    });
    expect(() => scheduler.step()).toThrow("no");
    expect(scheduler.lastEpoch).toBe(0);
    expect(rates(optimizer)).toEqual([0.05, 0.1]);
  });
});
