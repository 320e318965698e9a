import { nn, type Tensor } from "descent";
import type { Layer } from "../workloads/task.ts";

/** `relu(body(x) + shortcut(x))` (He et al. 2016). */
class Residual extends nn.Module {
  constructor(
    readonly body: nn.Sequential,
    readonly shortcut: nn.Sequential,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.body.call(x).add(this.shortcut.call(x)).relu();
  }
}

export const network = (layers: readonly Layer[]): nn.Sequential => new nn.Sequential(layers.map(module));

function module(layer: Layer): nn.Layer {
  switch (layer.layer) {
    case "linear":
      return new nn.Linear(layer.inputs, layer.outputs);
    case "conv": {
      const { inputs, outputs, kernel, stride, padding, bias } = layer;
      return new nn.Conv2d(inputs, outputs, kernel, { stride, padding, bias });
    }
    case "batchNorm":
      return new nn.BatchNorm2d(layer.channels);
    case "maxPool":
      return new nn.MaxPool2d(layer.size);
    case "residual":
      return new Residual(network(layer.body), network(layer.shortcut));
    case "relu":
      return new nn.ReLU();
    case "tanh":
      return new nn.Tanh();
    case "flatten":
      return new nn.Flatten();
    case "globalAvgPool":
      return new nn.AdaptiveAvgPool2d(1);
  }
}
