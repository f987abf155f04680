"""Vectors as types of Numba, and what each instruction set makes of their operations."""
