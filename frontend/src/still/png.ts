// A few dots as an image that stands in the file itself.

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const MOST = 65_535; // bytes in a block that is stored as it is

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let left = byte;
  for (let bit = 0; bit < 8; bit += 1) left = left & 1 ? 0xedb88320 ^ (left >>> 1) : left >>> 1;
  return left;
});

/** `dots` are red, green and blue of each dot, row by row. Dots are few: nothing is compressed. */
export function pngOf(width: number, height: number, dots: Uint8Array): string {
  const rows = Array.from({ length: height }, (_, row) => [
    0,
    ...dots.subarray(3 * row * width, 3 * (row + 1) * width),
  ]).flat();
  const head = [...word(width), ...word(height), 8, 2, 0, 0, 0];
  const bytes = [
    ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    ...chunk("IHDR", head),
    ...chunk("IDAT", stored(rows)),
    ...chunk("IEND", []),
  ];
  return `data:image/png;base64,${base64(bytes)}`;
}

const word = (value: number): number[] => [24, 16, 8, 0].map((by) => (value >>> by) & 255);

function chunk(name: string, data: number[]): number[] {
  const body = [...[...name].map((letter) => letter.charCodeAt(0)), ...data];
  const left = body.reduce((sum, byte) => CRC[(sum ^ byte) & 255]! ^ (sum >>> 8), 0xffffffff);
  return [...word(data.length), ...body, ...word(~left >>> 0)];
}

/** A stream of zlib whose blocks are not compressed. */
function stored(data: number[]): number[] {
  const found = [0x78, 0x01];
  for (let from = 0; from < data.length; from += MOST) {
    const block = data.slice(from, from + MOST);
    const long = [block.length & 255, block.length >> 8];
    const last = from + MOST >= data.length ? 1 : 0;
    found.push(last, ...long, ...long.map((byte) => byte ^ 255), ...block);
  }
  let [low, high] = [1, 0];
  for (const byte of data) {
    low = (low + byte) % 65_521;
    high = (high + low) % 65_521;
  }
  return [...found, ...word(((high << 16) | low) >>> 0)];
}

function base64(bytes: number[]): string {
  let text = "";
  for (let from = 0; from < bytes.length; from += 3) {
    const [first, second, third] = bytes.slice(from, from + 3);
    const bits = (first! << 16) | ((second ?? 0) << 8) | (third ?? 0);
    const letters = [18, 12, 6, 0].map((by) => LETTERS[(bits >> by) & 63]!);
    if (third === undefined) letters[3] = "=";
    if (second === undefined) letters[2] = "=";
    text += letters.join("");
  }
  return text;
}
