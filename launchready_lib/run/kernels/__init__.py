"""Kernels for notebooks: forked from a process that has imported everything already, or started in the stock way.

A notebook cannot tell the two ways apart: each kernel is a real ipykernel in a process and session of its own.
Nothing is imported here: `warm` must be light, since it is the first thing that a run needs.
"""
