import { type Shape, show } from "@descent/core";

/** What is measured of one parameter. Norms are Euclidean; what belongs to a gradient is `null` where there is none. */
export interface GradientStatistics {
  readonly name: string;
  readonly shape: Shape;
  readonly gradNorm: number | null;
  /** The largest absolute value in the gradient. */
  readonly gradMaxAbs: number | null;
  /** The fraction of the gradient's elements that are 0. */
  readonly gradZeros: number | null;
  /** The norm of the weights, before the step where there was one. */
  readonly weightNorm: number;
  /** The norm of what the step added to the weights; `null` where there was no step. */
  readonly updateNorm: number | null;
  /** `updateNorm / weightNorm`; around 1e-3 in healthy training. */
  readonly updateRatio: number | null;
}

/** Which norms of gradients are worth a warning. */
export interface GradientThresholds {
  /** Gradients with a smaller norm vanish. Default 1e-7. */
  readonly vanishing: number;
  /** Gradients with a larger norm explode. Default 1000. */
  readonly exploding: number;
}

/** Something that is likely to go wrong. */
export interface GradientWarning {
  /** The name of the parameter. */
  readonly name: string;
  readonly kind: "vanishing" | "exploding" | "nonfinite";
  readonly value: number;
  /** What the value has crossed; ∞ where it is not finite. */
  readonly threshold: number;
  readonly message: string;
}

/** Statistics per parameter and what is suspicious about them; prints as a table. */
export class GradientReport {
  readonly parameters: readonly GradientStatistics[];
  readonly warnings: readonly GradientWarning[];

  /** @internal */
  constructor(parameters: readonly GradientStatistics[], thresholds: GradientThresholds) {
    this.parameters = parameters;
    this.warnings = parameters.flatMap((statistics) => warningsOf(statistics, thresholds));
  }

  toString(): string {
    const cells = this.parameters.map((p) => [
      p.name,
      show(p.shape),
      ...[p.gradNorm, p.gradMaxAbs].map(brief),
      p.gradZeros === null ? NONE : `${(100 * p.gradZeros).toFixed(1)}%`,
      ...[p.weightNorm, p.updateRatio].map(brief),
    ]);
    const table = aligned([["Parameter", "Shape", "‖g‖", "max |g|", "zeros", "‖w‖", "‖Δw‖/‖w‖"], ...cells]);
    return [...table, ...this.warnings.map(({ message }) => message)].join("\n");
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

function warningsOf(p: GradientStatistics, { vanishing, exploding }: GradientThresholds): GradientWarning[] {
  const warning = (kind: GradientWarning["kind"], value: number, threshold: number, text: string): GradientWarning => ({
    name: p.name,
    kind,
    value,
    threshold,
    message: `${p.name}: ${text}`,
  });
  const found = Object.entries({ gradient: p.gradMaxAbs, weight: p.weightNorm, update: p.updateNorm })
    .filter((entry): entry is [string, number] => entry[1] !== null && !Number.isFinite(entry[1]))
    .map(([what, value]) =>
      warning("nonfinite", value, Number.POSITIVE_INFINITY, `the ${what} is not finite (${value})`),
    );
  const { gradNorm: norm, gradMaxAbs: most } = p;
  if (norm === null || !Number.isFinite(most)) return found;
  if (norm < vanishing)
    found.push(
      warning(
        "vanishing",
        norm,
        vanishing,
        `the gradient vanishes: its norm ${brief(norm)} is below ${vanishing.toExponential()}`,
      ),
    );
  if (norm > exploding)
    found.push(
      warning(
        "exploding",
        norm,
        exploding,
        `the gradient explodes: its norm ${brief(norm)} is above ${exploding.toExponential()}`,
      ),
    );
  return found;
}

const NONE = "–";
const brief = (x: number | null): string => (x === null ? NONE : Number.isFinite(x) ? x.toExponential(2) : String(x));

/** Rows of cells as lines: words to the left, numbers to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "),
  );
}
