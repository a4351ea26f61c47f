import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    // A missing golden is a failure, never written silently; `-u` still updates.
    update: 'none',
    testTimeout: 20_000,
    pool: 'forks',
  },
});
