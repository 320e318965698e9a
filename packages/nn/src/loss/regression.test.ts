import { cpu } from "@descent/backend-cpu";
import { gradcheck, ones, randn, setBackend, tensor } from "@descent/core";
import { describe, expect, test } from "vitest";
import { functional, MSELoss } from "../index.ts";

setBackend(cpu());
const { mseLoss } = functional;
const f64 = { dtype: "float64" } as const;
const like = { ...f64, requiresGrad: true };

describe("mseLoss", () => {
  test("averages, sums, or lists squared differences", () => {
    const [x, target] = [tensor([1, 2, 3]), tensor([1, 0, 6])];
    expect(new MSELoss().call(x, target).item()).toBeCloseTo(13 / 3, 6);
    expect(new MSELoss({ reduction: "sum" }).call(x, target).item()).toBe(13);
    expect(new MSELoss({ reduction: "none" }).call(x, target).toArray()).toEqual([0, 4, 9]);
  });

  test("of two dtypes is that of the wider one", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const loss = mseLoss(x, tensor([1, 4], f64));
    expect([loss.dtype, loss.item()]).toEqual(["float64", 2]);
    loss.backward();
    expect([x.grad!.dtype, x.grad!.toArray()]).toEqual(["float32", [0, -2]]);
    expect(mseLoss(x, tensor([3, 2], { dtype: "int32" })).item()).toBe(2);
  });

  test("its gradients", () => {
    gradcheck((x, y) => mseLoss(x!, y!), [randn([2, 3], like), randn([2, 3], like)]);
  });

  test("rejects different shapes, which PyTorch would broadcast with a warning", () => {
    expect(() => mseLoss(ones([2, 1]), ones([2]))).toThrow("mseLoss: the target [2] must be [2,1]; reshape() it");
    expect(() => new MSELoss({ reduction: "avg" as "mean" })).toThrow('MSELoss: unknown reduction "avg"');
    expect(() => mseLoss(ones([1]), ones([1]), { reduction: "avg" as "mean" })).toThrow(
      'mseLoss: unknown reduction "avg"',
    );
  });
});
