import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/build-once.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // onnxruntime blocks its thread and must not be torn down inside a worker thread: one process a file.
    pool: 'forks',
  },
});
