#!/bin/sh
# RUSTC_WORKSPACE_WRAPPER of scripts/fuzz.js: counts the edges of the files under test, for the fuzzer to see where an
# input leads. What they depend on stays as it is and need not be built again.
exec "$@" \
  -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table \
  -Copt-level=1
