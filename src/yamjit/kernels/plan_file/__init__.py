"""Plan files: a compiled model as one file that is mapped and run, the same for Python and for C."""
