import { optim, type Parameter } from "descent";
import type { ClosureKind, Racer } from "./racer.ts";

/** An optimizer in the race, and the learning rates that it may choose from. */
export interface Contender {
  readonly name: string;
  readonly make: (params: Parameter[], lr: number) => Racer;
  readonly rates: readonly number[];
  readonly closure: ClosureKind;
}

/** Five rates or so, about three in every decade. */
const RATES = [1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3, 10];
const from = (low: number, high: number): number[] => RATES.filter((lr) => lr >= low && lr <= high);
/** Along a gradient, a step is as long as that is large; divided by its size, a step is about as long as the rate says. */
const [ALONG, SCALED, RELATIVE] = [from(1e-3, 0.3), from(1e-2, 1), from(3e-3, 0.1)];
const NO_RATE = [Number.NaN];

const contender = (
  name: string,
  rates: readonly number[],
  make: Contender["make"],
  closure: ClosureKind = "backward",
): Contender => ({ name, make, rates, closure });

/** Nobody decays weights, because that would move the minimum: so AdamW is Adam here. */
const weightDecay = 0;

export const CONTENDERS: readonly Contender[] = [
  contender("SGD", ALONG, (params, lr) => new optim.SGD(params, { lr })),
  contender("SGD, momentum", ALONG, (params, lr) => new optim.SGD(params, { lr, momentum: 0.9 })),
  contender("SGD, Nesterov", ALONG, (params, lr) => new optim.SGD(params, { lr, momentum: 0.9, nesterov: true })),
  contender("ASGD", ALONG, (params, lr) => averaging(new optim.ASGD(params, { lr, t0: 100 }))),
  contender("Rprop", from(1e-2, 0.1), (params, lr) => new optim.Rprop(params, { lr })),
  contender("Adagrad", SCALED, (params, lr) => new optim.Adagrad(params, { lr })),
  contender("Adadelta", from(1, 10), (params, lr) => new optim.Adadelta(params, { lr })),
  contender("RMSprop", from(1e-3, 0.1), (params, lr) => new optim.RMSprop(params, { lr })),
  contender("Adam", SCALED, (params, lr) => new optim.Adam(params, { lr })),
  contender("AMSGrad", SCALED, (params, lr) => new optim.Adam(params, { lr, amsgrad: true })),
  contender("AdamW", SCALED, (params, lr) => new optim.AdamW(params, { lr, weightDecay })),
  contender("Adamax", SCALED, (params, lr) => new optim.Adamax(params, { lr })),
  contender("NAdam", SCALED, (params, lr) => new optim.NAdam(params, { lr })),
  contender("RAdam", from(1e-3, 1), (params, lr) => new optim.RAdam(params, { lr })),
  contender("Adafactor", SCALED, (params, lr) => new optim.Adafactor(params, { lr })),
  contender("Lion", RELATIVE, (params, lr) => new optim.Lion(params, { lr })),
  contender("Muon (and AdamW)", RELATIVE, (params, lr) => muon(params, lr)),
  contender("LARS", RELATIVE, (params, lr) => new optim.LARS(params, { lr, trustCoeff: 1, momentum: 0.9 })),
  contender("LAMB", RELATIVE, (params, lr) => new optim.LAMB(params, { lr, weightDecay })),
  contender("schedule-free SGD", from(3e-3, 3), (params, lr) => new optim.SGDScheduleFree(params, { lr })),
  contender("schedule-free AdamW", SCALED, (params, lr) => new optim.AdamWScheduleFree(params, { lr })),
  contender("SLS", NO_RATE, (params) => new optim.SLS(params, { nBatchesPerEpoch: 10 }), "loss"),
  contender(
    "SLS, momentum",
    NO_RATE,
    (params) => new optim.SlsAcc(params, { nBatchesPerEpoch: 10, resetOption: 1 }),
    "loss",
  ),
  contender(
    "LBFGS",
    NO_RATE,
    (params) => new optim.LBFGS(params, { lineSearchFn: "strong_wolfe", maxIter: 1, maxEval: 25 }),
  ),
  contender("SAM, momentum", ALONG, (params, lr) => new optim.SAM(new optim.SGD(params, { lr, momentum: 0.9 }))),
  contender(
    "Lookahead, momentum",
    ALONG,
    (params, lr) => new optim.Lookahead(new optim.SGD(params, { lr, momentum: 0.9 })),
  ),
  contender("COCOB", NO_RATE, (params) => new optim.COCOB(params)),
  contender("Prodigy", NO_RATE, (params) => new optim.Prodigy(params)),
  contender("D-Adaptation SGD", NO_RATE, (params) => new optim.DAdaptSGD(params)),
  contender("D-Adaptation AdaGrad", NO_RATE, (params) => new optim.DAdaptAdaGrad(params)),
  contender("D-Adaptation Adam", NO_RATE, (params) => new optim.DAdaptAdam(params)),
  contender("D-Adaptation Lion", NO_RATE, (params) => new optim.DAdaptLion(params)),
];

/** ASGD that is where its average is when it counts. */
export const averaging = (optimizer: optim.ASGD): Racer => ({
  step: (closure) => optimizer.step(closure),
  zeroGrad: () => optimizer.zeroGrad(),
  eval: () => optimizer.swapAverages(),
  train: () => optimizer.swapAverages(),
});

/** Muon for matrices, and AdamW for the rest, as its authors do. */
function muon(params: Parameter[], lr: number): Racer {
  const hidden = new optim.Muon(params.filter(isMatrix), { lr, weightDecay });
  const others = params.filter((p) => !isMatrix(p));
  if (others.length === 0) return hidden;
  const rest = new optim.AdamW(others, { lr: 0.01, weightDecay });
  hidden.registerStepPostHook(() => {
    rest.step();
    rest.zeroGrad();
  });
  return hidden;
}
const isMatrix = ({ ndim }: Parameter): boolean => ndim === 2;
