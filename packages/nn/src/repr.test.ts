import { cpu } from "@descent/backend-cpu";
import { Buffer, ones, setBackend, type Tensor } from "@descent/core";
import { expect, test } from "vitest";
import * as nn from "./index.ts";
import { python, snakeCase } from "./repr.ts";

setBackend(cpu());

/** What PyTorch 2.15 prints. */
const PRINTED: readonly (readonly [nn.Module, string])[] = [
  [
    new nn.Conv2d(4, 8, [3, 2], { padding: "same", groups: 4, bias: false }),
    "Conv2d(4, 8, kernel_size=(3, 2), stride=(1, 1), padding=same, groups=4, bias=False)",
  ],
  [
    new nn.Conv2d(1, 2, 3, { padding: "valid", dilation: 2 }),
    "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=valid, dilation=(2, 2))",
  ],
  [
    new nn.Conv2d(1, 2, 3, { stride: [1, 2], padding: [0, 1] }),
    "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 2), padding=(0, 1))",
  ],
  [
    new nn.MaxPool2d(3, { stride: 2, padding: 1, ceilMode: true }),
    "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=True)",
  ],
  [new nn.MaxPool2d([3, 2]), "MaxPool2d(kernel_size=(3, 2), stride=(3, 2), padding=0, dilation=1, ceil_mode=False)"],
  [new nn.AvgPool2d(3, { stride: 2, padding: [1, 0] }), "AvgPool2d(kernel_size=3, stride=2, padding=(1, 0))"],
  [new nn.AdaptiveAvgPool2d(1), "AdaptiveAvgPool2d(output_size=1)"],
  [new nn.AdaptiveAvgPool2d([null, 3]), "AdaptiveAvgPool2d(output_size=(None, 3))"],
  [new nn.AdaptiveAvgPool2d(null), "AdaptiveAvgPool2d(output_size=None)"],
  [
    new nn.BatchNorm1d(4, { momentum: null, affine: false }),
    "BatchNorm1d(4, eps=1e-05, momentum=None, affine=False, bias=False, track_running_stats=True)",
  ],
  [
    new nn.BatchNorm2d(4, { eps: 1e-3, trackRunningStats: false }),
    "BatchNorm2d(4, eps=0.001, momentum=0.1, affine=True, bias=True, track_running_stats=False)",
  ],
  [
    new nn.BatchNorm2d(3, { bias: false }),
    "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=False, track_running_stats=True)",
  ],
  [new nn.LayerNorm(4), "LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)"],
  [
    new nn.LayerNorm([3, 4], { elementwiseAffine: false }),
    "LayerNorm((3, 4), eps=1e-05, elementwise_affine=False, bias=False)",
  ],
  [
    new nn.LayerNorm([4], { bias: false, eps: 1e-12 }),
    "LayerNorm((4,), eps=1e-12, elementwise_affine=True, bias=False)",
  ],
  [new nn.Conv1d(2, 4, 3), "Conv1d(2, 4, kernel_size=(3,), stride=(1,))"],
  [
    new nn.Conv3d(2, 4, [1, 2, 3], { padding: 1, paddingMode: "circular" }),
    "Conv3d(2, 4, kernel_size=(1, 2, 3), stride=(1, 1, 1), padding=(1, 1, 1), padding_mode=circular)",
  ],
  [
    new nn.ConvTranspose2d(3, 2, 3, { stride: 2, padding: 1, outputPadding: 1 }),
    "ConvTranspose2d(3, 2, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), output_padding=(1, 1))",
  ],
  [
    new nn.ConvTranspose1d(4, 2, 3, { dilation: 2, bias: false }),
    "ConvTranspose1d(4, 2, kernel_size=(3,), stride=(1,), dilation=(2,), bias=False)",
  ],
  [new nn.MaxPool1d(3), "MaxPool1d(kernel_size=3, stride=3, padding=0, dilation=1, ceil_mode=False)"],
  [
    new nn.MaxPool3d(2, { ceilMode: true }),
    "MaxPool3d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=True)",
  ],
  [new nn.AvgPool1d(3, { padding: 1 }), "AvgPool1d(kernel_size=(3,), stride=(3,), padding=(1,))"],
  [new nn.AvgPool3d([1, 2, 3]), "AvgPool3d(kernel_size=(1, 2, 3), stride=(1, 2, 3), padding=0)"],
  [new nn.AdaptiveMaxPool3d([1, null, 2]), "AdaptiveMaxPool3d(output_size=(1, None, 2))"],
  [new nn.LPPool1d(2, 3), "LPPool1d(norm_type=2, kernel_size=3, stride=None, ceil_mode=False)"],
  [
    new nn.LPPool2d(1.5, 3, { stride: 2, ceilMode: true }),
    "LPPool2d(norm_type=1.5, kernel_size=3, stride=2, ceil_mode=True)",
  ],
  [new nn.ConstantPad1d(2, 3.5), "ConstantPad1d(padding=(2, 2), value=3.5)"],
  [new nn.ZeroPad2d(1), "ZeroPad2d((1, 1, 1, 1))"],
  [new nn.ReplicationPad2d([1, 2, 3, 4]), "ReplicationPad2d((1, 2, 3, 4))"],
  [new nn.Unfold(2), "Unfold(kernel_size=2, dilation=1, padding=0, stride=1)"],
  [new nn.Fold([4, 5], 2, { stride: 3 }), "Fold(output_size=(4, 5), kernel_size=2, dilation=1, padding=0, stride=3)"],
  [new nn.Upsample({ scaleFactor: 2 }), "Upsample(scale_factor=2.0, mode='nearest')"],
  [new nn.Upsample({ size: [3, 4], mode: "bilinear", alignCorners: true }), "Upsample(size=(3, 4), mode='bilinear')"],
  [new nn.Upsample({ scaleFactor: [1.5, 2] }), "Upsample(scale_factor=(1.5, 2.0), mode='nearest')"],
  [new nn.UpsamplingBilinear2d({ size: 4 }), "UpsamplingBilinear2d(size=4, mode='bilinear')"],
  [new nn.PixelShuffle(2), "PixelShuffle(upscale_factor=2)"],
  [new nn.PixelUnshuffle(3), "PixelUnshuffle(downscale_factor=3)"],
  [new nn.ChannelShuffle(2), "ChannelShuffle(groups=2)"],
  [new nn.LocalResponseNorm(3), "LocalResponseNorm(3, alpha=0.0001, beta=0.75, k=1.0)"],
  [new nn.Unflatten(1, [2, 3]), "Unflatten(dim=1, unflattened_size=(2, 3))"],
  [new nn.ReLU(), "ReLU()"],
  [new nn.Tanh(), "Tanh()"],
  [new nn.Sigmoid(), "Sigmoid()"],
  [new nn.SiLU(), "SiLU()"],
  [new nn.GELU(), "GELU(approximate='none')"],
  [new nn.GELU({ approximate: "tanh" }), "GELU(approximate='tanh')"],
  [new nn.Flatten({ startDim: 0, endDim: 2 }), "Flatten(start_dim=0, end_dim=2)"],
  [new nn.Dropout(0.1), "Dropout(p=0.1, inplace=False)"],
  [new nn.Identity(), "Identity()"],
  [new nn.CrossEntropyLoss({ weight: ones([3]) }), "CrossEntropyLoss()"],
  [new nn.MSELoss(), "MSELoss()"],
  [new nn.Linear(2, 3, { bias: false }), "Linear(in_features=2, out_features=3, bias=False)"],
];

test.each(PRINTED)("%s", (module, text) => {
  expect(module.toString()).toBe(text);
});

class Block extends nn.Module {
  readonly conv1 = new nn.Conv2d(1, 2, 3);
  readonly layers = [
    new nn.Linear(2, 2),
    new nn.Linear(2, 2),
    new nn.Sequential(new nn.ReLU(), new nn.Tanh()),
    new nn.Linear(2, 2),
  ];
  readonly scales = [new Buffer(ones([1]))];
  forward(x: Tensor): Tensor {
    return x;
  }
  protected override extraRepr(): string {
    return "width=2";
  }
}

test("trees, lists and runs of equal layers", () => {
  expect(`${new nn.Sequential({ block: new Block(), act: new nn.ReLU() })}`).toBe(`Sequential(
  (block): Block(
    width=2
    (conv1): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))
    (layers): ModuleList(
      (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)
      (2): Sequential(
        (0): ReLU()
        (1): Tanh()
      )
      (3): Linear(in_features=2, out_features=2, bias=True)
    )
  )
  (act): ReLU()
)`);
});

test("console.log prints the tree", async () => {
  const { inspect } = await import("node:util");
  expect(inspect(new nn.Sequential(new nn.ReLU()))).toBe("Sequential(\n  (0): ReLU()\n)");
});

test("values as Python prints them", () => {
  const values = [1e-4, 1e-5, 1.5e-7, 1e16, 0.1 + 0.2, 1e22, 123456.5, 0, -2e-10, 1e-300];
  expect(values.map(python)).toEqual([
    "0.0001",
    "1e-05",
    "1.5e-07",
    "1e+16",
    "0.30000000000000004",
    "1e+22",
    "123456.5",
    "0",
    "-2e-10",
    "1e-300",
  ]);
  expect([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN].map(python)).toEqual(["inf", "-inf", "nan"]);
});

test("names in PyTorch's spelling", () => {
  const names: Record<string, string> = {
    runningMean: "running_mean",
    numBatchesTracked: "num_batches_tracked",
    inProjWeight: "in_proj_weight",
    weightIhL0: "weight_ih_l0",
    conv1: "conv1",
    layer1: "layer1",
    toQKV: "to_qkv",
    branch3x3Dbl: "branch3x3_dbl",
    Mixed_5b: "Mixed_5b",
    ln_1: "ln_1",
    AuxLogits: "AuxLogits",
  };
  expect(Object.keys(names).map(snakeCase)).toEqual(Object.values(names));
});
