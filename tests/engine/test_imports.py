"""The modules that the engine's client and server import."""

import subprocess
import sys


def test_client_imports_no_torch_and_server_no_torchvision() -> None:
    def imported_by(module: str) -> set[str]:
        program = f"import {module}, sys; print(*sys.modules)"
        out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        return {name.partition(".")[0] for name in out.split()}

    assert not {"torch", "torchvision", "numpy", "textual"} & imported_by("fashion_tui.engine.client")
    server = imported_by("fashion_tui.engine.server.serve")
    assert "torch" in server
    assert not {"torchvision", "textual"} & server
