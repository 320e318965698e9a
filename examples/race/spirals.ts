import { Generator, manualSeed, nn, noGrad, scope, type Tensor, tensor } from "descent";
import type { Contender } from "./contenders.ts";
import { move } from "./racer.ts";

const [POINTS, TURNS, NOISE, BATCH] = [256, 1.1, 0.06, 64];

/** Points in the plane `[N, 2]`, and which of two spirals each belongs to, `[N]`. */
interface Points {
  readonly x: Tensor;
  readonly label: Tensor;
}

/** How well an optimizer taught a small network to tell the spirals apart. */
export interface Lesson {
  readonly lr: number;
  /** Over all training points. */
  readonly loss: number;
  /** On points that it has not seen. */
  readonly accuracy: number;
  readonly millisecondsPerStep: number;
}

/** Two spirals that wind around each other. */
function spirals(random: Generator): Points {
  const noise = (): number => NOISE * (random.uniform() + random.uniform() + random.uniform() - 1.5);
  const points = Array.from({ length: POINTS }, (_, i) => {
    const radius = 0.15 + 0.85 * random.uniform();
    const angle = 2 * Math.PI * (TURNS * radius + (i % 2) / 2);
    return [radius * Math.cos(angle) + noise(), radius * Math.sin(angle) + noise()];
  });
  return {
    x: tensor(points),
    label: tensor(
      points.map((_, i) => i % 2),
      { dtype: "int32" },
    ),
  };
}

/** Teaches a network of two hidden layers, the same for everybody, in batches, the same for everybody. */
export function teach({ make, closure }: Contender, lr: number, steps: number, seed: number): Lesson {
  const random = new Generator(seed);
  const [seen, unseen] = [spirals(random), spirals(random)];
  manualSeed(seed);
  const model = new nn.Sequential(
    new nn.Linear(2, 32),
    new nn.Tanh(),
    new nn.Linear(32, 32),
    new nn.Tanh(),
    new nn.Linear(32, 2),
  );
  const criterion = new nn.CrossEntropyLoss();
  const racer = make(model.parameters(), lr);
  const lossOf = ({ x, label }: Points): Tensor => criterion.call(model.call(x), label);

  const began = performance.now();
  for (let step = 0; step < steps; step++)
    scope(() => {
      const rows = tensor(
        Array.from({ length: BATCH }, () => Math.floor(random.uniform() * POINTS)),
        { dtype: "int32" },
      );
      const batch = { x: seen.x.indexSelect(0, rows), label: seen.label.indexSelect(0, rows) };
      move(
        racer,
        closure,
        () => lossOf(batch),
        () => {},
      );
    });
  const millisecondsPerStep = (performance.now() - began) / steps;

  racer.eval();
  return scope(() =>
    noGrad(() => ({
      lr,
      loss: lossOf(seen).item(),
      accuracy: model.call(unseen.x).argmax(1).eq(unseen.label).sum().item() / POINTS,
      millisecondsPerStep,
    })),
  );
}

/** Who has the smaller loss is better. */
export const byLesson = (a: Lesson, b: Lesson): number => order(a.loss) - order(b.loss);

const order = (x: number): number => (Number.isNaN(x) ? Infinity : x);
