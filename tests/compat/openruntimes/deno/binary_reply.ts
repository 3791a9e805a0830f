export default async ({ res }: any) => {
  const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0xff]);
  return res.binary(new Blob([png]), 200, { "content-type": "image/png" });
};
