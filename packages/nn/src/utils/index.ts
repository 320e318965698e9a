export {
  isParametrized,
  type Parametrization,
  type RemoveParametrizationsOptions,
  registerParametrization,
  removeParametrizations,
} from "./parametrize.ts";
export { removeSpectralNorm, type SpectralNormOptions, spectralNorm } from "./spectral-norm.ts";
export { updateBatchNorm } from "./update-batch-norm.ts";
export { parametersToVector, vectorToParameters } from "./vector.ts";
export { removeWeightNorm, type WeightNormOptions, weightNorm } from "./weight-norm.ts";
