import { cpu } from "@descent/backend-cpu";
import { setBackend, type Tensor, tensor, zeros } from "@descent/core";
import "@descent/core/methods";
import { fusedBackend } from "@descent/testing";
import { beforeEach, expect, test } from "vitest";
import { pointwise } from "../index.ts";

beforeEach(() => setBackend(cpu()));

const numbers = (x: Tensor): number[] => Array.from(x.dataSync());

test("a function of elements is one of tensors, by name", () => {
  const [a, b] = [tensor([1, -2]), tensor([3, 4])];
  const { sum, larger, same } = pointwise({ a, b }, ({ a, b }) => ({
    sum: a.add(b.mul(2)),
    larger: a.where(a.gt(b), b),
    same: b,
  }));
  expect([sum, larger, same].map(numbers)).toEqual([
    [7, 6],
    [3, 4],
    [3, 4],
  ]);
});

test("numbers may differ from call to call, and so may what is done with them", () => {
  const x = tensor([1, 2]);
  const scaled = (by: number, up: boolean): number[] =>
    numbers(pointwise({ x }, ({ x }) => ({ y: up ? x.mul(by) : x.div(by).neg() })).y);
  expect(scaled(2, true)).toEqual([2, 4]);
  expect(scaled(3, true)).toEqual([3, 6]);
  expect(scaled(2, false)).toEqual([-0.5, -1]);
  expect(scaled(4, true)).toEqual([4, 8]);
});

test("is one kernel where the backend has it", () => {
  const backend = fusedBackend();
  setBackend(backend);
  const x = tensor([1, 2]);
  const { binary } = backend;
  backend.binary = () => {
    throw new Error("op by op");
  };
  expect(numbers(pointwise({ x }, ({ x }) => ({ y: x.mul(2).add(1) })).y)).toEqual([3, 5]);
  backend.binary = binary;
});

test("rejects tensors of other shapes", () => {
  expect(() => pointwise({ a: zeros([2]), b: zeros([3]) }, ({ a, b }) => ({ y: a.add(b) }))).toThrow(
    "elementwiseProgram: tensors differ in shape: [2] and [3]",
  );
});
