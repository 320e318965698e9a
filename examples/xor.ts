// Learns the exclusive or: the smallest complete program. Run it with `node --import tsx examples/xor.ts`.
import { manualSeed, nn, optim, tensor } from "descent";

manualSeed(0);
const x = tensor([
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]);
const y = tensor([[0], [1], [1], [0]]);

const model = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 1), new nn.Sigmoid());
const criterion = new nn.MSELoss();
const optimizer = new optim.Adam(model.parameters(), { lr: 0.02 });

for (let step = 1; step <= 500; step++) {
  const loss = criterion.call(model.call(x), y);
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  if (step % 100 === 0) console.log(`step ${step}  loss ${loss.item().toFixed(4)}`);
}
console.log(`predictions ${model.call(x)}`);
