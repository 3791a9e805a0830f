export default async (context: any) => {
  const headers = new Headers();
  headers.append("set-cookie", "cookie=value; path=/");
  headers.append("set-cookie", "cookie2=value2; path=/");
  headers.append("x-other", "one");
  return context.res.text("ok", 200, headers);
};
