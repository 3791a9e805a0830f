export default async (context: any) => context.res.empty();
