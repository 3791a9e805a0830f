export default async (context: any) => context.res.text(Deno.env.get("CUSTOM_ENV_VAR") ?? null);
