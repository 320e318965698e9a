import { Generator, randn, type Tensor } from "@descent/core";
import "@descent/core/methods";
import * as nn from "@descent/nn";
import { AdamW } from "../index.ts";
import {
  type LocalCheckpoint,
  localMember,
  logUniform,
  type Member,
  type Space,
  uniform,
} from "../population/index.ts";

/** What the population of the tests looks for. */
export interface LearnerHyper {
  readonly lr: number;
  readonly weightDecay: number;
  readonly dropout: number;
}

export const LEARNER_SPACE: Space<LearnerHyper> = {
  lr: logUniform(1e-4, 1e-1),
  weightDecay: logUniform(1e-4, 1),
  dropout: uniform(0, 0.5),
};

/** A member, and what tests look at. */
export interface Learner {
  readonly member: Member<LearnerHyper, LocalCheckpoint>;
  readonly model: nn.Module;
}

/** Sizes and the length of an interval. */
export interface LearnerOptions {
  readonly width?: number;
  readonly batchSize?: number;
  readonly steps?: number;
}

/** A network whose dropout can be changed. */
class Net extends nn.Module {
  readonly first: nn.Linear;
  readonly norm: nn.BatchNorm1d;
  readonly last: nn.Linear;
  dropout = 0;

  constructor(width: number) {
    super();
    this.first = new nn.Linear(4, width);
    this.norm = new nn.BatchNorm1d(width);
    this.last = new nn.Linear(width, 1);
  }

  forward(x: Tensor): Tensor {
    const y = this.norm.call(this.first.call(x)).relu();
    return this.last.call(nn.functional.dropout(y, { p: this.dropout, training: this.training }));
  }
}

/**
 * A small network with dropout and batch normalisation, which learns a product with AdamW: weights, batches and what is dropped are those
 * of its number, its score is minus the loss. Imports nothing of the tests, because workers run it, too.
 */
export function learner(number: number, { width = 6, batchSize = 8, steps = 2 }: LearnerOptions = {}): Learner {
  const batches = new Generator(100 + number);
  const model = new Net(width);
  for (const parameter of model.parameters()) parameter.assign(randn(parameter.shape, { generator: batches }).mul(0.3));
  const optimizer = new AdamW(model.parameters());
  const loss = (x: Tensor): Tensor =>
    nn.functional.mseLoss(model.call(x), x.slice(":", "0:1").mul(x.slice(":", "1:2")));
  const validation = randn([16, 4], { generator: new Generator(1) });
  const member = localMember<LearnerHyper>({
    parts: { model, optimizer, batches },
    seed: number,
    set: {
      dropout: (p) => {
        model.dropout = p;
      },
    },
    train() {
      model.train();
      for (let step = 0; step < steps; step++) {
        optimizer.zeroGrad();
        loss(randn([batchSize, 4], { generator: batches })).backward();
        optimizer.step();
      }
    },
    evaluate() {
      model.eval();
      return -loss(validation).item();
    },
  });
  return { member, model };
}
