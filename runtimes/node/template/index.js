// Called with the request's JSON body; what it returns is the reply.
export default async function hello(input, ctx) {
  const name = input?.name ?? 'World';
  ctx.log.info('greeting', { name });
  return { message: `Hello, ${name}!` };
}
