import { ArgumentError, detach, Generator, type GeneratorState, Parameter, StateDictError, scope } from "@descent/core";
import "@descent/core/methods";
import type { AnyOptimizer } from "../../base/any-optimizer.ts";
import { hyperProblems, withDefaults } from "../../base/param-groups.ts";
import type { State } from "../../base/rule.ts";
import { seedFrom } from "../../base/seed.ts";
import { described, isLike } from "../../base/state-dict.ts";
import {
  type Check,
  type Checks,
  callable,
  checked,
  count,
  flag,
  orNull,
  positive,
  positiveInteger,
  reject,
  unknownNames,
} from "../../checks.ts";
import { Adam } from "../../optimizers/adam.ts";
import { settled } from "../../tools/arguments.ts";
import { clipGradNorm, getTotalNorm } from "../../tools/clip.ts";
import { checkWeights, type LearnedRule, type Weights } from "../base/learned-rule.ts";
import { meanOf } from "../base/mean.ts";
import type { Task, TaskDistribution } from "../tasks/task.ts";
import { backpropagation, type Estimate, type MetaGradient } from "./meta-gradient.ts";
import { type MetaLoss, meanLoss } from "./meta-loss.ts";
import { begin, type InnerState, tensorsIn, unroll, withoutTape } from "./unroll.ts";

/** Options of `MetaTrainer`; `tasks` is the one that has to be given. */
export interface MetaTrainerOptions<H extends object> {
  /** What problems are drawn from. */
  readonly tasks: TaskDistribution;
  /** Steps that each problem is optimized for. Default 100. */
  readonly innerSteps?: number;
  /** Inner steps that a gradient flows back through: one step of meta-training. Default 20. */
  readonly window?: number;
  /** Problems whose gradients are averaged in one step of meta-training. Default 1. */
  readonly tasksPerStep?: number;
  /** What is made small. Default `meanLoss`. */
  readonly metaLoss?: MetaLoss;
  /** How its gradient is found. Default `backpropagation`. */
  readonly metaGradient?: MetaGradient;
  /** Whether meta-gradients flow through the gradients of the problems. Default false. */
  readonly secondDerivatives?: boolean;
  /** The most that the norm of a meta-gradient may be, `null` for any (default). */
  readonly clipNorm?: number | null;
  /** What trains the weights. Default Adam with lr 1e-3. */
  readonly optimizer?: (weights: readonly Parameter[]) => AnyOptimizer;
  /** Options of the rule that is trained, where they are not its defaults. */
  readonly hyper?: Partial<H>;
  /** Weights to begin with. Default: the rule's, drawn with `seed`. */
  readonly weights?: Weights;
  /** The seed of everything that is drawn. Default 0. */
  readonly seed?: number;
}

/** What one step of meta-training did. */
export interface MetaStep {
  /** Its number: 1, 2, … */
  readonly step: number;
  /** The meta-loss of the window, averaged over the problems. */
  readonly loss: number;
  /** The norm of the meta-gradient, before it was clipped. */
  readonly gradientNorm: number;
  /** Inner steps that the problems have made. */
  readonly innerStep: number;
  /** Whether loss or gradient were not finite: the weights are as before, and the problems were given up. */
  readonly skipped: boolean;
}

/** The optimization of one problem: the seed that it was drawn with, and where it stands. */
export interface SavedTask<S, C> {
  readonly seed: number;
  readonly inner: InnerState<S, C>;
}

/** Everything that meta-training depends on. Its tensors are snapshots that no step changes. */
export interface MetaTrainerState<S, C> {
  readonly step: number;
  readonly weights: Weights;
  readonly optimizer: object;
  readonly generator: GeneratorState;
  readonly tasks: readonly SavedTask<S, C>[];
}

type Settled<H extends object> = Required<Omit<MetaTrainerOptions<H>, "weights">> & {
  readonly weights: Weights | null;
};

interface Running<S, C> extends SavedTask<S, C> {
  readonly task: Task;
}

/** Trains the weights of a learned rule on problems of a distribution, a window of inner steps at a time. */
export class MetaTrainer<H extends object, S extends State<S>, C extends State<C> = Record<never, never>> {
  /** The weights as they are now, for `new LearnedOptimizer(rule, trainer.weights, …)`. */
  readonly weights: Readonly<Record<string, Parameter>>;
  /** What trains them: schedulers may be attached. */
  readonly optimizer: AnyOptimizer;
  readonly #rule: LearnedRule<H, S, C>;
  readonly #options: Settled<H>;
  readonly #hyper: H;
  readonly #generator: Generator;
  #running: readonly Running<S, C>[] = [];
  #step = 0;
  #isStepping = false;

  constructor(rule: LearnedRule<H, S, C>, options: MetaTrainerOptions<H>) {
    this.#options = settled<Settled<H>>("MetaTrainer", options, { ...DEFAULTS, tasks: options?.tasks }, CHECKS);
    this.#rule = rule;
    const { weights, optimizer } = this.#options;
    this.#hyper = withDefaults(rule.defaults, this.#options.hyper);
    reject("MetaTrainer", [
      ...unknownNames(this.#options.hyper, rule.checks, "hyper."),
      ...hyperProblems(rule, this.#hyper, "hyper."),
    ]);
    if (weights !== null) checkWeights(rule, weights);
    this.#generator = new Generator(this.#options.seed);
    const first = Object.entries(weights ?? rule.initialize({ generator: this.#generator }));
    this.weights = Object.fromEntries(first.map(([name, w]) => [name, new Parameter(detach(w))]));
    const parameters = Object.values(this.weights);
    this.optimizer = optimizer(parameters);
  }

  /** Steps that were made. */
  get stepCount(): number {
    return this.#step;
  }

  /** Runs the next window of every problem, and changes the weights once. Problems that have made all their steps give way to new ones. */
  async step(): Promise<MetaStep> {
    if (this.#isStepping)
      throw new ArgumentError("MetaTrainer.step", "the last step is not over", "await trainer.step()");
    this.#isStepping = true;
    try {
      return await this.#advance();
    } finally {
      this.#isStepping = false;
    }
  }

  /** Makes some steps, and returns what each one did: the curve of meta-training. `onStep` sees each when it is over. */
  async train(steps: number, { onStep }: { readonly onStep?: (step: MetaStep) => void } = {}): Promise<MetaStep[]> {
    checked("MetaTrainer.train", { steps }, { steps: count });
    const curve: MetaStep[] = [];
    for (let k = 0; k < steps; k++) {
      const step = await this.step();
      curve.push(step);
      onStep?.(step);
    }
    return curve;
  }

  stateDict(): MetaTrainerState<S, C> {
    return {
      step: this.#step,
      weights: Object.fromEntries(Object.entries(this.weights).map(([name, w]) => [name, detach(w)])),
      optimizer: this.optimizer.stateDict(),
      generator: this.#generator.getState(),
      tasks: this.#running.map(({ seed, inner }) => ({ seed, inner: withoutTape(inner) })),
    };
  }

  /** Takes over what `stateDict()` gave; training goes on as it would have there, bit for bit. Throws before anything changes. */
  loadStateDict({ step, weights, optimizer, generator, tasks }: MetaTrainerState<S, C>): void {
    checkWeights(this.#rule, weights);
    for (const [name, w] of Object.entries(this.weights))
      if (!isLike(weights[name], w))
        throw new StateDictError(
          "MetaTrainer.loadStateDict",
          `weights["${name}"] is ${described(weights[name])}, expected ${described(w)}`,
        );
    const running = tasks.map(({ seed, inner }) => ({ seed, task: this.#taskOf(seed), inner: withoutTape(inner) }));
    for (const [i, { task, inner }] of running.entries())
      if (inner.values.length !== task.initial.length || !inner.values.every((x, k) => isLike(x, task.initial[k]!)))
        throw new StateDictError(
          "MetaTrainer.loadStateDict",
          `problem ${i} has the parameters ${inner.values.map(described).join(", ")}, and the distribution draws ${task.initial.map(described).join(", ")} with its seed`,
          "load it into a trainer with the same tasks",
        );
    new Generator().setState(generator);
    this.optimizer.loadStateDict(optimizer);
    for (const [name, w] of Object.entries(this.weights)) w.assign(weights[name]!);
    this.#generator.setState(generator);
    this.#replace(running);
    this.#step = step;
  }

  async #advance(): Promise<MetaStep> {
    const running = this.#prepared();
    const { loss, ends, gradients, norm } = scope(() => this.#estimate(running));
    const [lossRead, normRead] = await Promise.all([loss.data(), norm.data()]);
    const [value, gradientNorm] = [Number(lossRead[0]), Number(normRead[0])];
    const skipped = !Number.isFinite(value) || !Number.isFinite(gradientNorm);
    if (!skipped) {
      const parameters = Object.values(this.weights);
      for (const [i, parameter] of parameters.entries()) parameter.grad = gradients[i]!;
      if (this.#options.clipNorm !== null) clipGradNorm(parameters, this.#options.clipNorm).dispose();
      await this.optimizer.stepAsync();
      this.optimizer.zeroGrad();
    }
    for (const x of [loss, norm, ...gradients]) x.dispose();
    this.#replace(running.map((run, i) => ({ ...run, inner: ends[i]! })));
    if (skipped) this.#replace([]);
    this.#step++;
    const innerStep = ends[0]!.step;
    return { step: this.#step, loss: value, gradientNorm, innerStep, skipped };
  }

  /** The problems of the next window: those that have steps to go, or new ones. */
  #prepared(): readonly Running<S, C>[] {
    const { innerSteps, tasksPerStep } = this.#options;
    if (this.#running.length > 0 && this.#running[0]!.inner.step < innerSteps) return this.#running;
    const drawn = Array.from({ length: tasksPerStep }, () => {
      const seed = seedFrom(this.#generator);
      const task = this.#taskOf(seed);
      return { seed, task, inner: begin(this.#rule, task, this.#hyper) };
    });
    this.#replace(drawn);
    return drawn;
  }

  #taskOf(seed: number): Task {
    return this.#options.tasks.sample(new Generator(seed));
  }

  /** Takes over where problems stand. Where they stood before goes: nobody else holds it, and saved states are snapshots. */
  #replace(running: readonly Running<S, C>[]): void {
    for (const { inner } of this.#running) for (const x of tensorsIn(inner)) x.dispose();
    this.#running = running;
  }

  #estimate(running: readonly Running<S, C>[]) {
    const { innerSteps, window, metaLoss, metaGradient, secondDerivatives } = this.#options;
    const names = Object.keys(this.weights);
    const estimates = running.map(({ task, inner }): Estimate<InnerState<S, C>> => {
      const steps = Math.min(window, innerSteps - inner.step);
      const run = (weights: Weights) => {
        const { losses, end } = unroll(this.#rule, weights, task, inner, { steps, secondDerivatives }, this.#hyper);
        return { loss: metaLoss(losses), end };
      };
      return scope(() => metaGradient(run, this.weights, this.#generator));
    });
    const gradients = names.map((name) => meanOf(estimates.map((estimate) => estimate.gradients[name]!)));
    return {
      loss: meanOf(estimates.map((estimate) => estimate.loss)),
      ends: estimates.map((estimate) => estimate.end),
      gradients,
      norm: getTotalNorm(gradients),
    };
  }
}

const DEFAULTS: Omit<Settled<object>, "tasks"> = {
  innerSteps: 100,
  window: 20,
  tasksPerStep: 1,
  metaLoss: meanLoss,
  metaGradient: backpropagation,
  secondDerivatives: false,
  clipNorm: null,
  optimizer: (weights) => new Adam(weights),
  hyper: {},
  weights: null,
  seed: 0,
};

const object: Check = { expected: "an object", test: (value) => typeof value === "object" && value !== null };
const distribution: Check = {
  expected: "a distribution of tasks, such as quadratics()",
  test: (value) => typeof (value as TaskDistribution | undefined)?.sample === "function",
};
const CHECKS: Checks<Settled<object>> = {
  tasks: distribution,
  innerSteps: positiveInteger,
  window: positiveInteger,
  tasksPerStep: positiveInteger,
  metaLoss: callable,
  metaGradient: callable,
  secondDerivatives: flag,
  clipNorm: orNull(positive),
  optimizer: callable,
  hyper: object,
  weights: orNull(object),
  seed: { expected: "a safe integer", test: Number.isSafeInteger },
};
