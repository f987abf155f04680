"""Benchmarks: yamjit next to a TFLite runtime, each contender's answer checked before it is timed."""
