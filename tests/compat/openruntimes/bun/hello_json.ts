export default async (context: any) => {
  return context.res.json({ message: "Hello Open Runtimes", ok: true });
};
