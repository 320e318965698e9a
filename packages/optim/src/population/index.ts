/**
 * Population-based training (Jaderberg et al. 2017): members train side by side, copy the best, and change what they copied.
 *
 * @module @descent/optim/population
 */
export { ancestry, type Lineage, type LineageRow, type Origin, replay, schedule } from "./lineage.ts";
export {
  type LocalCheckpoint,
  LocalMember,
  type LocalMemberOptions,
  type Stateful,
  setHyperparameters,
} from "./local-member.ts";
export type { Member } from "./member.ts";
export { PopulationBasedTraining, type PopulationOptions, type PopulationState } from "./population-based-training.ts";
export { choice, type Domain, type Hyperparameters, integer, logUniform, type Space, uniform } from "./space.ts";
