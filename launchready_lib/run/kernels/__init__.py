"""Kernels for notebooks: forked from a process that has imported everything already, or started in the stock way.

    forkserver   the process that imports once and forks (run with `python -m`, never imported by others)
    warm         starts and talks to it; a forked kernel looks like a `subprocess.Popen`
    processes    ends a kernel with everything it started
    provisioner  plugs both into jupyter_client
    manager      the kernel manager that the engine hands to nbclient

A notebook cannot tell the two ways apart: each kernel is a real ipykernel in a process and session of its own.
Nothing is imported here: `warm` must be light, since it is the first thing that a run needs.
"""
