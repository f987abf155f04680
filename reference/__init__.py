"""The arithmetic of quantized YAMNet, slow and obvious, and the harness of the runtime it is held against.

``README.md`` derives the arithmetic on one page; the modules cite its equations by number:

- `reference.arithmetic`: the integer primitives, and what TFLite prepares from scales before it runs.
- `reference.ops`: every operator as plain loops over integers. Never optimised.
- `reference.hybrid`: operators of float32 inputs and int8 weights.
- `reference.problems`: one-operator problems of the integer network, and their form on disk.
- `reference.cases`: many of them, at the edges and at random.
- `reference.runtime`: runs a TFLite runtime, if one is installed, and records its inner tensors.
- ``goldens``: what the runtime answered, so that exactness is tested where there is none.

Nothing here imports the package under test.
"""
