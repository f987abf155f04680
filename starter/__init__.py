"""The starter model: sounds made from nothing, a small YAMNet trained on them, and the file that ships with yamjit.

``python -m starter --seed 0`` is the whole way. `README.md` says how the shipped file was made.
"""
