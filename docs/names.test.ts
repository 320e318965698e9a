import { readFileSync } from "node:fs";
import * as descent from "descent";
import { expect, test } from "vitest";

const page = readFileSync(new URL("pytorch-to-descent.md", import.meta.url), "utf8");

/** What backends and ops are made with, which has no counterpart in PyTorch; `docs/architecture.md` tells of it. */
const FOR_BUILDERS =
  "Pager Storage Workspace allocate broadcastShapes broadcastStrides bytesPerElement cast checkIndex composite dtypeOf elementwiseProgram floating getBackend hostArray isArrayOf isFloat keep normalizeAxes normalizeAxis padZeros peekGrad primitive promote promoteNumber reducedShape reluGrad replaceGrad sameDType sameShape setLocator show sizeOf standardNormal stridesOf threefry toFloat uniform24 uniform53 linearRelu col2im im2col convolution transposedConvolution avgPool maxPool maxPoolIndices".split(
    " ",
  );
const { nn, optim, data, linalg, autograd } = descent;
const { functional, init, utils } = nn;
const SPACES = { "": descent, nn, F: functional, "nn.init": init, "nn.utils": utils, optim, data, linalg, autograd };

const isFunction = (space: object, name: string): boolean =>
  typeof (space as Record<string, unknown>)[name] === "function";
const inBackticks = new Set([...page.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text!));

test.each(Object.entries(SPACES))("every public function and class of '%s' is on the page", (prefix, space) => {
  const names = Object.keys(space).filter((name) => isFunction(space, name) && !FOR_BUILDERS.includes(name));
  const missing = names.filter(
    (name) => !inBackticks.has(prefix === "" ? name : `${prefix}.${name}`) && !inBackticks.has(name),
  );
  expect(missing).toEqual([]);
});

test("every method of tensors is on the page", () => {
  const methods = Object.getOwnPropertyNames(descent.Tensor.prototype).filter((name) => name !== "constructor");
  expect(
    methods.filter((name) => ![...inBackticks].some((text) => text === name || text.startsWith(`x.${name}`))),
  ).toEqual(["backend", "handle"]);
});

/** Where a name of the page's tables lives. */
const HOMES: Readonly<Record<string, object>> = {
  x: descent.tensor(0),
  p: descent.Parameter.prototype,
  model: nn.Module.prototype,
  module: nn.Module.prototype,
  F: functional,
  nn,
  "nn.init": init,
  "nn.utils": utils,
  optim,
  data,
  linalg,
};

test("every name that the tables map to exists", () => {
  const [table = ""] = /^\| PyTorch \| descent \|[\s\S]*?\n\n/m.exec(page) ?? [];
  const cells = table
    .split("\n")
    .slice(2)
    .flatMap((row) => [...(row.split(" | ")[1] ?? "").matchAll(/`([^`]+)`/g)]);
  expect(cells.length).toBeGreaterThan(60);
  const unknown = cells
    .map(([, text]) => text!)
    .filter((text) => {
      const [, home, name] = /^(?:await )?(?:((?:nn\.)?\w+)\.)?(\w+)/.exec(text.replace(/^a public.*/, "")) ?? [];
      if (name === undefined || text.includes("=") || name === "F") return false;
      const place = home === undefined ? descent : HOMES[home];
      return place === undefined || !(name in place);
    });
  expect(unknown).toEqual([]);
});
