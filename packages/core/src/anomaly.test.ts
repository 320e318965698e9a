import { cpu } from "@descent/backend-cpu";
import {
  autograd,
  BackendError,
  CustomFunction,
  checkpoint,
  detectAnomaly,
  type FunctionContext,
  GradientError,
  grad,
  isAnomalyEnabled,
  setBackend,
  setDetectAnomaly,
  type Tensor,
  tensor,
  withBackend,
} from "@descent/core";
import "@descent/core/methods";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

beforeEach(() => setBackend(cpu()));
afterEach(() => setDetectAnomaly(false));

const leaf = (values: number[]): Tensor => tensor(values, { requiresGrad: true });

const LINE = /anomaly\.test\.ts:(\d+):/;

function caught(fn: () => unknown): GradientError {
  try {
    fn();
  } catch (error) {
    expect(error).toBeInstanceOf(GradientError);
    return error as GradientError;
  }
  throw new Error("nothing was thrown");
}

describe("anomaly mode", () => {
  test("is off, and on inside of the function", () => {
    expect(autograd.detectAnomaly).toBe(detectAnomaly);
    expect([isAnomalyEnabled(), detectAnomaly(isAnomalyEnabled), isAnomalyEnabled()]).toEqual([false, true, false]);
    setDetectAnomaly(true);
    expect(isAnomalyEnabled()).toBe(true);
    leaf([0])
      .sqrt()
      .sum()
      .backward.bind(leaf([1]));
    setDetectAnomaly(false);
    expect(() => leaf([0]).log().sum().backward()).not.toThrow();
    expect(() => detectAnomaly(async () => {})).toThrow("returned a promise");
    expect(isAnomalyEnabled()).toBe(false);
  });

  test("names the op, the input, the element and the line", () => {
    const error = caught(() =>
      detectAnomaly(() => {
        const x = leaf([1, 0, 2]);
        const y = x.mul(2).log(); // the line
        y.sum().backward();
      }),
    );
    expect(error.message).toMatch(
      /^backward: the gradient of input 0 of "log" is Infinity at element 1 of \[3\]; the op was called at .*anomaly\.test\.ts:\d+:\d+$/,
    );
    expect((error.cause as Error).message).toBe('"log" was called here');
    expect(LINE.exec(error.message)![1]).toBe(LINE.exec((error.cause as Error).stack!)![1]);
  });

  test("finds the first one on the way, not the last", () => {
    const error = caught(() =>
      detectAnomaly(() => {
        // 0 · ∞ on the way back: NaN in sqrt's gradient, handed on by exp and mul.
        const x = leaf([0]);
        x.mul(1).sqrt().mul(0).sum().backward();
      }),
    );
    expect(error.message).toContain('the gradient of input 0 of "sqrt" is NaN at element 0 of [1]');
  });

  test("tells which of two inputs", () => {
    const error = caught(() =>
      detectAnomaly(() =>
        leaf([1])
          .div(leaf([0]))
          .sum()
          .backward(),
      ),
    );
    expect(error.message).toContain('the gradient of input 0 of "div" is Infinity');
  });

  test("does not blame an op for what it was given", () => {
    const x = leaf([1]);
    const why = "backward() was given it, a hook returned it, or a sum overflowed";
    const given = caught(() => detectAnomaly(() => x.mul(2).backward(tensor([Number.NaN]))));
    expect(given.message).toContain(
      'backward: the gradient of output 0 of "mul" is NaN at element 0 of [1]; the op was called at ',
    );
    expect(given.message).toContain(why);
    const hooked = caught(() =>
      detectAnomaly(() => {
        const y = x.mul(2);
        y.registerHook((g) => g.div(0));
        y.exp().sum().backward();
      }),
    );
    expect(hooked.message).toContain('the gradient of output 0 of "mul" is Infinity');
    expect(hooked.message).toContain(why);
  });

  test("leaves out the line of a call that was recorded before", () => {
    const y = leaf([0]).log().sum();
    const error = caught(() => detectAnomaly(() => y.backward()));
    expect(error.message).toBe('backward: the gradient of input 0 of "log" is Infinity at element 0 of [1]');
    expect(error.cause).toBeUndefined();
  });

  test("gives calls of a backward pass the line of what they are the gradient of", () => {
    let here = "";
    const error = caught(() =>
      detectAnomaly(() => {
        const x = leaf([0]);
        const [y, trace] = [x.pow(1.5), new Error("here")];
        here = LINE.exec(trace.stack!)![1]!;
        const g = grad(y.sum(), x, { createGraph: true });
        g.sum().backward();
      }),
    );
    expect(error.message).toContain('of "pow" is Infinity');
    expect((error.cause as Error).message).toBe('"pow" was called here');
    expect(LINE.exec(error.message)![1]).toBe(here);
  });

  test("works with functions of one's own and inside of checkpoints", () => {
    class Bad extends CustomFunction {
      static forward(_: FunctionContext, x: Tensor): Tensor {
        return x.mul(2);
      }

      static backward(_: FunctionContext, g: Tensor): Tensor {
        return g.div(0);
      }
    }
    expect(
      caught(() =>
        detectAnomaly(() =>
          Bad.apply(leaf([1]))
            .sum()
            .backward(),
        ),
      ).message,
    ).toContain('input 0 of "Bad"');
    const inside = caught(() =>
      detectAnomaly(() =>
        checkpoint((x) => x.log(), leaf([0]))
          .sum()
          .backward(),
      ),
    );
    expect(inside.message).toMatch(/input 0 of "log" is Infinity .*anomaly\.test\.ts:/);
  });

  test("lets finite gradients pass", () => {
    const x = leaf([1, 2]);
    detectAnomaly(() => x.log().sum().backward());
    expect(x.grad!.toArray()).toEqual([1, 0.5]);
  });

  test("says that it has to read", () => {
    const backend = cpu();
    withBackend(backend, () => {
      const y = leaf([1]).exp().sum();
      Object.assign(backend, { synchronous: false });
      const run = () => detectAnomaly(() => y.backward());
      expect(run).toThrow(BackendError);
      expect(run).toThrow(
        `detectAnomaly: the mode reads every gradient, and backend "cpu" computes asynchronously; look for the anomaly on a synchronous one`,
      );
    });
  });
});
