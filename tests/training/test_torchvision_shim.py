import subprocess
import sys


def test_torchvision_imports_and_makes_networks_in_a_fresh_interpreter() -> None:
    code = (
        "from endolink.training.torchvision_shim import torchvision\n"
        "import torchvision as again\n"
        "assert again is torchvision\n"
        "print(len(torchvision.models.list_models()) > 50)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
