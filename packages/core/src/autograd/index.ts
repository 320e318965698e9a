// What PyTorch has in torch.autograd, under its names: the namespace `autograd`.
export { detectAnomaly, isAnomalyEnabled, setDetectAnomaly } from "../anomaly.ts";
export { backward, grad } from "../backward.ts";
export { enableGrad, inferenceMode, isGradEnabled, isInferenceModeEnabled, noGrad, setGradEnabled } from "../tape.ts";
export { gradcheck, gradgradcheck } from "../transforms.ts";
export { checkpoint, checkpointSequential } from "./checkpoint.ts";
export { CustomFunction as Function } from "./function.ts";
export * as functional from "./functional.ts";
export { hessian, hvp, jacobian, jvp, vhp, vjp } from "./functional.ts";
