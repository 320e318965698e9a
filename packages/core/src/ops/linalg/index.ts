// What PyTorch has under `torch.linalg`, for float32 and float64.
export { matmul } from "../matmul.ts";
export { type AlongOptions, cross, vecdot } from "../products.ts";
export { type CholeskyOptions, cholesky, choleskySolve } from "./cholesky.ts";
export { det, logdet, slogdet } from "./det.ts";
export { type EighOptions, eigh, eigvalsh } from "./eigh.ts";
export { matrixExp } from "./matrix-exp.ts";
export { multiDot } from "./multi-dot.ts";
export {
  type CondOptions,
  cond,
  type MatrixNormOptions,
  type MatrixOrd,
  matrixNorm,
  type NormOptions,
  norm,
  type VectorNormOptions,
  vectorNorm,
} from "./norm.ts";
export { type LstsqOptions, lstsq, pinv } from "./pinv.ts";
export { type QrOptions, qr } from "./qr.ts";
export { inv, matrixPower, type SolveOptions, solve } from "./solve.ts";
export { matrixRank, type RankOptions, type SvdOptions, svd, svdvals } from "./svd.ts";
export { solveTriangular, type TriangularOptions } from "./triangular.ts";
