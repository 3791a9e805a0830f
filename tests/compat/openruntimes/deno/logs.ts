export default async ({ res, log, error }: any) => {
  log("Debug log");
  log(42);
  log("engine:", "open-runtimes");
  error("Error log");
  return res.text("logged");
};
