// Adler-32 (RFC 1950 9), with the remainder taken as late as it may be.
export function adler32(data) {
  let [low, high] = [1, 0];
  for (let at = 0; at < data.length; ) {
    for (const end = Math.min(at + 3000, data.length); at < end; at++) high += low += data[at];
    low %= 65521;
    high %= 65521;
  }
  return ((high << 16) | low) >>> 0;
}
