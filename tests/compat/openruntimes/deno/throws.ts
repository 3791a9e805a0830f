export default async (_context: any) => {
  throw new Error("kaboom");
};
