import { readFileSync } from "node:fs";
import { cpu } from "@descent/backend-cpu";
import { Parameter, setBackend, tensor } from "@descent/core";
import { beforeEach, describe, expect, test } from "vitest";
import * as optim from "../index.ts";

// What PyTorch answers.

interface SchedulerCase {
  readonly scheduler: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly composed?: readonly string[];
  readonly baseLrs: readonly number[];
  readonly momentum?: number;
  readonly steps: number;
  readonly optimizer?: "Adam";
  readonly metrics?: readonly number[];
  readonly epochs?: readonly (number | null)[];
  readonly lrs: readonly (readonly number[])[];
  readonly momentums?: readonly (readonly number[])[];
}

const url = new URL("../../../testing/golden/schedulers.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(url, "utf8")) as { cases: readonly SchedulerCase[] };

const SIMPLE =
  "LambdaLR MultiplicativeLR StepLR MultiStepLR ConstantLR LinearLR ExponentialLR PolynomialLR CosineAnnealingLR CosineAnnealingWarmRestarts CyclicLR OneCycleLR ReduceLROnPlateau SWALR".split(
    " ",
  );
type Constructor = new (optimizer: optim.AnyOptimizer, options: object) => optim.LRScheduler;
const classes = optim as unknown as Readonly<Record<string, Constructor>>;

/** The functions of the file, by the text that stands for them. */
const FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  "0.95 ** epoch": (epoch) => 0.95 ** epoch,
  "1 / (1 + epoch)": (epoch) => 1 / (1 + epoch),
  "epoch odd ? 0.9 : 1.05": (epoch) => (epoch % 2 === 1 ? 0.9 : 1.05),
  "1 / cycle": (cycle) => 1 / cycle,
  "0.9 ** step": (step) => 0.9 ** step,
};
const withFunctions = (options: object): object =>
  Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map((x) => FUNCTIONS[x] ?? x) : (FUNCTIONS[value] ?? value),
    ]),
  );

/** A scheduler from text such as `StepLR(stepSize=3,gamma=0.5)`. */
function schedulerOf(text: string, optimizer: optim.AnyOptimizer): optim.LRScheduler {
  const [, name, list] = /^(\w+)\((.*)\)$/.exec(text)!;
  const options = list!
    .split(/,(?=\w+=)/)
    .flatMap((option) => (option === "" ? [] : [option.split("=") as [string, string]]));
  return new classes[name!]!(
    optimizer,
    withFunctions(Object.fromEntries(options.map(([key, value]) => [key, JSON.parse(value)]))),
  );
}

function optimizerFor({ optimizer, baseLrs, momentum = 0 }: SchedulerCase): optim.AnyOptimizer {
  const groups = baseLrs.map((lr) => ({ params: new Parameter(tensor([1])), lr }));
  return optimizer === "Adam"
    ? new optim.Adam(groups, { betas: [momentum, 0.999] })
    : new optim.SGD(groups, { momentum });
}

function schedulerFor(
  { scheduler, options, composed = [] }: SchedulerCase,
  optimizer: optim.AnyOptimizer,
): optim.LRScheduler {
  if (scheduler === "ChainedScheduler")
    return new optim.ChainedScheduler(composed.map((text) => schedulerOf(text, optimizer)));
  if (scheduler !== "SequentialLR") return new classes[scheduler]!(optimizer, withFunctions(options));
  const milestones = JSON.parse(composed.at(-1)!.replace("milestones=", "")) as number[];
  return new optim.SequentialLR(
    optimizer,
    composed.slice(0, -1).map((text) => schedulerOf(text, optimizer)),
    { milestones },
  );
}

beforeEach(() => setBackend(cpu()));

function expectClose(actual: readonly number[], expected: readonly number[], place: string): void {
  for (const [i, value] of expected.entries())
    expect(Math.abs(actual[i]! - value), `${place}, group ${i}`).toBeLessThanOrEqual(
      1e-14 * Math.max(1, Math.abs(value)),
    );
}

describe("schedulers give PyTorch's learning rates and momenta", () => {
  test.each(cases.map((c) => ({ ...c, title: `${c.scheduler} ${JSON.stringify(c.composed ?? c.options)}` })))(
    "$title",
    (c) => {
      const { steps, metrics, epochs, lrs, momentums } = c;
      const optimizer = optimizerFor(c);
      const scheduler = schedulerFor(c, optimizer);
      const given = metrics ?? epochs;
      expect(lrs).toHaveLength(steps + 1);
      for (const [t, expected] of lrs.entries()) {
        const { paramGroups } = optimizer;
        if (epochs === undefined) expect(scheduler.lastEpoch).toBe(t);
        expect(scheduler.getLastLr()).toEqual(paramGroups.map(({ lr }) => lr));
        expectClose(scheduler.getLastLr(), expected, `step ${t}`);
        const momenta = paramGroups.map(({ betas, momentum }) => betas?.[0] ?? momentum!);
        if (momentums) expectClose(momenta, momentums[t]!, `momenta, step ${t}`);
        if (t < steps) scheduler.step(given?.[t] ?? undefined);
      }
    },
  );

  test("every class is compared", () => {
    const names = [...new Set(cases.map(({ scheduler }) => scheduler))];
    expect(names.sort()).toEqual([...SIMPLE, "ChainedScheduler", "SequentialLR"].sort());
  });
});
