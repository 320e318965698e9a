import { cpu } from "@descent/backend-cpu";
import {
  arange,
  type Backend,
  BackendError,
  blockDiag,
  broadcastTensors,
  cartesianProd,
  hstack,
  meshgrid,
  ones,
  setBackend,
  type Tensor,
  TensorError,
  tensor,
} from "@descent/core";
import "@descent/core/methods";
import { beforeAll, describe, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

const ints = (...values: number[]): Tensor => tensor(values, { dtype: "int32" });
const square = (): Tensor => ones([2, 2]);
const mixed = 'operands have different dtypes: float32 and int32; convert one with .to("float32")';

describe("bad shapes and indices get an error that names the op, the values and the remedy", () => {
  test.each<[call: () => unknown, message: string]>([
    // index expressions
    [() => arange(3).at(3), "at: index 3 is out of range for axis 0 of size 3; use -3 to 2"],
    [() => square().at(0, ints(1, -3)), "at: index -3 is out of range for axis 1 of size 2; use -2 to 1"],
    [() => ones([0]).at(0), "at: index 0 is out of range for axis 0 of size 0; an empty axis has no elements"],
    [() => arange(3).at(0, 0), "at: 2 indices for [3]; give at most one per axis"],
    [() => square().at("...", "..."), 'at: "..." appears twice; write null for a whole axis'],
    [() => arange(3).at("one"), 'at: "one" is no range; write "start:stop" or "start:stop:step"'],
    [() => arange(3).at(undefined as never), 'at: "undefined" is no range'],
    [() => arange(3).at(ones([1])), 'at: expected int32 as index, got float32; convert it with .to("int32")'],
    [() => arange(3).at([0.5]), "at: 0.5 is no index; fill an array with integers, or with booleans"],
    [() => square().at([true, false, true]), "at: the mask [3] must be [2]; reshape() it"],
    [() => square().at([0, 1], [0, 1, 0]), "at: shapes do not broadcast: [2] and [3]"],
    [() => square().select(0, 2), "select: index 2 is out of range for axis 0 of size 2"],
    [() => square().indexPut([0], ones([3])), "indexPut: [3] does not stretch to [2]; only axes of size 1 stretch"],
    [
      () => square().indexPut([0], ones([1, 2])),
      "indexPut: [1,2] does not stretch to [2]; only axes of size 1 stretch",
    ],
    [() => square().indexPut([0], ints(1, 2)), `indexPut: ${mixed}`],
    [() => square().selectScatter(ones([3]), 0, 0), "selectScatter: the source [3] must be [2]; reshape() it"],
    [() => square().sliceScatter(ones([2]), 0, { end: 1 }), "sliceScatter: the source [2] must be [1,2]"],
    [() => square().sliceScatter(ones([2]), 0, { step: 0 }), 'sliceScatter: "::0" is no range'],
    [() => square().diagonalScatter(ones([3])), "diagonalScatter: the source [3] must be [2]"],
    // gather and scatter
    [() => square().take(ints(4)), "take: index 4 is out of range for axis 0 of size 4; use -4 to 3"],
    [() => square().takeAlongDim(ints(0), 0), "takeAlongDim: expected 2 axes, got [1]; those beside dim broadcast"],
    [
      () => square().scatter(0, ints(0), 1),
      "scatter: the index [1] does not fit into [2,2] beside axis 0; give it as many axes as the tensor",
    ],
    [() => arange(2).scatter(0, ints(-1), 1), "scatter: index -1 is out of range for axis 0 of size 2; use 0 to 1"],
    [
      () => ones([2]).scatterAdd(0, ints(0, 1), ones([1])),
      "scatterAdd: the source [1] is smaller than the index [2]; give it an element for every index",
    ],
    [() => ones([2]).scatter(0, ints(0), ints(1)), `scatter: ${mixed}`],
    [
      () => ones([2]).scatterReduce(0, ints(0), ones([1]), "max" as "amax"),
      'scatterReduce: unknown reduction "max"; use one of sum, prod, mean, amax, amin',
    ],
    [
      () => square().indexAdd(1, ints(0), ones([2])),
      "indexAdd: the source [2] must be [2,1]; give it a slice for every index",
    ],
    [() => square().indexCopy(0, ints(2), ones([1, 2])), "indexCopy: index 2 is out of range for axis 0 of size 2"],
    [() => square().indexCopy(0, ints(0), ints(1, 2).view(1, 2)), `indexCopy: ${mixed}`],
    [
      () => square().indexFill(0, ints(0).view(1, 1), 0),
      "indexFill: expected 1 axes, got [1,1]; flatten() it, or use gather() or scatter()",
    ],
    [() => square().indexFill(0, ints(-3), 0), "indexFill: index -3 is out of range for axis 0 of size 2; use -2 to 1"],
    [() => square().indexFill(0, ints(0), ones([1])), "indexFill: expected 0 axes, got [1]; pass a number or a scalar"],
    // masks
    [
      () => square().maskedSelect(ones([2])),
      'maskedSelect: expected bool as mask, got float32; convert it with .to("bool")',
    ],
    [() => square().maskedFill(tensor([true, true, true]), 0), "maskedFill: shapes do not broadcast: [2,2] and [3]"],
    [() => square().maskedFill(tensor([true, true]), ones([2])), "maskedFill: expected 0 axes, got [2]"],
    [
      () => square().maskedScatter(tensor([true, false]), ones([1])),
      "maskedScatter: the source [1] has fewer elements than the mask [2] has places; give it one for every place",
    ],
    // axes
    [
      () => ones([6]).unflatten(0, [4, -1]),
      "unflatten: [6] has 6 elements and cannot become [4,-1]; the sizes must multiply to 6; one of them may be -1",
    ],
    [
      () => ones([6]).unflatten(0, []),
      "unflatten: [6] has 6 elements and cannot become []; the sizes must multiply to 6; one of them may be -1",
    ],
    [
      () => square().movedim([0, 1], [1, 1]),
      "movedim: [0,1] cannot move to [1,1]; name as many different axes as places",
    ],
    [() => ones([1, 2, 3]).T, "t: expected 0 to 2 axes, got [1,2,3]; use mT, transpose() or permute()"],
    [() => ones([1]).mT, "mT: expected at least 2 axes, got [1]; reshape() it"],
    [() => square().view(3), "reshape: [2,2] has 4 elements and cannot become [3]"],
    [
      () => square().roll([1, 2], 0),
      "roll: the shifts [1,2] do not fit the axes [0]; give one integer for each axis, or one and no axes",
    ],
    [() => square().roll([1, 2]), "roll: the shifts [1,2] do not fit the axes []"],
    [() => ones([2]).fliplr(), "fliplr: expected at least 2 axes, got [2]; use flip()"],
    [() => square().rot90(1, [0, -2]), "rot90: [0,-2] is no plane of [2,2]; name two different axes"],
    [() => square().rot90(0.5), "rot90: 0.5 is no number of quarter turns; use an integer"],
    [() => ones([2]).tril(), "tril: expected at least 2 axes, got [2]; reshape() it"],
    [() => square().diagonal(0, 1, -1), "diagonal: 1 and -1 are one axis of [2,2]; name two different axes"],
    [() => square().diagonal(0.5), "diagonal: the offset must be an integer, got 0.5"],
    [() => ones([1, 1, 1]).diag(), "diag: expected 1 to 2 axes, got [1,1,1]; use diagonal() or diagEmbed()"],
    [() => tensor(1).diagEmbed(), "diagEmbed: expected at least 1 axes, got []; reshape() it"],
    [() => ones([2]).trace(), "trace: expected 2 axes, got [2]; use diagonal().sum(-1) for stacks"],
    // copies
    [() => square().repeat(2), "repeat: 1 counts for the 2 axes of [2,2]; give at least one per axis"],
    [() => square().tile(-1), "tile: sizes must be non-negative integers, got [1,-1]"],
    [() => ones([2]).repeatInterleave(-1), "repeatInterleave: sizes must be non-negative integers, got [-1]"],
    [
      () => ones([2]).repeatInterleave(ints(1, 2, 3)),
      "repeatInterleave: int32 counts of shape [3] for axis 0 of [2]; give 2 int32 counts, or one",
    ],
    [() => meshgrid(), "meshgrid: the list of tensors is empty; pass at least one"],
    [() => meshgrid(ones([1]), { indexing: "yx" as "xy" }), 'meshgrid: unknown indexing "yx"; use one of ij, xy'],
    [() => meshgrid(square()), "meshgrid: expected 0 to 1 axes, got [2,2]; reshape() it"],
    [() => meshgrid(ones([1]), ints(1)), `meshgrid: ${mixed}`],
    [() => cartesianProd(tensor(1)), "cartesianProd: expected 1 axes, got []; reshape() it"],
    [() => cartesianProd(), "meshgrid: the list of tensors is empty; pass at least one"],
    [() => broadcastTensors(ones([2]), ones([3])), "broadcastTensors: shapes do not broadcast: [2] and [3]"],
    // stacks
    [() => hstack([]), "cat: the list of tensors is empty; pass at least one"],
    [() => blockDiag(), "blockDiag: the list of tensors is empty; pass at least one"],
    [() => blockDiag(ones([1, 1, 1])), "blockDiag: expected 0 to 2 axes, got [1,1,1]"],
    [() => ones([2]).tensorSplit(0), "tensorSplit: the number of parts must be a positive integer, got 0"],
  ])("%#: %s", (call, message) => {
    expect(call).toThrow(TensorError);
    expect(call).toThrow(message);
  });

  test("masks, indices and counts live beside what they are for", () => {
    const x = ones([2], { backend: cpu() });
    const mask = tensor([true, false]);
    for (const [name, call] of [
      ["at", () => x.at(mask)],
      ["at", () => x.at(ints(0))],
      ["maskedSelect", () => x.maskedSelect(mask)],
      ["repeatInterleave", () => x.repeatInterleave(ints(1, 2))],
    ] as const)
      expect(call).toThrow(`${name}: operands live on two different instances of backend "cpu"`);
  });

  test("what reads values says so on a backend that computes asynchronously", () => {
    const backend: Backend = { ...cpu(), name: "later", synchronous: false } as Backend;
    const [x, mask] = [ones([2], { backend }), tensor([true, false], { backend })];
    const counts = tensor([1, 2], { backend, dtype: "int32" });
    for (const [name, call] of [
      ["nonzero", () => x.nonzero()],
      ["nonzero", () => x.at(mask)],
      ["maskedSelect", () => x.maskedSelect(mask)],
      ["repeatInterleave", () => x.repeatInterleave(counts)],
    ] as const) {
      expect(call).toThrow(BackendError);
      expect(call).toThrow(`${name}: the op is computed on the host, and backend "later" computes asynchronously`);
    }
  });
});
