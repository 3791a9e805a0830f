export default async (context: any) => context.res.text(Bun.env["CUSTOM_ENV_VAR"] ?? null);
