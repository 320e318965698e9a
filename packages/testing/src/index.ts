export * as arbitraries from "./arbitraries.ts";
export { describeBackend } from "./conformance/describe-backend.ts";
export { waits } from "./conformance/ops.ts";
export type { ConformanceOptions, Skip } from "./conformance/suite.ts";
export { type CountingBackend, countingBackend } from "./counting-backend.ts";
export { type Elements, expectClose, type Tolerance } from "./expect-close.ts";
export { FUNCTION_CASES } from "./function-cases.ts";
export { FUSED_KERNELS, fusedBackend } from "./fused-backend.ts";
export { type FunctionCase, type GoldenFile, type GoldenTensor, goldenCases, goldenTensor } from "./golden.ts";
export { describeTraining } from "./golden-training.ts";
export { type AnyLearnedRule, LEARNED_RULES, moved, numbersOf, rateRule } from "./learned-rules.ts";
export { lenet } from "./lenet.ts";
export { withBefore, withoutFused } from "./members.ts";
export { type CaseInput, leavesOf, type OpCall, type OpCase, outputsOf } from "./op-case.ts";
export { OP_CASES } from "./op-cases.ts";
export { type AnOptimizer, OPTIMIZER_CASES, type OptimizerCase, type Options } from "./optimizer-cases.ts";
export { type PagedBackend, type PagedBackendOptions, pagedBackend } from "./paged-backend.ts";
export {
  coarse,
  give,
  lossOf,
  parametersOf,
  prepared,
  type TrainingProblem,
  trainingProblem,
} from "./training-problem.ts";
