export { exp, expm1, expOfNegative, sigmoid, silu, tanh } from "./exponential.ts";
export { FloatLanes } from "./lanes.ts";
export { log, log1p } from "./logarithm.ts";
export { erf, phi } from "./normal.ts";
export { cos, MAX_ANGLE, sin } from "./trigonometric.ts";
