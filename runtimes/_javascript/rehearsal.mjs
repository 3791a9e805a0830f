// The function that a spare loads and calls before there is another (spare.mjs).
export default (input, ctx) => ({ input, at: ctx.deadline });
