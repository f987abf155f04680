"""Runs over many recordings: a list of inputs, processes that work on it, results in one file or one file each.

Its modules are imported one by one: a command needs a few of them.
"""
