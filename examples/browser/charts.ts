import * as Plot from "@observablehq/plot";

/** Points of a curve that are drawn; more are averaged. */
const MOST_POINTS = 300;
/** Of the moving average, per step. */
const DECAY = 0.9;
/** Where the axis of losses may have a line. */
const LOSSES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3];
const HEIGHT = 240;
const MARGINS = { marginLeft: 44, marginRight: 12, marginBottom: 34, marginTop: 14, insetLeft: 4 };

interface Point {
  readonly step: number;
  readonly value: number;
  readonly average: number;
}

/** The losses of all steps, and their moving average. */
export class LossCurve {
  readonly #points: Point[] = [];
  #sum = 0;
  #weight = 0;

  add(losses: readonly number[]): void {
    for (const value of losses) {
      // Both begin at zero, so that the quotient has no bias at the beginning.
      this.#sum = DECAY * this.#sum + (1 - DECAY) * value;
      this.#weight = DECAY * this.#weight + (1 - DECAY);
      this.#points.push({ step: this.#points.length + 1, value, average: this.#sum / this.#weight });
    }
  }

  get steps(): number {
    return this.#points.length;
  }

  /** The moving average after the last step. */
  get average(): number | null {
    return this.#points.at(-1)?.average ?? null;
  }

  draw(width: number): Element {
    const points = thin(this.#points);
    const low = points.reduce((least, { value }) => Math.min(least, value), 0.3);
    const high = points.reduce((most, { value }) => Math.max(most, value), 3);
    return Plot.plot({
      width,
      height: HEIGHT,
      ...MARGINS,
      ariaLabel: "Training loss by step",
      x: { label: "step", domain: [0, Math.max(20, this.steps)], ticks: 5, nice: false },
      y: {
        type: "log",
        label: null,
        grid: true,
        domain: [low, high],
        ticks: LOSSES.filter((x) => x >= low && x <= high),
        tickFormat: String,
      },
      marks: [
        Plot.dot(points, { x: "step", y: "value", r: 1.6, fill: "var(--accent)", fillOpacity: 0.35 }),
        Plot.line(points, { x: "step", y: "average", stroke: "var(--accent)", strokeWidth: 2.5 }),
      ],
    });
  }
}

/** At most so many points, each of which stands for as many neighbours. */
function thin(points: readonly Point[]): Point[] {
  const size = Math.ceil(points.length / MOST_POINTS);
  const groups = Array.from({ length: size && Math.ceil(points.length / size) }, (_, i) =>
    points.slice(i * size, (i + 1) * size),
  );
  return groups.map((group) => ({
    ...group.at(-1)!,
    value: group.reduce((sum, { value }) => sum + value, 0) / group.length,
  }));
}

/** The share of test images that are misread, by step. */
export function errorChart(
  tests: readonly { readonly step: number; readonly error: number }[],
  width: number,
): Element {
  const last = tests.at(-1)?.step ?? 0;
  return Plot.plot({
    width,
    height: HEIGHT,
    ...MARGINS,
    ariaLabel: "Misread test images by step",
    x: { label: "step", domain: [0, Math.max(20, last)], ticks: 4 },
    y: { label: null, percent: true, grid: true, ticks: 5, tickFormat: (x: number) => `${x} %`, domain: [0, 100] },
    marks: [
      Plot.lineY(tests, { x: "step", y: "error", stroke: "var(--accent)", strokeWidth: 2.5 }),
      Plot.dot(tests, { x: "step", y: "error", r: 3, fill: "var(--accent)" }),
    ],
  });
}
