"""What is installed beside the program: manual pages, and what shells need to complete commands and flags.

In: the program, which prints them from the definitions of its flags, so that none of it is kept and none can be old.
Out: the files, by their paths below a prefix such as /usr. Nothing else is run.
"""

import subprocess
import tempfile
from pathlib import Path

COMPLETIONS = {
    "bash": "share/bash-completion/completions/wandward",
    "zsh": "share/zsh/site-functions/_wandward",
    "fish": "share/fish/vendor_completions.d/wandward.fish",
}


def files(program):
    """The files by their paths, sorted. `program` must be one that this machine can run."""
    found = {}
    for shell, path in COMPLETIONS.items():
        ran = subprocess.run([str(program), "completions", shell], stdout=subprocess.PIPE, check=True)
        found[path] = ran.stdout
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([str(program), "man", "--folder", folder], check=True)
        for page in Path(folder).iterdir():
            found["share/man/man1/" + page.name] = page.read_bytes()
    return dict(sorted(found.items()))
