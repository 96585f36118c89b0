// The exponential.

SP_INLINE Vec PowerOfTwo(IntVec exponent) { return reinterpret_cast<Vec>((exponent + 127) << 23); }

// e^x of x <= 0; a NaN stays.
//
// x = n ln 2 + r with |r| <= 0.35, and e^r by the polynomial of Cephes' expf (Moshier 1992).
// n ln 2 is taken off in two parts, of which the first has ten bits and n eight, so that only the
// second rounds. 2^n is multiplied in two halves: neither is denormal, and the product rounds once.
// Below -104 the result is zero in float32.
// The relative error is at most 1.5 * 2^-24, tried on every float32 with and without fused
// multiply-adds; a denormal result is off by up to 2^-150 more.
SP_INLINE Vec ExpOfNonPositive(Vec x) {
  const Vec lowest = Splat(-104.0f);
  const Vec in = x > lowest ? x : lowest;
  // Adding 1.5 * 2^23 leaves the nearest integer in the lowest bits.
  const Vec integers = Splat(12582912.0f);
  const Vec shifted = in * Splat(1.44269504f) + integers;
  const Vec n = shifted - integers;
  Vec r = in - n * Splat(0.693359375f);
  r = r - n * Splat(-2.12194440e-4f);
  Vec p = Splat(1.9875691500e-4f);
  p = p * r + Splat(1.3981999507e-3f);
  p = p * r + Splat(8.3334519073e-3f);
  p = p * r + Splat(4.1665795894e-2f);
  p = p * r + Splat(1.6666665459e-1f);
  p = p * r + Splat(5.0000001201e-1f);
  p = p * (r * r) + r + Splat(1.0f);
  const IntVec exponent = reinterpret_cast<IntVec>(shifted) - reinterpret_cast<IntVec>(integers);
  const IntVec half = exponent >> 1;
  const Vec result = p * PowerOfTwo(half) * PowerOfTwo(exponent - half);
  return x == x ? result : x;
}
