"""What the two sides of the engine load."""

import subprocess
import sys


def test_the_client_knows_no_torch_and_the_server_no_torchvision() -> None:
    def loaded_by(module: str) -> set[str]:
        program = f"import {module}, sys; print(*sys.modules)"
        out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        return {name.partition(".")[0] for name in out.split()}

    assert not {"torch", "torchvision", "numpy", "textual"} & loaded_by("fashion_tui.engine.client")
    server = loaded_by("fashion_tui.engine.server.loop")
    assert "torch" in server
    assert not {"torchvision", "textual"} & server
