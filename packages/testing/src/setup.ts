import fc from "fast-check";

// One seed for every run, so that a red test stays red; `FC_SEED=… npm test` looks elsewhere. fast-check prints it on failure.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 20_260_101) });
