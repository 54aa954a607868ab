"""Virtual environments in the cache folder, for what benches compare with."""

import subprocess
import sys

from support.processes.openapi_corpus import cache_folder

FASTMCP = "fastmcp==4.1.2"


def peer_environment(*packages: str) -> str:
    """Make a virtual environment with these packages, once; answer its Python."""
    folder = cache_folder() / "+".join(packages).replace("==", "-")
    python = folder / "bin" / "python"
    if not (folder / ".installed").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", *packages]
        subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
        (folder / ".installed").touch()
    return str(python)
