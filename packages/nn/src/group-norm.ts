import { ArgumentError, layerNorm, type Parameter, ShapeError, scope, show, sizeOf, type Tensor } from "@descent/core";
import { Module } from "./base.ts";
import { checkSizes, withDefaults } from "./options.ts";
import { keywords } from "./repr.ts";
import { affineOf, checkEps, checkPerChannel, perChannel } from "./running-norm.ts";

/** Options of `groupNorm`. */
export interface FunctionalGroupNormOptions {
  /** What the normalised channels are multiplied by, `[C]`. Default `null`: nothing. */
  readonly weight?: Tensor | null;
  /** What is added to them, `[C]`. Default `null`: nothing. */
  readonly bias?: Tensor | null;
  /** What is added to variances. Default 1e-5. */
  readonly eps?: number;
}

/** Normalises `numGroups` groups of neighbouring channels of each sample of `[N, C, …]` by themselves (Wu & He 2018). */
export function groupNorm(x: Tensor, numGroups: number, options: FunctionalGroupNormOptions = {}): Tensor {
  const { weight, bias, eps } = withDefaults("groupNorm", options, { weight: null, bias: null, eps: 1e-5 });
  checkSizes("groupNorm", { numGroups });
  const [n = 0, c = 0, ...space] = x.shape;
  if (x.ndim < 2 || c % numGroups !== 0 || sizeOf(space) === 0)
    throw new ShapeError(
      "groupNorm",
      `expected [N,C,…] with elements and a multiple of ${numGroups} as C, got ${show(x.shape)}`,
    );
  checkPerChannel("groupNorm", "weight or bias", [weight, bias], x);
  const size = (c / numGroups) * sizeOf(space);
  if (n * size === 1)
    throw new ShapeError("groupNorm", `expected more than 1 value per group, got ${show(x.shape)}`, "use fewer groups");
  return scope(() => {
    const groups = x.reshape([n * numGroups, size]);
    return perChannel(layerNorm(groups, [size], null, null, eps).reshape(x.shape), weight, bias);
  });
}

/** Options of `GroupNorm`. */
export interface GroupNormOptions {
  /** What is added to variances. Default 1e-5. */
  readonly eps?: number;
  /** Whether there is a weight per channel, which starts as ones. Default true. */
  readonly affine?: boolean;
  /** Whether there is a bias too, which starts as zeros. Default true. */
  readonly bias?: boolean;
}

/** Normalises groups of neighbouring channels of each sample of `[N, C, …]`, then scales and shifts each channel (Wu & He 2018). */
export class GroupNorm extends Module {
  /** @internal */
  static override readonly discreet: unknown = GroupNorm;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly #groups: number;
  readonly #channels: number;
  readonly #eps: number;

  constructor(numGroups: number, numChannels: number, options: GroupNormOptions = {}) {
    super();
    const { eps, affine, bias } = withDefaults("GroupNorm", options, { eps: 1e-5, affine: true, bias: true });
    checkSizes("GroupNorm", { numGroups, numChannels });
    if (numChannels % numGroups !== 0)
      throw new ArgumentError("GroupNorm", `${numChannels} channels do not divide into ${numGroups} groups`);
    checkEps("GroupNorm", eps);
    ({ weight: this.weight, bias: this.bias } = affineOf([numChannels], affine, bias));
    this.#groups = numGroups;
    this.#channels = numChannels;
    this.#eps = eps;
  }

  forward(x: Tensor): Tensor {
    return groupNorm(x, this.#groups, { weight: this.weight, bias: this.bias, eps: this.#eps });
  }

  protected override extraRepr(): string {
    const affine = { affine: this.weight !== null, bias: this.bias !== null };
    return `${this.#groups}, ${this.#channels}, ${keywords({ eps: this.#eps, ...affine })}`;
  }
}
