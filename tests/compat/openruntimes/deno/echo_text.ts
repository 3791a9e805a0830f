export default ({ req, res }: any) => res.text(req.bodyText);
