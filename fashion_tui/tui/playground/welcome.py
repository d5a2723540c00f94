"""What a newcomer reads first, and the help."""

EXAMPLES = (
    "net(train_data[0][0][None]).softmax(dim=1)",
    "w = torch.ones(3, requires_grad=True); w.sum()",
    "show(train_data[0])",
)
"""The simplest last: it is the first that the up key brings."""

LINES = (
    "Python with torch, nn, F, a network net, the pictures",
    "train_data and test_data, your runs, the library lab,",
    "and show(...), which draws what it is given.",
    "Some things to try:",
    "",
    *(f"  {example}" for example in reversed(EXAMPLES)),
    "",
)

HELP = """\
A Python kernel of your own, with `torch`, `nn`, `F`, a network `net`, the data sets `train_data` and `test_data` and
their `classes` at hand. `show(x)` draws a picture, a batch, a matrix or a vector; `runs.latest.model()` is a trained
network, and `lab` the library behind the other panes. Whatever it does, the app and the runs go on.

**enter** runs what is whole and opens a new line in what isn't; **alt+enter** opens one anywhere. **tab** completes,
**↑** and **↓** walk through what was typed before, **ctrl+r** searches it, **page up** and **page down** walk through
the transcript. **ctrl+o** or `name?` tells of a name; magics such as `%timeit`, `!commands` and `await` work as in
IPython.

**esc** leaves the prompt for the transcript, where **↑** and **↓** choose a cell: **enter** brings its code into the
prompt, **y** copies its value and **Y** its code to your own clipboard, over SSH too, if your terminal knows OSC 52.
tmux passes that on after `set -g set-clipboard on`. **ctrl+s** saves the session as a notebook or as Python.

`jupyter console` opens on the same kernel from another terminal: **J** outside of the prompt copies the command, and
`fashion-tui kernel` prints it.
"""
