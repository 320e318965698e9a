import { mkdirSync, writeFileSync } from "node:fs";
import * as Plot from "@observablehq/plot";
import { optim } from "descent";
import { parseHTML } from "linkedom";

// Draws docs/images/schedules/*.svg, one plot for every class of docs/schedules.md. Run it with `npx tsx scripts/plot-schedules.ts`.

type Make = (optimizer: optim.Schedulable) => optim.LRScheduler;
/** The curves of a plot, by their labels. */
interface Curves {
  readonly steps: number;
  readonly curves: Readonly<Record<string, Make>>;
  /** What `step()` is given, and shown too. */
  readonly metric?: (t: number) => number;
}

const STEPS = 100;
const COLORS = ["#4269d0", "#ff725c", "#3ca951"];
const decay =
  (gamma: number): Make =>
  (o) =>
    new optim.ExponentialLR(o, { gamma });
const warmup =
  (shape: "linear" | "polynomial" | "exponential"): Make =>
  (o) =>
    new optim.WarmupLR(o, { steps: 20, shape, after: new optim.CosineAnnealingLR(o, { TMax: 80 }) });
const cycle =
  (mode: "triangular" | "triangular2" | "exp_range"): Make =>
  (o) =>
    new optim.CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 10, stepSizeDown: 15, mode, gamma: 0.98 });

const PLOTS: Readonly<Record<string, Curves>> = {
  LambdaLR: {
    steps: STEPS,
    curves: {
      "1 / (1 + t / 10)": (o) => new optim.LambdaLR(o, { lrLambda: (t) => 1 / (1 + t / 10) }),
      "1 / √(1 + t)": (o) => new optim.LambdaLR(o, { lrLambda: (t) => 1 / Math.sqrt(1 + t) }),
    },
  },
  MultiplicativeLR: {
    steps: STEPS,
    curves: {
      "0.98, then 0.94 from 50 on": (o) => new optim.MultiplicativeLR(o, { lrLambda: (t) => (t < 50 ? 0.98 : 0.94) }),
    },
  },
  StepLR: {
    steps: STEPS,
    curves: {
      "stepSize 25, gamma 0.5": (o) => new optim.StepLR(o, { stepSize: 25, gamma: 0.5 }),
      "stepSize 10, gamma 0.7": (o) => new optim.StepLR(o, { stepSize: 10, gamma: 0.7 }),
    },
  },
  MultiStepLR: {
    steps: STEPS,
    curves: {
      "[30, 60, 60, 85], gamma 0.5": (o) => new optim.MultiStepLR(o, { milestones: [30, 60, 60, 85], gamma: 0.5 }),
    },
  },
  ConstantLR: {
    steps: STEPS,
    curves: { "factor 1/3, totalIters 20": (o) => new optim.ConstantLR(o, { totalIters: 20 }) },
  },
  LinearLR: {
    steps: STEPS,
    curves: {
      "1/3 to 1 in 20": (o) => new optim.LinearLR(o, { totalIters: 20 }),
      "1 to 0.1 in 80": (o) => new optim.LinearLR(o, { startFactor: 1, endFactor: 0.1, totalIters: 80 }),
    },
  },
  ExponentialLR: { steps: STEPS, curves: { "gamma 0.99": decay(0.99), "gamma 0.95": decay(0.95) } },
  PolynomialLR: {
    steps: STEPS,
    curves: Object.fromEntries(
      [0.5, 1, 2].map((power) => [`power ${power}`, (o) => new optim.PolynomialLR(o, { totalIters: 80, power })]),
    ),
  },
  FactorLR: {
    steps: STEPS,
    curves: {
      "factor 0.95, etaMin 0.1": (o) => new optim.FactorLR(o, { factor: 0.95, etaMin: 0.1 }),
    },
  },
  CosineAnnealingLR: {
    steps: STEPS,
    curves: {
      "TMax 100": (o) => new optim.CosineAnnealingLR(o, { TMax: 100 }),
      "TMax 50, etaMin 0.1": (o) => new optim.CosineAnnealingLR(o, { TMax: 50, etaMin: 0.1 }),
    },
  },
  CosineAnnealingWarmRestarts: {
    steps: STEPS,
    curves: {
      "T0 25": (o) => new optim.CosineAnnealingWarmRestarts(o, { T0: 25 }),
      "T0 14, TMult 2": (o) => new optim.CosineAnnealingWarmRestarts(o, { T0: 14, TMult: 2 }),
    },
  },
  CyclicLR: {
    steps: STEPS,
    curves: {
      triangular: cycle("triangular"),
      triangular2: cycle("triangular2"),
      "exp_range, gamma 0.98": cycle("exp_range"),
    },
  },
  OneCycleLR: {
    steps: STEPS,
    curves: {
      cos: (o) => new optim.OneCycleLR(o, { maxLr: 1, totalSteps: STEPS + 1 }),
      "linear, threePhase": (o) =>
        new optim.OneCycleLR(o, { maxLr: 1, totalSteps: STEPS + 1, annealStrategy: "linear", threePhase: true }),
    },
  },
  ReduceLROnPlateau: {
    steps: STEPS,
    metric: (t) => Math.max(1.2 * 0.93 ** t, 0.55 - 0.25 / (1 + Math.exp((50 - t) / 3))),
    curves: { "factor 0.5, patience 8": (o) => new optim.ReduceLROnPlateau(o, { factor: 0.5, patience: 8 }) },
  },
  SequentialLR: {
    steps: STEPS,
    curves: {
      "linear, cosine, exponential": (o) =>
        new optim.SequentialLR(
          o,
          [
            new optim.LinearLR(o, { startFactor: 0.1, totalIters: 10 }),
            new optim.CosineAnnealingWarmRestarts(o, { T0: 25 }),
            decay(0.9)(o),
          ],
          { milestones: [10, 60] },
        ),
    },
  },
  ChainedScheduler: {
    steps: STEPS,
    curves: {
      "ConstantLR and ExponentialLR": (o) =>
        new optim.ChainedScheduler([new optim.ConstantLR(o, { factor: 0.5, totalIters: 20 }), decay(0.97)(o)]),
    },
  },
  SWALR: {
    steps: STEPS,
    curves: {
      cos: (o) => new optim.SWALR(o, { swaLr: 0.2, annealEpochs: 50 }),
      linear: (o) => new optim.SWALR(o, { swaLr: 0.2, annealEpochs: 50, annealStrategy: "linear" }),
    },
  },
  WarmupLR: {
    steps: STEPS,
    curves: { linear: warmup("linear"), polynomial: warmup("polynomial"), exponential: warmup("exponential") },
  },
  ScheduleLR: {
    steps: STEPS,
    curves: {
      "base e^(−t/40) (1 + sin(t/4)/2)": (o) =>
        new optim.ScheduleLR(o, (t, base) => base * Math.exp(-t / 40) * (1 + Math.sin(t / 4) / 2)),
    },
  },
};

interface Point {
  readonly step: number;
  readonly lr: number;
  readonly label: string;
}

function pointsOf({ steps, curves, metric }: Curves): Point[] {
  return Object.entries(curves).flatMap(([label, make]) => {
    const optimizer = { paramGroups: [{ lr: 1, momentum: 0.9 }] };
    const scheduler = make(optimizer);
    const points: Point[] = [];
    for (let step = 0; step <= steps; step++) {
      points.push({ step, lr: optimizer.paramGroups[0]!.lr, label });
      if (step < steps) scheduler.step(metric?.(step));
    }
    return points;
  });
}

function drawn(curves: Curves): string {
  const { document } = parseHTML("<html></html>");
  const points = pointsOf(curves);
  const labels = Object.keys(curves.curves);
  const { metric, steps } = curves;
  const measured = metric ? Array.from({ length: steps + 1 }, (_, step) => ({ step, metric: metric(step) })) : [];
  const svg = Plot.plot({
    document: document as never,
    width: 720,
    height: 220,
    marginTop: 28,
    marginRight: 190,
    style: { background: "white", color: "black", fontFamily: "system-ui, sans-serif", fontSize: "11px" },
    x: { label: "step", labelAnchor: "center" },
    y: { label: "learning rate", grid: true, zero: true },
    color: { domain: labels, range: COLORS.slice(0, labels.length) },
    marks: [
      Plot.ruleY([0]),
      Plot.line(measured, { x: "step", y: "metric", stroke: "#aaa", strokeDasharray: "3 3" }),
      Plot.line(points, { x: "step", y: "lr", stroke: "label", strokeWidth: 1.75, curve: "step-after" }),
      // A legend of text alone, which needs no HTML around the picture.
      ...[...labels, ...(metric ? ["the metric"] : [])].map((label, i) =>
        Plot.text([label], {
          text: [label],
          fill: COLORS[labels.indexOf(label)] ?? "#888",
          frameAnchor: "top-right",
          textAnchor: "start",
          dx: 10,
          dy: 16 * i,
          fontWeight: 600,
        }),
      ),
    ],
  });
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${svg.outerHTML}\n`;
}

const folder = new URL("../docs/images/schedules/", import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, curves] of Object.entries(PLOTS)) writeFileSync(new URL(`${name}.svg`, folder), drawn(curves));
