export default {
  async fetch(request) {
    return new Response(JSON.stringify(await request.json()), { headers: { 'Content-Type': 'application/json' } });
  },
};
