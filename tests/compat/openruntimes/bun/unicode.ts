export default async ({ req, res }: any) => res.json({ greeting: `Grüße, ${req.bodyText}! 👋` });
