import {
  ArgumentError,
  arange,
  broadcastShapes,
  type DType,
  DTypeError,
  defaultGenerator,
  full,
  type Generator,
  isFloat,
  ShapeError,
  sameShape,
  scope,
  show,
  type Tensor,
  type TensorOptions,
  where,
} from "@descent/core";
import { dropout } from "./dropout.ts";
import { withDefaults } from "./options.ts";

/** Options of `scaledDotProductAttention`. */
export interface AttentionOptions {
  /**
   * Which keys each query sees; broadcasts to `[…, L, S]`. Of bool, true lets a query see a key (`MultiheadAttention` has it the other way
   * round, as in PyTorch); what is floating is added to the scores. Default `null`: all of them.
   */
  readonly attnMask?: Tensor | null;
  /** The probability with which a weight is zeroed. Default 0; give 0 in evaluation. */
  readonly dropoutP?: number;
  /** Whether query `i` sees only keys up to `i`. Default false. */
  readonly isCausal?: boolean;
  /** What scores are multiplied by. Default `null`: `1/√E`. */
  readonly scale?: number | null;
  /** Whether several heads of the query, in axis −3, may share one of key and value (Ainslie et al. 2023). Default false. */
  readonly enableGqa?: boolean;
  /** Where the random numbers of dropout come from. Default: the default generator. */
  readonly generator?: Generator;
}

/**
 * `softmax(query · keyᵀ · scale + mask) · value` (Vaswani et al. 2017): `[…, L, E]`, `[…, S, E]`, `[…, S, Ev]` → `[…, L, Ev]`. A query that
 * the mask lets see nothing gets zeros.
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor {
  const { attnMask, dropoutP, isCausal, scale, enableGqa, generator } = withDefaults(OP, options, {
    attnMask: null,
    dropoutP: 0,
    isCausal: false,
    scale: null,
    enableGqa: false,
    generator: defaultGenerator,
  });
  checkOperands(query, key, value);
  if (isCausal && attnMask !== null)
    throw new ArgumentError(OP, "both attnMask and isCausal are given", "put the causal mask into attnMask");
  return scope(() => {
    const heads = query.shape.at(-3) ?? 1;
    const [k, v] = enableGqa ? [shareHeads(key, heads), shareHeads(value, heads)] : [key, value];
    const scores = query.mul(scale ?? 1 / Math.sqrt(query.shape.at(-1)!)).matmul(k, false, true);
    const [l, s] = scores.shape.slice(-2) as [number, number];
    const weigh = (biased: Tensor): Tensor => dropout(biased.softmax(-1), { p: dropoutP, generator }).matmul(v);
    if (isCausal) return weigh(scores.add(causalMask(l, s, query)));
    if (attnMask === null || s === 0) return weigh(scores);
    const bias = attnMask.dtype === "bool" ? hiding(attnMask.logicalNot(), query) : attnMask;
    checkMask(OP, "attnMask", bias, query.dtype);
    if (!sameShape(broadcastShapes(OP, scores.shape, bias.shape), scores.shape) || bias.ndim === 0)
      throw new ShapeError(OP, `attnMask ${show(bias.shape)} must broadcast to the scores ${show(scores.shape)}`);
    // A softmax over nothing but −∞ is NaN, in value and in gradient: such rows are computed without the mask and replaced.
    const blind = bias.amax(-1, { keepdim: true }).eq(Number.NEGATIVE_INFINITY);
    return where(blind, 0, weigh(scores.add(where(blind, 0, bias))));
  });
}

const OP = "scaledDotProductAttention";

function checkOperands(query: Tensor, key: Tensor, value: Tensor): void {
  const operands = [query, key, value];
  if (
    operands.some((x) => x.ndim < 2) ||
    query.shape.at(-1) !== key.shape.at(-1) ||
    key.shape.at(-2) !== value.shape.at(-2)
  )
    throw new ShapeError(
      OP,
      `expected […,L,E], […,S,E] and […,S,Ev], got ${operands.map((x) => show(x.shape)).join(", ")}`,
    );
  for (const { dtype } of operands)
    if (!isFloat(dtype) || dtype !== query.dtype)
      throw new DTypeError(OP, `expected one floating dtype, got ${operands.map((x) => x.dtype).join(", ")}`);
}

/** Key or value with each head repeated, so that there are as many as of the query. */
function shareHeads(x: Tensor, heads: number): Tensor {
  const [own = 1, length, size] = x.shape.slice(-3) as [number, number, number];
  if (x.ndim < 3 || heads % own !== 0)
    throw new ShapeError(OP, `${show(x.shape)} does not have heads, in axis -3, of which ${heads} is a multiple`);
  const lead = x.shape.slice(0, -3);
  const repeated = x.unsqueeze(-3).expand([...lead, own, heads / own, length, size]);
  return repeated.reshape([...lead, heads, length, size]);
}

/** −∞ where a bool mask is true, 0 elsewhere, in the dtype and on the backend of `like`: what hides keys when it is added to scores. */
export const hiding = (mask: Tensor, { dtype, backend }: Tensor): Tensor =>
  where(mask, Number.NEGATIVE_INFINITY, full([], 0, { dtype, backend }));

/** `[L, S]` that hides from query `i` the keys behind `i`. */
export const causalMask = (l: number, s: number, { dtype = "float32", backend }: TensorOptions): Tensor =>
  scope(() => {
    const on = { dtype: "int32", ...(backend === undefined ? {} : { backend }) } as const;
    const isBehind = arange(0, s, 1, on).gt(arange(0, l, 1, on).unsqueeze(1));
    return where(isBehind, Number.NEGATIVE_INFINITY, full([], 0, { ...on, dtype }));
  });

/** Throws for a mask that is neither bool nor of the dtype of the scores. */
export function checkMask(op: string, name: string, { dtype }: Tensor, wanted: DType): void {
  if (dtype !== "bool" && dtype !== wanted)
    throw new DTypeError(op, `${name} must be bool or ${wanted}, got ${dtype}`, `convert it with .to("${wanted}")`);
}
