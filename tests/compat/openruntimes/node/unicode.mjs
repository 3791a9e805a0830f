export default async ({ req, res }) => {
  return res.json({ greeting: `Grüße, ${req.bodyText}! 👋` });
};
