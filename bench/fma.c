/*
 * Float32 multiply-adds a second of one core: chains of vector multiply-adds in registers, without memory.
 * Prints GFLOP/s (a multiply-add is two). `bench/peak.ts` compiles it with -O3 -march=native and runs one process a
 * core. fma [seconds]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif

/* Chains: more than latency (4 to 5 cycles) times units (2 to 4), fewer than registers. */
#define CHAINS 12
#define REPEATS 4096
/* Repeats of the repeats between two looks at the clock: some ten milliseconds. */
#define SLICE 4096

typedef float vec __attribute__((vector_size(BYTES)));

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

int main(int argc, char **argv) {
  const double seconds = argc > 1 ? atof(argv[1]) : 1.0;
  volatile float factor = 0.999999f, summand = 1e-6f;
  vec a, b, x[CHAINS];
  for (int i = 0; i < BYTES / 4; i++) {
    a[i] = factor;
    b[i] = summand;
    for (int c = 0; c < CHAINS; c++) x[c][i] = (float)(c + i);
  }
  double done = 0, best = 0;
  const double start = now();
  double from = start;
  while (from - start < seconds) {
    for (int n = 0; n < SLICE; n++)
      for (int r = 0; r < REPEATS; r++) {
#pragma GCC unroll 12
        for (int c = 0; c < CHAINS; c++) x[c] = x[c] * a + b;
      }
    const double to = now();
    done = (double)SLICE * REPEATS * CHAINS * (BYTES / 4) * 2;
    if (done / (to - from) > best) best = done / (to - from);
    from = to;
  }
  /* The result is used, so that no compiler leaves the work out. */
  float sum = 0;
  for (int c = 0; c < CHAINS; c++) for (int i = 0; i < BYTES / 4; i++) sum += x[c][i];
  fprintf(stderr, "%g\n", sum);
  printf("%.1f\n", best / 1e9);
  return 0;
}
