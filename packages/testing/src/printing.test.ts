import { cpu } from "@descent/backend-cpu";
import { grad, ones, Parameter, type PrintOptions, setBackend, setPrintOptions, tensor, zeros } from "@descent/core";
import "@descent/core/methods";
import { inspect } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { type GoldenTensor, goldenCases, goldenTensor } from "./golden.ts";

beforeAll(() => setBackend(cpu()));

interface PrintingCase {
  readonly options: PrintOptions;
  readonly tensor: GoldenTensor;
  readonly text: string;
}

test("tensors are printed as PyTorch prints them", () => {
  for (const { options, tensor, text } of goldenCases<PrintingCase>("printing")) {
    const before = setPrintOptions(options);
    try {
      expect(String(goldenTensor(tensor)), JSON.stringify({ options, tensor })).toBe(text);
    } finally {
      setPrintOptions(before);
    }
  }
});

describe("what is printed behind the elements", () => {
  test("is where a tensor stands in the graph", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    expect(String(x)).toBe("tensor([1., 2.], requiresGrad=true)");
    expect(String(x.add(1))).toBe("tensor([2., 3.], gradFn=<add>)");
    expect(String(x.detach())).toBe("tensor([1., 2.])");
    expect(String(grad(x.sum(), x))).toBe("tensor([1., 1.])");
    expect(String(new Parameter(ones([1])))).toBe("Parameter containing:\ntensor([1.], requiresGrad=true)");
  });

  test("begins a line where it is too long for the last", () => {
    const x = zeros([2, 13], { requiresGrad: true, dtype: "float64" });
    const row = `[${Array(13).fill("0.").join(", ")}]`;
    expect(String(x)).toBe(`tensor([${row},\n        ${row}], dtype=float64,\n       requiresGrad=true)`);
  });
});

describe("setPrintOptions", () => {
  test("returns what held before, which puts it back", () => {
    const before = setPrintOptions({ precision: 1 });
    expect(before).toEqual({ precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80, sciMode: null });
    expect(String(tensor(0.25))).toBe("tensor(0.2)");
    expect(setPrintOptions(before)).toEqual({ ...before, precision: 1 });
    expect(String(tensor(0.25))).toBe("tensor(0.2500)");
  });

  test.each([
    [{ precision: -1 }, "precision cannot be -1"],
    [{ precision: 100 }, "precision cannot be 100"],
    [{ edgeitems: 0.5 }, "edgeitems cannot be 0.5"],
    [{ threshold: Number.NaN }, "threshold cannot be NaN"],
    [{ linewidth: Number.POSITIVE_INFINITY }, "linewidth cannot be Infinity"],
  ])("rejects %j, and changes nothing", (options, message) => {
    expect(() => setPrintOptions(options)).toThrow(`setPrintOptions: ${message}`);
    expect(String(tensor(0.25))).toBe("tensor(0.2500)");
  });
});

describe("in notebooks", () => {
  const shown = (x: object): unknown => (x as Record<symbol, () => unknown>)[Symbol.for("Jupyter.display")]!();

  test("vectors and matrices are tables", () => {
    expect(shown(tensor([[1, 2.5]]))).toEqual({
      "text/plain": "tensor([[1.0000, 2.5000]])",
      "text/html": "<table><tr><td>1.0000</td><td>2.5000</td></tr></table><pre>1 × 2 float32</pre>",
    });
    expect(shown(tensor([true]))).toMatchObject({
      "text/html": "<table><tr><td>true</td></tr></table><pre>1 bool</pre>",
    });
  });

  test("large ones are summarised", () => {
    const { "text/html": html } = shown(zeros([50, 40])) as { "text/html": string };
    expect(html.match(/<tr>/g)).toHaveLength(7);
    expect(html.match(/<td>0\.<\/td>/g)).toHaveLength(36);
    expect(html).toContain("<tr><td>⋮</td></tr>");
  });

  test("all else is its text, escaped", () => {
    const x = tensor(1, { requiresGrad: true });
    expect(shown(x.add(1))).toEqual({
      "text/plain": "tensor(2., gradFn=<add>)",
      "text/html": "<pre>tensor(2., gradFn=&lt;add&gt;)</pre>",
    });
    expect(shown(zeros([0]))).toMatchObject({ "text/html": "<pre>tensor([])</pre>" });
    x.dispose();
    expect(shown(x)).toEqual({ "text/plain": "tensor(disposed)" });
    expect(inspect(x)).toBe("tensor(disposed)");
  });
});
