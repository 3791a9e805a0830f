// Slow on purpose.
const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2));

export const functions = {
  add: (...numbers) => {
    if (!numbers.every((n) => typeof n === "number")) throw new TypeError("add takes numbers");
    return numbers.reduce((a, b) => a + b, 0);
  },
  reverse: (text) => [...text].reverse().join(""),
  fibonacci: fib,
  batch_sum: (batches) => batches.map((batch) => batch.reduce((a, b) => a + b, 0)),
  echo: (value) => value,
};

export async function answer({ id, function: name, args }) {
  if (!Object.hasOwn(functions, name)) return { id, error: { code: "NO_SUCH_FUNCTION", message: `there is no function ${name}` } };
  try {
    return { id, result: (await functions[name](...args)) ?? null };
  } catch (error) {
    return { id, error: { type: error.name, message: error.message, stack: error.stack } };
  }
}
