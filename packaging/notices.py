"""The licences of what is compiled into the program, which ask that they come with it.

In: the crates that cargo names, with what they hold beside their sources. Out: one text, each licence once, with the crates
that it is for. A crate that brings no licence file is named with what it says its licence is.
"""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("license", "licence", "copying", "notice", "unlicense")


def crates():
    """The crates that end up in the program, not those that build or test it."""
    tree = ["cargo", "tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"]
    ran = subprocess.run(tree, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    used = {tuple(line.split()[:2]) for line in ran.stdout.decode().splitlines() if line}
    told = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", host()]
    packages = json.loads(subprocess.run(told, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)["packages"]
    of = [crate for crate in packages if (crate["name"], "v" + crate["version"]) in used and crate["source"]]
    return sorted(of, key=lambda crate: (crate["name"], crate["version"]))


def host():
    """The target that this machine is; cargo would fetch the crates of all others, too."""
    said = subprocess.run(["rustc", "-vV"], stdout=subprocess.PIPE, check=True).stdout.decode()
    return next(line.split()[1] for line in said.splitlines() if line.startswith("host: "))


def licences(crate):
    """The texts of the licences that a crate brings, those of the C code in it too."""
    folder = Path(crate["manifest_path"]).parent
    for path in sorted(folder.rglob("*")):
        depth = len(path.relative_to(folder).parts)
        if depth <= 2 and path.is_file() and path.name.lower().startswith(NAMES):
            yield path.read_text(errors="replace").strip()


def text():
    """All of them, the most common first."""
    whose, texts, none = {}, {}, []
    for crate in crates():
        name = "{} {}".format(crate["name"], crate["version"])
        # The same words in lines of another width are the same licence.
        found = {" ".join(licence.lower().split()): licence for licence in licences(crate)}
        for words, licence in found.items():
            texts.setdefault(words, licence)
            whose.setdefault(words, []).append(name)
        if not found:
            none.append("{}: {}, {}".format(name, crate["license"], crate["repository"]))
    parts = ["wandward is made of these crates, too. Under each list of them is the licence that they come with.\n"]
    for words, names in sorted(whose.items(), key=lambda item: (-len(item[1]), item[1])):
        parts.append("{}\n\n{}\n".format("\n".join(names), texts[words]))
    if none:
        parts.append("These bring no text of their licence:\n\n{}\n".format("\n".join(none)))
    return ("\n" + "=" * 80 + "\n\n").join(parts)


if __name__ == "__main__":
    print(text(), end="")
