export default async (context: any) => {
  context.res.text("This should be ignored, as it is not returned.");
};
