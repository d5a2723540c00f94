"""Fork the Python processes that tests start, instead of executing Python and importing PyTorch again and again.

Importing PyTorch, the compiler that each optimizer imports, and drawing the synthetic data set takes 3 s of CPU time.
`client` replaces the start of a process, and `server` is the process with everything loaded. A forked process has the
arguments, environment, descriptors, session and parent of one that was executed. Tests of what happens when Python
itself starts, such as options of the interpreter, the locale and imports, must not use this package.
"""
