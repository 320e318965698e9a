/** Runs tasks one after the other, in the order in which they came. Tasks do not reject. */
export interface Queue {
  push(task: () => void | Promise<void>): void;
}

/** The queue of a device that nobody can wait for: a task begins when the promise of the one before it is settled. */
export function asynchronousQueue(): Queue {
  let last: Promise<void> = Promise.resolve();
  return {
    push(task) {
      last = last.then(task);
    },
  };
}

/** The queue of a device that answers at once. */
export const immediateQueue: Queue = { push: (task) => void task() };
