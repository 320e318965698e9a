export * as arbitraries from "./arbitraries.ts";
export { describeBackend } from "./conformance/describe-backend.ts";
export { waits } from "./conformance/ops.ts";
export { type ConformanceOptions, type Skip } from "./conformance/suite.ts";
export { countingBackend, type CountingBackend } from "./counting-backend.ts";
export { expectClose, type Elements, type Tolerance } from "./expect-close.ts";
export { FUNCTION_CASES } from "./function-cases.ts";
export { FUSED_KERNELS, fusedBackend } from "./fused-backend.ts";
export { goldenCases, goldenTensor, type FunctionCase, type GoldenFile, type GoldenTensor } from "./golden.ts";
export { describeTraining } from "./golden-training.ts";
export { lenet } from "./lenet.ts";
export { withBefore, withoutFused } from "./members.ts";
export { leavesOf, outputsOf, type CaseInput, type OpCall, type OpCase } from "./op-case.ts";
export { OP_CASES } from "./op-cases.ts";
export { OPTIMIZER_CASES, type AnOptimizer, type OptimizerCase, type Options } from "./optimizer-cases.ts";
export { pagedBackend, type PagedBackend, type PagedBackendOptions } from "./paged-backend.ts";
export { coarse, give, lossOf, parametersOf, prepared, trainingProblem, type TrainingProblem } from "./training-problem.ts";

