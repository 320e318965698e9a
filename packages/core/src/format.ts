import type { Spec } from "./backend.ts";
import { isFloat, type TypedArray } from "./dtype.ts";
import { ArgumentError } from "./errors.ts";
import { type Shape, sizeOf, stridesOf } from "./shape.ts";

/** How tensors are printed. */
export interface PrintOptions {
  /** Digits after the point. Default 4. */
  readonly precision?: number;
  /** A tensor of more elements is summarised to the ends of its axes. Default 1000. */
  readonly threshold?: number;
  /** How many elements are left at either end. Default 3. */
  readonly edgeitems?: number;
  /** Columns of a line. Default 80. */
  readonly linewidth?: number;
  /** Whether exponents are printed; `null` (default) where the magnitudes ask for it. */
  readonly sciMode?: boolean | null;
}

let options: Required<PrintOptions> = { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80, sciMode: null };

/** Changes how tensors are printed from now on; what is left out stays. Returns what held before, which puts it back. */
export function setPrintOptions(changes: PrintOptions): Required<PrintOptions> {
  const next = { ...options, ...changes };
  for (const name of ["precision", "threshold", "edgeitems", "linewidth"] as const)
    if (!(next[name] >= 0 && (name === "threshold" || Number.isInteger(next[name]))) || next.precision > 99)
      throw new ArgumentError("setPrintOptions", `${name} cannot be ${next[name]}`);
  const before = options;
  options = next;
  return before;
}

const PREFIX = "tensor(";

/** Elements as PyTorch prints a tensor; dtypes that the values show go without saying. `autograd` is what follows them. */
export function format(values: TypedArray, { shape, dtype }: Spec, autograd: string | null): string {
  const suffixes: string[] = [];
  const empty = values.length === 0;
  if (empty ? shape.length !== 1 : options.edgeitems === 0)
    suffixes.push(`size=(${shape.join(", ")}${shape.length === 1 ? "," : ""})`);
  if (dtype === "float64" || (empty && dtype !== "float32")) suffixes.push(`dtype=${dtype}`);
  if (autograd !== null) suffixes.push(autograd);
  let text = PREFIX + (empty ? "[]" : elements(values, { shape, dtype }));
  let column = text.length - text.lastIndexOf("\n") + 1;
  for (const suffix of suffixes) {
    const wraps = column + suffix.length + 2 > options.linewidth;
    text += (wraps ? `,\n${" ".repeat(PREFIX.length)}` : ", ") + suffix;
    column = wraps ? PREFIX.length + suffix.length : column + suffix.length + 2;
  }
  return `${text})`;
}

function elements(values: TypedArray, spec: Spec): string {
  const { shape } = spec;
  const strides = stridesOf(shape);
  const { cell, width } = cells(values, spec);
  const gap = options.edgeitems === 0 ? "..." : " ...";
  const block = (axis: number, offset: number, indent: number): string => {
    if (axis === shape.length) return cell(values[offset]!).padStart(width);
    const below = shape.length - axis - 1;
    const parts = shownIndices(shape, axis).map((i) =>
      i === null ? (below === 0 ? gap : "...") : block(axis + 1, offset + i * strides[axis]!, indent + 1),
    );
    const newLine = `,${"\n".repeat(Math.max(1, below))}${" ".repeat(indent + 1)}`;
    if (below > 0) return `[${parts.join(newLine)}]`;
    const perLine = Math.max(1, Math.floor((options.linewidth - indent) / (width + 2)));
    const lines = Array.from({ length: Math.ceil(parts.length / perLine) }, (_, i) =>
      parts.slice(i * perLine, (i + 1) * perLine).join(", "),
    );
    return `[${lines.join(newLine)}]`;
  };
  return block(0, 0, PREFIX.length);
}

/** The indices shown of an axis; `null` stands for those left out. */
export function shownIndices(shape: Shape, axis: number): (number | null)[] {
  const [size, edge] = [shape[axis]!, options.edgeitems];
  const range = (start: number, end: number): number[] => Array.from({ length: end - start }, (_, i) => start + i);
  const whole = sizeOf(shape) <= options.threshold || (size <= 2 * edge && edge > 0);
  return whole ? range(0, size) : [...range(0, edge), null, ...range(size - edge, size)];
}

/** One notation for all elements that are shown, and its width. */
export function cells(values: TypedArray, { shape, dtype }: Spec): { cell: (value: number) => string; width: number } {
  const strides = stridesOf(shape);
  let offsets = [0];
  for (const axis of shape.keys()) {
    const steps = shownIndices(shape, axis).filter((i) => i !== null);
    offsets = offsets.flatMap((offset) => steps.map((i) => offset + i * strides[axis]!));
  }
  const shown = offsets.map((offset) => values[offset]!);
  // As in PyTorch, special values do not widen the columns.
  const wide = isFloat(dtype) ? shown.filter((v) => Number.isFinite(v) && v !== 0) : shown;
  const cell = isFloat(dtype) ? notation(wide) : dtype === "bool" ? (v: number) => String(v !== 0) : String;
  return { cell, width: wide.reduce((width, v) => Math.max(width, cell(v).length), 1) };
}

/** Integers as `1.`, exponents where the magnitudes lie far apart. */
function notation(values: readonly number[]): (value: number) => string {
  const { precision, sciMode } = options;
  const [least, most] = values.reduce(
    ([least, most], v) => [Math.min(least, Math.abs(v)), Math.max(most, Math.abs(v))],
    [Number.POSITIVE_INFINITY, 0],
  );
  const far = values.length > 0 && (sciMode ?? (most / least > 1000 || most > 1e8 || least < 1e-4));
  const whole = values.every(Number.isInteger);
  return (v) => {
    if (!Number.isFinite(v)) return Number.isNaN(v) ? "nan" : v < 0 ? "-inf" : "inf";
    const sign = Object.is(v, -0) ? "-" : "";
    if (far) return sign + rounded(v, "toExponential", precision).replace(/e([+-])(\d)$/, "e$10$2");
    return sign + (whole ? `${fixed(v, 0)}.` : fixed(v, precision));
  };
}

/** Also where JavaScript falls back to exponents, which is beyond all fractions. */
const fixed = (v: number, digits: number): string =>
  Math.abs(v) < 1e21 ? rounded(v, "toFixed", digits) : `${BigInt(v)}${digits > 0 ? `.${"0".repeat(digits)}` : ""}`;

/** As C rounds: of two decimals equally near the even one, where JavaScript takes the larger. */
function rounded(v: number, notation: "toFixed" | "toExponential", digits: number): string {
  const [, even, exponent = ""] = v[notation](100).match(`^(-?\\d*\\.?\\d{${digits}})50*(e.*)?$`) ?? [];
  return even !== undefined && /[02468]\.?$/.test(even) ? even.replace(/\.$/, "") + exponent : v[notation](digits);
}
