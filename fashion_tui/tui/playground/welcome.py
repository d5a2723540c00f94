"""The welcome text of the Playground, and its help."""

from fashion_tui.tui.actions import spelled_key, with_keys

EXAMPLES = (
    "net(train_data[0][0][None]).softmax(dim=1)",
    "w = torch.ones(3, requires_grad=True); w.sum()",
    "show(train_data[0])",
)
"""Example cells. The simplest is last, because the up key offers the last example first."""

_LESSONS = spelled_key("playground", "lessons")
_HELP = spelled_key("everywhere", "help", inside_editors=True)
_QUIT = spelled_key("everywhere", "quit", inside_editors=True)

LINES = (
    "Python with torch, nn, F, the network net, the data sets",
    "train_data and test_data, your runs and the lab library.",
    "show(...) draws images and tensors.",
    "After a run, runs.latest.model() is the trained model.",
    "",
    "To begin:",
    f"  {_LESSONS:7} opens the lessons, which run here",
    f"  {_HELP:7} shows the keys of the current pane; {_QUIT} quits",
    "  up      recalls these examples, and enter runs them:",
    *(f"          {example}" for example in reversed(EXAMPLES)),
    "",
)

HELP = with_keys(
    "playground",
    """\
A Python kernel with `torch`, `nn`, `F`, the network `net`, the data sets `train_data` and `test_data` and their
`classes` already loaded. `show(x)` draws an image, a batch, a matrix or a vector, and `lab` is the library behind the
other panes. Modules in the working directory can be imported; an installed module of the same name takes precedence.
If your code hangs or crashes, only this kernel is affected: the app and the runs continue.

`model = runs.latest.model()` is the trained network of the newest run. It takes images with values in [0, 1], like
those in the data sets: `model(test_data[:100][0])`. Its first layer normalises them; `model.network` is the network
without it.

**enter** runs complete code and begins a new line in incomplete code; **alt+enter** always begins one. **tab**
completes names, **↑** and **↓** browse the history, **{search}** searches it, and **page up** and **page down** scroll
the transcript. **{docs}** or `name?` shows the documentation of a name. Magics such as `%timeit`, shell commands such
as `!ls`, and `await` work as in IPython; `breakpoint()` opens the debugger, and `exit` restarts the kernel.

**esc** moves from the prompt to the transcript, where **↑** and **↓** select a cell: **enter** puts its code into the
prompt, **{copy_result}** copies its result and **{copy_code}** its code to your clipboard, over SSH too if your
terminal supports OSC 52. In tmux, run `set -g set-clipboard on` first. **{save}** saves the session as a notebook or
as Python. **{toggle_frames}** unfolds the library frames of tracebacks.

To open `jupyter console` on the same kernel in another terminal, press **{copy_console_command}** outside the prompt,
which copies the command, or run `fashion-tui kernel`, which prints it.
""",
)
