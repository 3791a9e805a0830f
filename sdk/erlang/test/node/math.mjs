export const add = (a, b) => a + b;
export const batch_sum = (numbers) => numbers.reduce((sum, n) => sum + n, 0);

export function fibonacci(n) {
  let [a, b] = [0, 1];
  for (let i = 0; i < n; i++) [a, b] = [b, a + b];
  return a;
}
