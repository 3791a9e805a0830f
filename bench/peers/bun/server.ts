// The usual server of the language with the same function. PORT on the command line.
Bun.serve({
  port: Number(process.argv[2]),
  hostname: "127.0.0.1",
  async fetch(request) {
    return Response.json(await request.json());
  },
});
