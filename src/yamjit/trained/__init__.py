"""Heads that were trained: their layers, as arrays in a file, as operators of a graph, and as models of their own."""
