import { cpu } from "@descent/backend-cpu";
import { Parameter, scope, setBackend, tensor } from "@descent/core";
import "@descent/core/methods";
import { expect, test } from "vitest";
import { LSTMOptimizer } from "./lstm-optimizer.ts";

test("shipped weights outlive the scope that an optimizer is made in", () => {
  setBackend(cpu());
  const x = new Parameter(tensor([1, 2]));
  const made: LSTMOptimizer[] = [];
  scope(() => void made.push(new LSTMOptimizer([x])));
  x.square().sum().backward();
  made[0]!.step();
  expect(x.toArray()).not.toEqual([1, 2]);
});
