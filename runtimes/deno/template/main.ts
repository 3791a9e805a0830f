// Called with the request's JSON body; what it returns is the reply.
interface Input {
  name?: string;
}

interface Context {
  log: { info(message: string, fields?: Record<string, unknown>): void };
}

export default function hello(input: Input | null, ctx: Context) {
  const name = input?.name ?? "World";
  ctx.log.info("greeting", { name });
  return { message: `Hello, ${name}!` };
}
