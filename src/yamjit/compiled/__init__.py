"""A model file compiled: all that is needed to run it, read from its graph, or from a plan file that holds the same."""
