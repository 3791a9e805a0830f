// The usual server of the language with the same function. PORT on the command line.
Deno.serve({ port: Number(Deno.args[0]), hostname: "127.0.0.1", onListen() {} }, async (request) => Response.json(await request.json()));
