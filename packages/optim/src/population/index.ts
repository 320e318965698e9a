/**
 * Population-based training (Jaderberg et al. 2017): members train side by side, copy the best, and change what they copied.
 *
 * @module @descent/optim/population
 */
export {
  choice,
  type Domain,
  type Factors,
  type IntegerOptions,
  integer,
  logUniform,
  type Plain,
  uniform,
} from "./domains.ts";
export type { Setters } from "./hyperparameters.ts";
export {
  ancestry,
  type Lineage,
  type LineageEdge,
  type LineageRow,
  lineageEdges,
  type ScheduleRow,
  type ScheduleTableOptions,
  schedule,
} from "./lineage.ts";
export {
  type LocalCheckpoint,
  type LocalMemberOptions,
  localMember,
  type RandomStream,
  type Stateful,
} from "./local-member.ts";
export { type Member, MemberError } from "./member.ts";
export { type PackedTensor, packTensors, unpackTensors } from "./plain-tensors.ts";
export {
  PopulationBasedTraining,
  type PopulationCheckpoint,
  type PopulationOptions,
  type RunOptions,
} from "./population-based-training.ts";
export { type Replay, replay } from "./replay.ts";
export type { Mode } from "./selection.ts";
export type { Draw, Origin, Space } from "./space.ts";
