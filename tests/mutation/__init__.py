"""Mutation testing: change the package in many small ways, and see whether the tests notice each change.

    make test-mutation
    .venv/bin/python -m tests.mutation --help

A change is called a mutant. The mutants are those of mutmut, sampled with a seed. Each one is applied to a copy of the
project; then the tests that run the changed line are run for at most one minute, the fastest first. coverage.py records
which tests run a line, including tests that run it in a child process, such as a trainer, an engine or a kernel.
"""
